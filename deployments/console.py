"""What people see in the terminal: progress on standard error, results on standard output."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from bes.redaction import RedactingFilter
from scoring.summary import RunSummary

OUR_LOGGERS = ("bes", "scoring", "tasks", "flows", "deployments")


@contextmanager
def progress_on(stream: TextIO, *, verbose: bool) -> Iterator[None]:
    """Show the log lines of our own packages, one fact a line, while the block runs."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s", datefmt="%H:%M:%S"))
    handler.addFilter(RedactingFilter())
    for name in OUR_LOGGERS:
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG if verbose else logging.INFO)
    # Its debug lines hold whole SAS addresses.
    logging.getLogger("urllib3").setLevel(logging.INFO)
    try:
        yield
    finally:
        for name in OUR_LOGGERS:
            logging.getLogger(name).removeHandler(handler)


def say(text: str) -> None:
    """One line for people, beside the progress."""
    print(text, file=sys.stderr, flush=True)


def show(text: str) -> None:
    """A result, on standard output."""
    print(text, flush=True)


def summary_text(summary: RunSummary) -> str:
    """The summary of a run as a person wants to read it."""
    rows = [
        ("rows in", f"{summary.n_input:,}"),
        ("scored", f"{summary.n_scored:,}"),
        ("quarantined", f"{summary.n_quarantined:,}{_refused(summary)}"),
        ("failed", f"{summary.n_failed:,}"),
        ("jobs", f"{summary.n_jobs:,}"),
        ("duration", f"{summary.duration_seconds:.1f} s"),
        ("predictions", str(summary.predictions)),
        ("quarantine", str(summary.quarantine)),
        ("manifest", str(summary.manifest)),
        ("Data Docs", str(summary.data_docs)),
        *([("report", str(summary.report))] if summary.report else []),
        *([("latest", summary.latest)] if summary.latest else []),
    ]
    how = "was published before, and nothing was scored again" if summary.published_before else f"is {summary.status}"
    to_readers = "; readers have another version" if summary.latest else ""
    lines = [f"Run {summary.run_key} {how}{to_readers}: every row is accounted for.", ""]
    lines += [f"  {name:<12} {value}" for name, value in rows]
    if summary.latest and summary.published_before:
        lines += ["", "To make it the latest, run again with --rescore."]
    return "\n".join(lines)


def _refused(summary: RunSummary) -> str:
    return f", {summary.n_refused:,} of them refused by the web service" if summary.n_refused else ""
