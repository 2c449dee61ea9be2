"""The run in a sentence, whether it is normal in another, and what to do about it."""

from collections.abc import Sequence

from scoring.counted import be, counted
from scoring.last_good import LastGood
from scoring.report.model import BooksLine, Change, Failure, GateLine, Verdict

_MOST_NAMED = 4
"""More is no sentence; the tables below have them all."""


def verdict_of(
    books: BooksLine,
    changes: Sequence[Change],
    gates: Sequence[GateLine],
    failure: Failure | None,
    *,
    last: LastGood | None,
    is_last_known: bool,
) -> Verdict:
    """What is said first."""
    warned = [gate for gate in gates if gate.outcome in ("warned", "stopped")]
    is_normal = _is_normal(changes, warned, last) if is_last_known else "It could not be compared with any run before."
    if failure is not None:
        latest = "No earlier version exists." if is_last_known else "What was the latest stays it."
        if last is not None:
            latest = f"The version of {last.version.run_date.isoformat()} stays the latest."
        return Verdict(kind="bad", sentence=f"Nothing was published. {latest}", is_normal=is_normal)
    notable = warned or any(change.is_notable for change in changes)
    return Verdict(kind="warn" if notable else "good", sentence=_published(books), is_normal=is_normal)


def next_steps_of(
    dataset: str,
    run_key: str,
    books: BooksLine,
    gates: Sequence[GateLine],
    failure: Failure | None,
    *,
    is_notable: bool,
    version: str | None,
) -> tuple[str, ...]:
    """What to do now. Text in backquotes is a command or a file."""
    if failure is not None:
        return (failure.next_step,)
    steps = []
    if books.n_quarantined:
        steps.append(
            f"Mend the {counted(books.n_quarantined, 'row')} of `quarantine.csv` in a copy of it, in the column `raw`,"
            f" then `batch-scoring requeue {run_key} --fixed COPY`."
        )
    if is_notable or any(gate.outcome == "warned" for gate in gates):
        # The page may be read when another version is the latest.
        steps.append(
            "Look at what stands out above. If it should not have been published:"
            f" `batch-scoring rollback {dataset} --if-latest {version}`."
        )
    return tuple(steps) or ("Nothing.",)


def _is_normal(changes: Sequence[Change], warned: Sequence[GateLine], last: LastGood | None) -> str:
    named = [f"{change.name} {change.difference}" for change in changes if change.is_notable]
    named += [f"the gate {gate.name}{f' of {gate.column}' if gate.column else ''}" for gate in warned]
    if last is None and not named:
        return "Nothing was published before, so there is nothing to compare it with."
    since = f"the run of {last.version.run_date.isoformat()}" if last else "its thresholds"
    if not named:
        return f"Compared with {since}, nothing stands out."
    more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
    return f"Compared with {since}, this stands out: {', '.join(named[:_MOST_NAMED])}{more}."


def _published(books: BooksLine) -> str:
    n_input, n_scored, n_bad = books.n_input or 0, books.n_scored, books.n_quarantined
    if n_scored == n_input:
        return f"{f'All {n_scored:,} rows are' if n_scored > 1 else 'The only row is'} scored and published."
    return f"{n_scored:,} of {n_input:,} rows {be(n_scored)} scored and published; {n_bad:,} {be(n_bad)} quarantined."
