"""The books by key: what is missing, there twice or not of the input is found and named."""

import csv

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bes.errors import InputError, IntegrityError
from bes.files import sha256_of
from scoring.keys import balance_keys
from scoring.manifest import InputFile

QUARANTINE = ["file", "record", "line", "column", "rule", "value", "message", "raw"]


def write(path, rows):
    with path.open("w", newline="", encoding="utf-8") as target:
        csv.writer(target).writerows(rows)
    return path


def planned(path):
    return InputFile(path=str(path), size_bytes=path.stat().st_size, sha256=sha256_of(path))


def as_record(cells):
    return ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)


def balance(folder, keys, scored, refused, n_rules=1):
    """Books of an input whose second column is the key; each refused row breaks `n_rules` rules."""
    extract = write(folder / "extract.csv", [["text", "key"], *[[f"text of\n{key}", key] for key in keys]])
    predictions = write(folder / "predictions.csv", [["key", "p"], *[[key, "0.5"] for key in scored]])
    lines = [
        ["extract.csv", str(number), str(number), "text", str(rule), "", "", as_record([f"text of\n{key}", key])]
        for number, key in enumerate(refused)
        for rule in range(n_rules)
    ]
    quarantine = write(folder / "quarantine.csv", [QUARANTINE, *lines])
    return balance_keys([planned(extract)], predictions=predictions, quarantine=quarantine)


@pytest.mark.parametrize("n_rules", [1, 3])
def test_books_balance_when_each_key_is_scored_or_quarantined_once(tmp_path, n_rules):
    assert balance(tmp_path, ["a", "b", "c", "d"], ["a", "c"], ["d", "b"], n_rules) == 4


@pytest.mark.parametrize(
    ("scored", "refused", "says"),
    [
        (["a"], ["c"], "1 rows are missing from the results ('b')"),
        (["a", "b", "b"], ["c"], "1 rows are there too often ('b')"),
        (["a", "b", "x"], ["c"], "1 rows are there too often ('x')"),
        (["a", "a"], ["c"], "1 rows are missing from the results ('b'); 1 rows are there too often ('a')"),
        (["a", "b", "c"], ["c"], "1 rows are there too often ('c')"),
        (["a", "b"], [], "1 rows are missing from the results ('c')"),
    ],
    ids=["missing", "twice", "unknown", "one for another", "scored and quarantined", "quarantined row lost"],
)
def test_a_key_that_is_missing_or_too_often_is_named(tmp_path, scored, refused, says):
    with pytest.raises(IntegrityError) as caught:
        balance(tmp_path, ["a", "b", "c"], scored, refused)
    assert caught.value.what == f"The books do not balance by key: {says}."
    assert "Nothing was published" in caught.value.next_step


def test_many_keys_are_counted_and_some_are_named(tmp_path):
    with pytest.raises(
        IntegrityError, match=r"7 rows are missing from the results \('0', '1', '2', '3', '4' and others"
    ):
        balance(tmp_path, [str(number) for number in range(9)], ["7", "8"], [])


@settings(deadline=None, max_examples=40)
@given(
    keys=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4), min_size=1),
    data=st.data(),
)
def test_any_keys_balance_in_any_order_and_never_when_one_is_lost(tmp_path_factory, keys, data):
    folder = tmp_path_factory.mktemp("keys")
    shuffled = data.draw(st.permutations(keys))
    cut = data.draw(st.integers(0, len(keys)))
    assert balance(folder, keys, shuffled[:cut], shuffled[cut:]) == len(keys)
    with pytest.raises(IntegrityError):
        balance(folder, keys, shuffled[: max(cut - 1, 0)], shuffled[max(cut, 1) :])


@pytest.mark.parametrize("change", ["another content", "gone"])
def test_an_input_that_changed_since_the_plan_is_named(tmp_path, change):
    extract = write(tmp_path / "extract.csv", [["key"], ["a"]])
    file = planned(extract)
    predictions = write(tmp_path / "predictions.csv", [["key", "p"], ["a", "1"]])
    quarantine = write(tmp_path / "quarantine.csv", [QUARANTINE])
    if change == "gone":
        extract.unlink()
    else:
        write(extract, [["key"], ["a"], ["b"]])
    with pytest.raises(InputError, match=r"extract\.csv' is not the one that this run has checked"):
        balance_keys([file], predictions=predictions, quarantine=quarantine)
