"""The commands that serve until Ctrl-C: `batch-scoring serve | serve-all`."""

import argparse
import contextlib
import json
import shlex
import signal
from pathlib import Path
from typing import Final

from deployments.console import say, show
from deployments.embedded import Surroundings, environment_of, surroundings
from deployments.serve_all import PREFECT_PORT, everything

_SAMPLE: Final = Path(__file__).parent.parent / "data" / "samples" / "book_reviews.csv"


def add_serve_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `serve` and `serve-all` to the command line."""
    serve = commands.add_parser("serve", help="serve the web service, its gateway and storage until Ctrl-C")
    serve.add_argument("--definition", type=Path, help="a service.toml of your own instead of Feature Hashing")
    serve.set_defaults(command=_serve, json=False)

    serve_all = commands.add_parser(
        "serve-all", help="serve all of that with a Prefect server, the deployments and a worker until Ctrl-C"
    )
    serve_all.add_argument(
        "--ui-port",
        type=int,
        default=PREFECT_PORT,
        metavar="PORT",
        help="port of the Prefect UI (%(default)s; another one if it is taken, or with 0)",
    )
    serve_all.set_defaults(command=_serve_all, json=False)


def _serve(options: argparse.Namespace) -> int:
    with surroundings(use_settings=False, with_prefect=False, definition=options.definition) as chosen:
        # Ids and key of a definition of the user's own are the user's to know.
        unknown = ("WORKSPACE", "SERVICE", "API_KEY") if options.definition else ()
        _show_exports(chosen, unknown)
        say(f"The console is at {chosen.console_url}")
        if unknown:
            say(f"Workspace, service and API key are those of {str(options.definition)!r}: set them as well.")
        say("Serving until Ctrl-C. Paste the lines above into another terminal to use it from there.")
        _wait_for_interrupt()
    return 0


def _serve_all(options: argparse.Namespace) -> int:
    with everything(ui_port=options.ui_port) as chosen:
        _show_exports(chosen)
        inputs = shlex.quote(f"inputs={json.dumps([str(_SAMPLE)])}")
        say("Serving until Ctrl-C. Paste the lines above into another terminal, and start a run there:")
        say(f"  prefect deployment run batch-scoring/on-demand --param {inputs} --watch")
        say(f"The Prefect UI is at {(chosen.prefect_api or '').removesuffix('/api')}")
        say(f"The console of the web service is at {chosen.console_url}")
        _wait_for_interrupt()
        say("Stopping. A run that is not over goes on at the next start of serve-all.")
    return 0


def _show_exports(chosen: Surroundings, unknown: tuple[str, ...] = ()) -> None:
    for name, value in environment_of(chosen).items():
        ours = name.startswith("BATCH_SCORING_") and name.removeprefix("BATCH_SCORING_ENDPOINT_") not in unknown
        if value and (ours or name == "PREFECT_API_URL"):
            show(f"export {name}={shlex.quote(value)}")


def _wait_for_interrupt() -> None:
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()
