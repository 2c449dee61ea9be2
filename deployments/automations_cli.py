"""The commands about alarms: `batch-scoring automations apply | list | remove`."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deployments.console import say, show

if TYPE_CHECKING:
    from deployments.automations import Alarms, Change

APPLY_KEYS: Final = ("changes", "silent")
"""What `apply --json` prints: what was done, by name; and which alarms have nobody to notify."""

_DEFAULT_TAG: Final = "batch-scoring"


def add_automations_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `automations apply`, `list` and `remove` to the command line."""
    automations = commands.add_parser("automations", help="make, list or remove the alarms on a Prefect server")
    actions = automations.add_subparsers(required=True, metavar="ACTION")

    apply = actions.add_parser("apply", help="give the server the alarms of the file, and no other ones of ours")
    apply.add_argument("--file", type=Path, metavar="FILE", help="a copy of deployments/automations.yaml of your own")
    apply.add_argument(
        "--set", action="append", default=[], type=_assignment, metavar="NAME=VALUE", help="change a parameter"
    )
    apply.add_argument("--json", action="store_true", help="print one JSON object on standard output")
    apply.set_defaults(command=_apply, json_keys=APPLY_KEYS)

    for name, command, what in (("list", _list, "list"), ("remove", _remove, "remove")):
        action = actions.add_parser(name, help=f"{what} the alarms that the server has")
        action.add_argument("--tag", default=_DEFAULT_TAG, help="tag of the runs that they watch")
        action.add_argument("--json", action="store_true", help="print one JSON object on standard output")
        action.set_defaults(command=command, json_keys=("automations",))


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def _apply(options: argparse.Namespace) -> int:
    # Imported here, like everything of Prefect: it takes two seconds, which other commands do without.
    from deployments.automations import ALARMS, AlarmFile, alarms_of, apply, notification_block, too_quiet, ui_address
    from deployments.prefect_server import prefect_server

    file = AlarmFile.load(options.file or ALARMS, dict(options.set))
    with prefect_server() as (client, api):
        block = notification_block(client, file.parameters.notify) if file.parameters.notify else None
        alarms = alarms_of(file, notification_block=block, ui=ui_address(api))
        changes: list[Change] = []
        for change in apply(client, alarms):
            changes.append(change)
            if not options.json:
                show(f"{change.what:<9}  {change.name}")
        quiet = too_quiet(client, file.parameters)
    _warn(alarms, quiet, file.parameters.heartbeat_tolerance_seconds)
    if options.json:
        show(json.dumps({"changes": {change.name: change.what for change in changes}, "silent": alarms.silent}))
    return 0


def _warn(alarms: "Alarms", quiet: list[str], tolerance: int) -> None:
    for name in alarms.silent:
        say(f"warning: {name!r} notifies nobody.")
    if alarms.silent:
        say(
            "No notification block is named. Make one in the UI (Blocks) or with `prefect block create`, and name it in"
            " the file as `notify`, or apply with --set notify=TYPE/NAME, such as notify=slack-webhook/on-call."
        )
    if quiet:
        say(
            f"warning: a run is marked Crashed after {tolerance} s without heartbeat, and these deployments may send"
            f" fewer than three in that time: {', '.join(quiet)}. Set PREFECT_FLOWS_HEARTBEAT_FREQUENCY to"
            f" {max(30, tolerance // 3)} or less in their job_variables.env, or heartbeat_tolerance_seconds higher."
        )


def _list(options: argparse.Namespace) -> int:
    from deployments.automations import ours
    from deployments.prefect_server import prefect_server

    with prefect_server() as (client, _):
        found = ours(client, options.tag)
    if options.json:
        show(json.dumps({"automations": {one.name: one.enabled for one in found}}))
        return 0
    for one in found:
        show(f"{'on' if one.enabled else 'paused':<7}  {one.name}: {one.description}")
    return 0


def _remove(options: argparse.Namespace) -> int:
    from deployments.automations import remove
    from deployments.prefect_server import prefect_server

    with prefect_server() as (client, _):
        removed = [change.name for change in remove(client, options.tag)]
    if options.json:
        show(json.dumps({"automations": removed}))
        return 0
    for name in removed:
        show(f"removed    {name}")
    return 0
