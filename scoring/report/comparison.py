"""What changed since the last good run, and which of it a person should look at."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from scoring.last_good import LastGood
from scoring.report.figures import seconds, signed
from scoring.report.model import Change

# Where a person begins to wonder. What may be published is for the gates to say.
_ROWS_APART = 0.2
_SCORED_POINTS_APART = 1.0
_TIMES_AS_LONG = 2.0

_LOOPBACK = "127.0.0.1"

_DIGITS = 8
"""Of a digest or an id, enough to tell two apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What can be compared of a run. None stands for what is not known, since the run did not come so far."""

    n_input: int | None
    n_scored: int | None
    contract_sha256: str
    endpoint: str
    workspace: str
    service: str
    duration_seconds: float | None


def changes_since(last: LastGood | None, now: Facts) -> tuple[Change, ...]:
    """Each fact beside the same one of the last good run; nothing when there is none."""
    if last is None:
        return ()
    manifest = last.manifest
    before = Facts(
        n_input=manifest.n_input,
        n_scored=manifest.n_scored,
        contract_sha256=manifest.contract_sha256,
        endpoint=manifest.endpoint,
        workspace=manifest.workspace,
        service=manifest.service,
        duration_seconds=manifest.duration_seconds,
    )
    return tuple(_changes(before, now))


def _changes(before: Facts, now: Facts) -> Iterator[Change]:
    if before.n_input and now.n_input is not None:
        yield _of_rows(before.n_input, now.n_input)
    if before.n_input and now.n_input and now.n_scored is not None:
        yield _of_share((before.n_scored or 0) / before.n_input, now.n_scored / now.n_input)
    if before.duration_seconds and now.duration_seconds is not None:
        yield _of_duration(before.duration_seconds, now.duration_seconds)
    yield _of_names("contract", before.contract_sha256[:_DIGITS], now.contract_sha256[:_DIGITS])
    yield _of_names("web service", before.service[:_DIGITS], now.service[:_DIGITS])
    if before.workspace != now.workspace:
        yield _of_names("workspace", before.workspace, now.workspace)
    if _place(before.endpoint) != _place(now.endpoint):
        yield _of_names("endpoint", before.endpoint, now.endpoint)


def _of_rows(before: int, now: int) -> Change:
    change = now / before - 1
    return Change(
        name="rows in",
        before=f"{before:,}",
        now=f"{now:,}",
        difference=signed(f"{100 * change:+,.1f} %"),
        is_notable=abs(change) >= _ROWS_APART,
    )


def _of_share(before: float, now: float) -> Change:
    points = 100 * (now - before)
    return Change(
        name="share scored",
        before=f"{100 * before:.2f} %",
        now=f"{100 * now:.2f} %",
        difference=signed(f"{points:+.2f} points"),
        is_notable=points <= -_SCORED_POINTS_APART,
    )


def _of_duration(before: float, now: float) -> Change:
    times = now / before
    return Change(
        name="duration",
        before=seconds(before),
        now=seconds(now),
        difference=f"{times:.1f} times",
        is_notable=times >= _TIMES_AS_LONG,
    )


def _place(endpoint: str) -> str:
    """An endpoint; one of this machine without its port, which the embedded default chooses anew each time."""
    parts = urlsplit(endpoint)
    return f"{parts.hostname}{parts.path}" if parts.hostname == _LOOPBACK else endpoint


def _of_names(name: str, before: str, now: str) -> Change:
    same = before == now
    return Change(name=name, before=before, now=now, difference="the same" if same else "changed", is_notable=not same)
