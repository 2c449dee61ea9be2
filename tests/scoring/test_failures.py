"""Which failures another try may mend."""

import pytest

from scoring.failures import is_about_rows
from service.failure_details import failure_details


@pytest.mark.parametrize(
    "message",
    [
        "All rows must have same number of elements",
        "Line 17, column 'age': the cell is not of type int64",
        "Column 'Col2' is not in the input",
    ],
)
def test_what_the_service_says_about_rows_is_about_rows(message):
    assert is_about_rows(failure_details("a" * 32, message))


@pytest.mark.parametrize(
    "message",
    [
        "The process that ran the job ended, 3 times; the job is not tried again",
        "The job ran longer than 86400 seconds",
        "The service met an unexpected error; its log has the reason",
        "Storage lost parts of the output x, 3 times; the job is not tried again",
        "Error 0138: Memory has been exhausted, unable to complete running of module.",
        "The remote server returned an error: (403) Forbidden.",
    ],
)
def test_what_the_service_says_about_itself_is_not_about_rows(message):
    assert not is_about_rows(failure_details("a" * 32, message))


@pytest.mark.parametrize("details", [None, ""])
def test_silence_is_not_about_rows(details):
    assert not is_about_rows(details)
