"""The command that brings the deployments to a Prefect server: `batch-scoring deploy`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deployments.console import show

if TYPE_CHECKING:
    from deployments.deploying import Deployed

PREFECT_FILE = Path("deployments/prefect.yaml")

DEPLOY_KEYS: Final = ("deployments", "work_pools", "removed_schedules", "left_the_file", "pruned")
"""What `deploy --json` prints."""


def add_deploy_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `deploy` to the command line."""
    deploy = commands.add_parser("deploy", help="deploy the flows with their schedules to a Prefect server")
    deploy.add_argument(
        "--prefect-file", type=Path, default=PREFECT_FILE, metavar="FILE", help=f"by default {PREFECT_FILE}"
    )
    deploy.add_argument("--work-pool", metavar="NAME", help="instead of those that the file names")
    deploy.add_argument("--prune", action="store_true", help="remove deployments of ours that have left the file")
    deploy.add_argument("--json", action="store_true", help="print one JSON object on standard output")
    deploy.set_defaults(command=_deploy, json_keys=DEPLOY_KEYS)


def _deploy(options: argparse.Namespace) -> int:
    # Imported here, since the other commands do without it: it takes two seconds.
    from deployments.deploying import deploy

    deployed = deploy(options.prefect_file, work_pool=options.work_pool, prune=options.prune)
    show(deployed.model_dump_json() if options.json else _in_words(deployed))
    return 0


def _in_words(deployed: "Deployed") -> str:
    width = max(len(name) for name in deployed.deployments)
    lines = [f"  {name:<{width}}  {', '.join(when) or 'by hand'}" for name, when in deployed.deployments.items()]
    lines = ["Deployed:", *lines, ""]
    if deployed.removed_schedules:
        lines.append(f"Schedules removed, which the file does not have: {'; '.join(deployed.removed_schedules)}.")
    if deployed.left_the_file:
        names = ", ".join(deployed.left_the_file)
        lines.append(f"Not in the file, but on the server with their schedules: {names}. --prune removes them.")
    if deployed.pruned:
        lines.append(f"Removed, since the file does not have them: {', '.join(deployed.pruned)}.")
    lines += [f"A worker takes their runs: prefect worker start --pool '{pool}'" for pool in deployed.work_pools]
    return "\n".join(lines)
