"""What the command line says of a run at its end."""

from pathlib import Path

import pytest

from deployments.console import summary_text
from scoring.summary import RunSummary


def summary(**changes: object) -> RunSummary:
    here = Path("/runs/0f91e4fbbf1384cb")
    base = RunSummary(
        run_key="0f91e4fbbf1384cb",
        status="published",
        n_input=2,
        n_scored=2,
        n_quarantined=0,
        n_refused=0,
        n_failed=0,
        n_jobs=1,
        duration_seconds=4.0,
        predictions=here / "predictions.csv",
        quarantine=here / "quarantine.csv",
        manifest=here / "manifest.json",
        data_docs=here / "data_docs" / "index.html",
    )
    return base.model_copy(update=changes)


def test_a_result_that_readers_do_not_have_is_told_with_what_they_have():
    there = "published/reviews/2026-11-28/7af5a7a26ee2bd5f-g1"
    lines = summary_text(summary(latest=there, published_before=True)).splitlines()
    assert "; readers have another version: every row is accounted for." in lines[0]
    assert f"  latest       {there}" in lines
    assert lines[-1] == "To make it the latest, run again with --rescore."
    assert "--rescore" not in summary_text(summary(latest=there))


@pytest.mark.parametrize(
    ("published_before", "first"),
    [
        (False, "Run 0f91e4fbbf1384cb is published: every row is accounted for."),
        (True, "Run 0f91e4fbbf1384cb was published before, and nothing was scored again: every row is accounted for."),
    ],
)
def test_a_result_that_was_there_is_not_said_to_be_new(published_before: bool, first: str):
    assert summary_text(summary(published_before=published_before)).splitlines()[0] == first
