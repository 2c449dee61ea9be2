"""What is told to Prefect about work that is done: under which key, under which id, and when the server is away."""

import logging
import socket
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from tasks import events
from tasks.keys import artifact_key
from tasks.sweep import tell_swept

DAY = date(2026, 11, 28)


@pytest.mark.parametrize(
    "contract", ["Book_Reviews", "contracts/Book_Reviews.yaml", str(Path("/srv/Book_Reviews.yml"))]
)
def test_artifacts_have_the_same_key_whether_the_contract_is_named_or_its_file(contract: str):
    assert artifact_key(contract, "quarantine file") == "book-reviews-quarantine-file"


def test_another_look_for_input_is_told_again_only_when_something_else_is_missing(monkeypatch: pytest.MonkeyPatch):
    ids: list[UUID] = []

    def emit(_event: str, *, id: UUID, **_: Any) -> None:  # noqa: A002 (Prefect's name)
        ids.append(id)

    monkeypatch.setattr(events, "emit_event", emit)
    for missing in (["a.csv", "b.csv"], ["b.csv", "a.csv"], ["b.csv"]):
        events.tell_missing("book_reviews", DAY, missing)

    assert ids[0] == ids[1] != ids[2]


# No run is needed to see what becomes of the error.
@pytest.mark.filterwarnings("ignore:Artifact creation outside:FutureWarning")
def test_a_sweep_is_done_although_the_server_that_it_is_told_to_is_away(caplog: pytest.LogCaptureFixture):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        api = f"http://127.0.0.1:{nobody.getsockname()[1]}/api"
        settings = {PREFECT_API_URL: api, PREFECT_CLIENT_MAX_RETRIES: 0}
        with temporary_settings(settings), caplog.at_level(logging.WARNING, logger="tasks"):
            tell_swept.fn([])

    assert "not all artifacts of the run are in Prefect: ConnectError" in caplog.text
