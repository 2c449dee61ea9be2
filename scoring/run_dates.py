"""The run date: the day that a run is for, by which its input is found and its result is published."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Final
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field

PLACE: Final = "{run_date}"
"""Stands for the run date in the names of inputs."""

_ZONES: Final = sorted(available_timezones())


def _known(name: str) -> str:
    if name not in _ZONES:
        raise ValueError(f"There is no time zone {name!r}. Give a name such as Europe/Berlin or UTC.")
    return name


# The names are in the schema too, so that a form offers them and Prefect's server refuses any other.
TimeZone = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": [*_ZONES]})]
"""A name of the IANA time zone database."""


def run_date_of(scheduled: datetime, time_zone: str) -> date:
    """The day on which `scheduled` falls in the time zone: 23:30 UTC is 00:30 of the next day in Berlin.

    Args:
        scheduled: When the run was to begin, with its own time zone.
        time_zone: Of the schedule.
    """
    return scheduled.astimezone(ZoneInfo(time_zone)).date()


def on_run_date(inputs: Iterable[str], run_date: date) -> list[str]:
    """The inputs, with `{run_date}` in their names filled in as in 2026-11-28."""
    return [name.replace(PLACE, run_date.isoformat()) for name in inputs]
