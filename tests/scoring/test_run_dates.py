"""The run date follows the schedule's time zone, and fills the names of inputs."""

from datetime import UTC, date, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from scoring.run_dates import TimeZone, on_run_date, run_date_of


@pytest.mark.parametrize(
    ("scheduled", "time_zone", "expected"),
    [
        ("2026-11-27T23:30+00:00", "Europe/Berlin", "2026-11-28"),
        ("2026-11-27T23:30+00:00", "UTC", "2026-11-27"),
        ("2026-11-28T00:30+00:00", "America/New_York", "2026-11-27"),
        # Half an hour after midnight, before and after each change of the clocks.
        ("2027-03-27T23:30+00:00", "Europe/Berlin", "2027-03-28"),
        ("2027-03-28T22:30+00:00", "Europe/Berlin", "2027-03-29"),
        ("2027-10-30T22:30+00:00", "Europe/Berlin", "2027-10-31"),
        ("2027-10-31T23:30+00:00", "Europe/Berlin", "2027-11-01"),
    ],
)
def test_the_run_date_is_the_day_in_the_time_zone_of_the_schedule(scheduled: str, time_zone: str, expected: str):
    moment = datetime.fromisoformat(scheduled)
    assert run_date_of(moment, time_zone).isoformat() == expected
    assert run_date_of(moment.astimezone(UTC), time_zone).isoformat() == expected


def test_the_run_date_stands_in_the_names_of_inputs_and_other_braces_stay():
    names = ["in/{run_date}/*.csv", "{run_date}-{run_date}.csv", "{site}.csv", "plain.csv"]
    assert on_run_date(names, date(2026, 11, 8)) == [
        *("in/2026-11-08/*.csv", "2026-11-08-2026-11-08.csv", "{site}.csv", "plain.csv"),
    ]


def test_a_time_zone_that_does_not_exist_is_refused_by_value_and_by_schema():
    zone = TypeAdapter(TimeZone)
    assert zone.validate_python("Europe/Berlin") == "Europe/Berlin"
    assert "Europe/Berlin" in zone.json_schema()["enum"]
    for wrong in ("Europe/Berln", "CEST", "", "../UTC"):
        assert wrong not in zone.json_schema()["enum"]
        with pytest.raises(ValidationError, match="There is no time zone"):
            zone.validate_python(wrong)
