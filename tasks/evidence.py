"""What a run leaves in Prefect: its books, its jobs, what rows broke, and where its files are."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.exceptions import PrefectException

from scoring.report.figures import UNKNOWN, count, seconds
from scoring.report.model import RunReport
from tasks.keys import artifact_key

logger = logging.getLogger(__name__)

MOST_JOBS = 1_000
"""Lines of the table of jobs; the manifest has all."""

_NOW = "**What to do now.**"
_MARKS = frozenset("\\`*_[]<>#|!~")

Places = dict[str, Path]
"""What each file of the run is called, and where it is on this machine."""


@contextmanager
def bearing_outages() -> Iterator[None]:
    """A Prefect server that is away costs the artifacts of the block, and never what they tell about."""
    try:
        yield
    except (httpx.HTTPError, PrefectException) as error:
        logger.warning("not all artifacts of the run are in Prefect: %s", type(error).__name__)


def leave_artifacts(report: RunReport, jobs: Sequence[dict[str, Any]], places: Places) -> None:
    """Artifacts of a run, however it ended. A server that is away costs the artifacts, and never the run.

    Args:
        report: What there is to say.
        jobs: One line for each job.
        places: Files that exist.
    """
    with bearing_outages():
        create_markdown_artifact(
            key=artifact_key(report.dataset, "summary"),
            markdown=summary(report, places),
            description=report.verdict.sentence,
        )
        if jobs:
            create_table_artifact(
                key=artifact_key(report.dataset, "jobs"),
                table=list(jobs[:MOST_JOBS]),
                description=f"The BES jobs, one line each{_first_of(len(jobs), MOST_JOBS)}.",
            )
        if report.findings:
            create_table_artifact(
                key=artifact_key(report.dataset, "quarantine"),
                table=findings_table(report),
                description="Rules that rows of the input break, and the first row that breaks each.",
            )
        for name, path in places.items():
            create_link_artifact(
                link=path.as_uri(),
                link_text=str(path),
                key=artifact_key(report.dataset, name),
                description=f"{name[:1].upper()}{name[1:]}, on the machine that ran it{_also(report, name, path)}.",
            )


def leave_error(dataset: str, what: str, next_step: str) -> None:
    """The summary of a run of which nothing but its error is known."""
    with bearing_outages():
        create_markdown_artifact(
            key=artifact_key(dataset, "summary"),
            markdown="\n\n".join(
                (f"# {_plain(dataset)}: nothing was published", _plain(what), f"{_NOW} {_with_code(next_step)}\n")
            ),
            description="Nothing was published.",
        )


def summary(report: RunReport, places: Places) -> str:
    """The run on one page, in Markdown."""
    books, failure = report.books, report.failure
    n_in_vain = report.timeline.n_jobs_in_vain if report.timeline else 0
    lines = [
        ("rows in", count(books.n_input)),
        ("scored", count(books.n_scored)),
        ("quarantined", count(books.n_quarantined)),
        ("of them refused by the web service", count(books.n_refused)),
        ("failed", count(books.n_failed)),
        *([("not scored yet", count(books.n_open))] if failure else []),
        ("jobs for the input", count(report.timeline.n_jobs) if report.timeline else UNKNOWN),
        *([("jobs in vain", count(n_in_vain))] if n_in_vain else []),
        ("duration", seconds(report.duration_seconds)),
    ]
    table = "\n".join(f"| {name} | {value} |" for name, value in lines)
    parts = [
        f"# {_plain(report.dataset)}: {report.verdict.sentence}",
        _plain(failure.what) if failure else "",
        _plain(report.verdict.is_normal),
        f"| | |\n| --- | --: |\n{table}",
        f"{_NOW} {' '.join(_with_code(step) for step in report.next_steps)}",
        "\n".join(f"- {name}: `{path}`" for name, path in places.items()),
        f"In the container: `{report.version}`" if report.version else "",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def findings_table(report: RunReport) -> list[dict[str, Any]]:
    """Rules, with how many rows break them."""
    return [
        {
            "rule": finding.rule,
            "column": finding.column,
            "rows": finding.count,
            "quarantined": finding.is_quarantined,
            "message": finding.message,
            "example": finding.example,
        }
        for finding in report.findings
    ]


def _plain(text: str) -> str:
    # What a file or a service says is text, not Markdown.
    return "".join(f"\\{character}" if character in _MARKS else character for character in text)


def _with_code(text: str) -> str:
    """Text in which what stands in backquotes is a command or a file."""
    parts = text.split("`")
    return "`".join(part if place % 2 else _plain(part) for place, part in enumerate(parts))


def _also(report: RunReport, name: str, path: Path) -> str:
    return f"; in the container `{report.version}/{path.name}`" if report.version and name != "data docs" else ""


def _first_of(n_all: int, n_shown: int) -> str:
    return f"; the first {n_shown:,} of {n_all:,}" if n_all > n_shown else ""
