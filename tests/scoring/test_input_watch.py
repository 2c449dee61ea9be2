"""Whether the input of a day has come: by its date, or by when it changed."""

import os
from datetime import date, timedelta
from pathlib import Path

import pytest

from bes.errors import ConfigurationError
from scoring.input_watch import missing_inputs

DAY = date(2026, 11, 28)
HOUR = timedelta(hours=1)


def test_a_pattern_with_the_date_is_missing_until_a_file_of_that_day_is_there(tmp_path: Path):
    pattern = f"{tmp_path}/{{run_date}}/*.csv"
    (tmp_path / "2026-11-27").mkdir()
    (tmp_path / "2026-11-27/extract.csv").touch()
    assert missing_inputs([pattern], DAY, changed_within=None) == [f"{tmp_path}/2026-11-28/*.csv"]
    (tmp_path / "2026-11-28").mkdir()
    (tmp_path / "2026-11-28/extract.csv").touch()
    assert missing_inputs([pattern], DAY, changed_within=None) == []


def test_a_file_that_has_not_changed_for_longer_is_not_new(tmp_path: Path):
    extract = tmp_path / "extract.csv"
    extract.touch()
    assert missing_inputs([str(extract), str(tmp_path)], DAY, changed_within=HOUR) == []
    two_hours_ago = extract.stat().st_mtime - 7200
    os.utime(extract, (two_hours_ago, two_hours_ago))
    assert missing_inputs([str(extract), str(tmp_path)], DAY, changed_within=HOUR) == [str(extract), str(tmp_path)]


def test_a_pattern_without_a_date_needs_to_know_what_is_new():
    with pytest.raises(ConfigurationError, match=r"same files every day.*changed_within_hours"):
        missing_inputs(["extract.csv"], DAY, changed_within=None)
