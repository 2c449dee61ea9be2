"""Runs to be reported that never were: as large and as hostile as a test wants them."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from bes.settings import EndpointSettings
from scoring.attempts import Attempt, AttemptState, Verdict
from scoring.last_good import LastGood
from scoring.manifest import InputFile, Manifest
from scoring.output_profile import ColumnProfile, OutputProfile
from scoring.report.gathering import Known
from scoring.report.model import BooksLine
from scoring.report.timeline import ShardStory
from scoring.versions import Version

T = datetime(2026, 11, 28, 3, 30, tzinfo=UTC)
SHA = "3fbd0e43aa52f8a1c7c9a41f0bc2e77da11fbd0e43aa52f8a1c7c9a41f0bc2e7"
SERVICE = "fedcba9876543210fedcba9876543210"
ENDPOINT = EndpointSettings(url="https://gateway.test/bes", workspace="a" * 32, service=SERVICE)


def at(seconds: float) -> datetime:
    return T + timedelta(seconds=seconds)


def attempt(
    *,
    number: int = 1,
    begin: float = 0,
    state: AttemptState = AttemptState.VERIFIED,
    verdict: Verdict | None = None,
    session: str = "now",
) -> Attempt:
    """Sent for 1 s, queued for 2, run for 4, at home after another one."""
    return Attempt(
        number=number,
        generation=1,
        session=session,
        state=state,
        input_blob="in",
        output_blob="out",
        job_id="j",
        intent_at=at(begin),
        submitted_at=at(begin + 0.5),
        started_at=at(begin + 1),
        service_start_time=at(begin + 3).isoformat(),
        service_end_time=at(begin + 7).isoformat().replace("+00:00", "Z"),
        ended_at=at(begin + 7.5),
        verified_at=at(begin + 8) if state is AttemptState.VERIFIED else None,
        verdict=verdict,
        output_rows=100,
    )


def story(number: str, *attempts: Attempt, first_row: int = 0, n_rows: int = 100, file: str = "a.csv") -> ShardStory:
    return ShardStory(number=number, file=file, first_row=first_row, n_rows=n_rows, attempts=attempts)


def column(name: str, *, counts: tuple[int, ...] = (0, 10, 70, 20, 0), mean: float = 0.5) -> ColumnProfile:
    return ColumnProfile(
        name=name,
        is_numeric=True,
        n_rows=sum(counts),
        n_null=0,
        is_constant=False,
        minimum=0.0,
        maximum=1.0,
        mean=mean,
        standard_deviation=0.1,
        edges=(0.0, 0.3, 0.6, 1.0),
        counts=counts,
    )


def manifest(**changes: object) -> Manifest:
    base = Manifest(
        run_key="93ac1b2277aa41d0",
        status="published",
        contract="reviews",
        contract_sha256=SHA,
        endpoint=ENDPOINT.url or "",
        workspace=ENDPOINT.workspace,
        service=ENDPOINT.service,
        inputs=[],
        n_input=1000,
        n_scored=1000,
        n_quarantined=0,
        n_failed=0,
        jobs=[],
        started_at=T,
        ended_at=at(10),
        duration_seconds=10.0,
        predictions="p",
        predictions_sha256=SHA,
        quarantine="q",
        data_docs="d",
        run_date=date(2026, 11, 27),
    )
    return base.model_copy(update=changes)


def last_good(*columns: ColumnProfile, **changes: object) -> LastGood:
    version = Version(
        run_key="93ac1b2277aa41d0",
        generation=1,
        run_date=date(2026, 11, 27),
        folder="published/reviews/2026-11-27/93ac1b2277aa41d0-g1",
        predictions_sha256=SHA,
        n_scored=1000,
        published_at=T,
    )
    return LastGood(version=version, manifest=manifest(**changes), profile=OutputProfile(columns=columns))


def books(n_input: int = 1000, n_quarantined: int = 0, n_refused: int = 0) -> BooksLine:
    n_scored = n_input - n_quarantined
    return BooksLine(
        n_input=n_input,
        n_scored=n_scored,
        n_quarantined=n_quarantined,
        n_refused=n_refused,
        n_failed=0,
        n_open=0,
    )


def known(**changes: object) -> Known:
    base = Known(
        dataset="reviews",
        run_key="0f91e4fbbf1384cb",
        contract_sha256=SHA,
        endpoint=ENDPOINT,
        inputs=[InputFile(path="/in/a.csv", size_bytes=2048, sha256=SHA)],
        started_at=T,
        ended_at=at(12),
        books=books(),
        run_date=date(2026, 11, 28),
        version="published/reviews/2026-11-28/0f91e4fbbf1384cb-g1",
        session="now",
    )
    return replace(base, **changes)  # type: ignore[arg-type]
