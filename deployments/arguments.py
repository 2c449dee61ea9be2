"""Arguments that several commands have: what is scored, by which contract, in which jobs, for which day."""

import argparse
from datetime import date


def add_input_arguments(command: argparse.ArgumentParser) -> None:
    """Add them to a command."""
    command.add_argument("inputs", nargs="+", metavar="INPUT", help="CSV file, folder of them, or glob pattern")
    command.add_argument("--contract", required=True, help="name of a contract, or path of its YAML file")
    command.add_argument("--rows-per-job", type=_positive, metavar="N", help="most rows that one BES job is given")
    command.add_argument(
        "--bytes-per-job", type=_positive, metavar="N", help="most bytes of an input file that one BES job is given"
    )
    command.add_argument("--run-date", type=date.fromisoformat, help="date (ISO) under which the result is published")
    command.add_argument("--json", action="store_true", help="print one JSON object on standard output")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not a positive number")
    return number
