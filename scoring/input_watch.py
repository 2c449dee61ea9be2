"""Looks whether the input of a run is there before the run needs it."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from bes.errors import ConfigurationError, InputError
from scoring.inputs import find_inputs
from scoring.run_dates import PLACE, on_run_date


def missing_inputs(inputs: Iterable[str], run_date: date, *, changed_within: timedelta | None) -> list[str]:
    """Those of the inputs, with the date filled in, that name no new file.

    Args:
        inputs: Paths, folders or glob patterns, as the run is given them.
        run_date: Fills `{run_date}` in them.
        changed_within: A file that has not changed for longer is not new; None asks only whether it is there.

    Raises:
        ConfigurationError: One of the inputs names the same files every day, and `changed_within` is None: then nobody
            can tell that there is nothing new.
    """
    given = list(inputs)
    undated = [name for name in given if PLACE not in name]
    if undated and changed_within is None:
        raise ConfigurationError(
            f"{undated[0]!r} names the same files every day, so that yesterday's would pass for new.",
            f"Write {PLACE} into it, or give changed_within_hours.",
        )
    return [name for name in on_run_date(given, run_date) if not _has_new(name, changed_within)]


def _has_new(name: str, changed_within: timedelta | None) -> bool:
    try:
        found = find_inputs([name])
    except InputError:
        return False
    if changed_within is None:
        return True
    since = (datetime.now(UTC) - changed_within).timestamp()
    return any(path.stat().st_mtime >= since for path in found)
