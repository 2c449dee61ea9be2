import datetime as dt

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.contract.rules.strftime_formats import StrftimeFormat

FORMATS = [
    "%Y-%m-%d",
    "%Y-%m-%dT%H:%M:%SZ",
    "%d.%m.%y %H%M",
    "%Y%m%d%H%M%S%f",
    "%d %B %Y",
    "%j/%Y",
    "100%% %d",
    "%H:%M.%f%S",
]


def is_read(cell: str, format_: str) -> bool:
    try:
        dt.datetime.strptime(cell, format_)  # noqa: DTZ007
    except ValueError:
        return False
    return True


def unread(format_: str, *cells: str | None) -> list[int]:
    mask = StrftimeFormat(format_).unread(pa.array(cells, pa.string()))
    return [] if mask is None else [row for row, is_broken in enumerate(mask.to_pylist()) if is_broken]


@pytest.mark.parametrize("format_", FORMATS)
@given(
    moment=st.datetimes(min_value=dt.datetime(1000, 1, 1))  # noqa: DTZ001
)
def test_what_a_format_writes_is_read(format_: str, moment: dt.datetime):
    assert unread(format_, moment.strftime(format_), None) == []


@pytest.mark.parametrize("format_", FORMATS)
@given(data=st.data())
def test_a_cell_is_read_if_strptime_reads_it(format_: str, data: st.DataObject):
    written = data.draw(st.datetimes()).strftime(format_)
    place, stroke = data.draw(st.integers(0, len(written))), data.draw(st.text("0123459 -:.٣", max_size=2))
    cell = written[:place] + stroke + written[place + data.draw(st.integers(0, 2)) :]

    assert unread(format_, cell) == ([] if is_read(cell, format_) else [0])


@pytest.mark.parametrize(
    "cell", ["2023-02-29", "1900-02-29", "2026-04-31", "0000-01-01", "2026-11-28 ", "", "2026-00-01"]
)
def test_a_day_that_does_not_exist_is_not_read(cell: str):
    assert unread("%Y-%m-%d", cell) == [0]


@pytest.mark.parametrize("cell", ["2024-02-29", "2026-1-5", "2000-02-29", "٢٠٢٦-01-01"])
def test_what_strptime_takes_leniently_is_read(cell: str):
    assert unread("%Y-%m-%d", cell) == []
