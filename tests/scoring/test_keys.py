"""The books by place and by key: what is missing, there twice or not of the input is found and named."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bes.errors import InputError, IntegrityError
from bes.files import sha256_of
from scoring.keys import balance_keys
from scoring.manifest import InputFile
from scoring.places import Places
from scoring.shards import cut_shards
from tests.scoring.accepting import AWKWARD, accept, write_csv

QUARANTINE = ["file", "record", "line", "column", "rule", "value", "message", "raw"]
KEYS = ["a", "b", "c", "d", "e", "f"]
REFUSED = [2, 5]
SCORED = ["a", "c", "d", "f"]
ORDER = "from row 2 on they are in another order than the rows of the input"
LOST = "1 record is neither scored nor quarantined (extract.csv 2)"
DOUBLE = "1 record is both scored and quarantined (extract.csv 1)"

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4)


def planned(path):
    return InputFile(path=str(path), size_bytes=path.stat().st_size, sha256=sha256_of(path))


def extract(folder, keys, refused=(), name="extract.csv", **how):
    """A file whose second column is the key."""
    rows = [[f"text of\n{key}", key] for key in keys]
    return accept(write_csv(folder / name, [["text", "key"], *rows]), rejected=refused, **how)


def quarantine_of(folder, records):
    """The quarantine of some records, each given as its file and number."""
    lines = [[file, str(record), "", "text", "rule", "", "wrong", "raw,\n"] for file, record in records]
    return write_csv(folder / "quarantine.csv", [QUARANTINE, *lines], lineterminator="\r\n")


def balance(folder, accepted, came, quarantined, *, key="key", shards=None, header=None, **how):
    """Books of predictions that begin with the cells of `came`."""
    header = header or (["key"] if key else ["file", "record"])
    predictions = write_csv(folder / "predictions.csv", [[*header, "p", "p"], *[[*row, "0.5", ""] for row in came]])
    if shards is None:
        shards = cut_shards(accepted, key=key, sent=["text"], passthrough=[], rows_per_job=2)
    return balance_keys(
        [planned(file.file.path) for file in accepted],
        accepted,
        shards,
        key=key,
        predictions=predictions,
        quarantine=quarantine_of(folder, quarantined),
        **{"shows_keys": True, **how},
    )


def balance_one(folder, scored, quarantined, **how):
    """Books of one file, of which two records are refused."""
    file = extract(folder, KEYS, REFUSED, chunk_bytes=how.pop("chunk_bytes", 1024))
    return balance(folder, [file], [[key] for key in scored], [("extract.csv", one) for one in quarantined], **how)


@pytest.mark.parametrize("chunk_bytes", [16, 40, 1024])
@pytest.mark.parametrize("quarantined", [[2, 5], [2, 2, 5, 5], [2, 5, 2]], ids=["one rule", "two rules", "apart"])
def test_books_balance_when_each_record_is_scored_or_quarantined(tmp_path, quarantined, chunk_bytes):
    assert balance_one(tmp_path, SCORED, quarantined, chunk_bytes=chunk_bytes) == 6


@pytest.mark.parametrize(
    ("scored", "says"),
    [
        (["a", "c", "d"], "1 row is missing from the predictions ('f')"),
        (["a", "c", "d", "f", "f"], "1 row is in the predictions too often ('f')"),
        (["a", "c", "d", "f", "x"], "1 row is in the predictions too often ('x')"),
        (
            ["a", "c", "c", "f"],
            "1 row is missing from the predictions ('d'); 1 row is in the predictions too often ('c')",
        ),
        (["a", "b", "c", "d", "f"], "1 row is in the predictions too often ('b')"),
        ([], "4 rows are missing from the predictions ('a', 'c', 'd', 'f')"),
        (["a", "d", "c", "f"], ORDER),
    ],
    ids=["missing", "twice", "unknown", "one for another", "a quarantined one", "none at all", "another order"],
)
def test_a_key_that_is_missing_or_too_often_is_named(tmp_path, scored, says):
    with pytest.raises(IntegrityError) as caught:
        balance_one(tmp_path, scored, REFUSED)
    assert caught.value.what == f"The books do not balance by key: {says}."
    assert "Nothing was published" in caught.value.next_step


def test_keys_that_no_log_may_show_are_counted(tmp_path):
    with pytest.raises(IntegrityError) as caught:
        balance_one(tmp_path, ["a", "c", "c", "f"], REFUSED, shows_keys=False)
    assert caught.value.what == (
        "The books do not balance by key: 1 row is missing from the predictions; 1 row is in the predictions too often."
    )


@pytest.mark.parametrize(
    ("quarantined", "says"),
    [
        ([2], "1 record is neither scored nor quarantined (extract.csv 5)"),
        ([], "2 records are neither scored nor quarantined (extract.csv 2, extract.csv 5)"),
        ([2, 5, 6], "1 record is both scored and quarantined (extract.csv 6)"),
        ([1, 5], f"{LOST}; {DOUBLE}"),
        ([2, 5, 7], "'extract.csv' has no record 7, which is quarantined"),
        ([0, 2, 5], "'extract.csv' has no record 0, which is quarantined"),
    ],
    ids=["lost", "all lost", "scored too", "one for another", "after the end", "before the beginning"],
)
def test_a_record_that_is_lost_or_in_two_places_is_named(tmp_path, quarantined, says):
    with pytest.raises(IntegrityError) as caught:
        balance_one(tmp_path, SCORED, quarantined)
    assert caught.value.what == f"The books do not balance by place: {says}."


def test_a_quarantined_record_of_a_file_that_is_not_of_the_input_is_named(tmp_path):
    file = extract(tmp_path, KEYS, REFUSED)
    with pytest.raises(IntegrityError, match=r"'other\.csv' has no record 2"):
        balance(tmp_path, [file], [[key] for key in SCORED], [("other.csv", 2), ("extract.csv", 5)])


def test_many_records_are_counted_and_some_are_named(tmp_path):
    files = [extract(tmp_path, "abcde", [1, 2, 3, 4], "1.csv"), extract(tmp_path, "fghij", [1, 2, 3], "2.csv")]
    with pytest.raises(IntegrityError) as caught:
        balance(tmp_path, files, [["e"], ["i"], ["j"]], [("2.csv", 3)])
    assert caught.value.what == (
        "The books do not balance by place: 6 records are neither scored nor quarantined"
        " (1.csv 1, 1.csv 2, 1.csv 3, 1.csv 4, 2.csv 1 and others)."
    )


def test_many_keys_are_counted_and_some_are_named(tmp_path):
    file = extract(tmp_path, [str(number) for number in range(9)])
    with pytest.raises(IntegrityError, match=r"7 rows are missing .* \('0', '1', '2', '3', '4' and others\)"):
        balance(tmp_path, [file], [["7"], ["8"]], [])


def test_records_that_are_scored_twice_are_named(tmp_path):
    places = Places(
        [extract(tmp_path, KEYS, REFUSED)], quarantine_of(tmp_path, [("extract.csv", 2), ("extract.csv", 5)])
    )
    places.add_scored("extract.csv", np.array([1, 3]))
    places.add_scored("extract.csv", np.array([4, 6]))
    places.require_balance()
    places.add_scored("extract.csv", np.array([3, 4]))
    with pytest.raises(IntegrityError, match=r"2 records are scored more than once \(extract\.csv 3, extract\.csv 4\)"):
        places.require_balance()


def test_a_file_without_any_accepted_row_is_all_in_the_quarantine(tmp_path):
    files = [
        extract(tmp_path, "ab", [1, 2], "1.csv"),
        extract(tmp_path, "c", name="2.csv"),
        extract(tmp_path, "", name="3.csv"),
    ]
    assert balance(tmp_path, files, [["c"]], [("1.csv", 1), ("1.csv", 2)]) == 3
    with pytest.raises(IntegrityError, match=r"neither scored nor quarantined \(1\.csv 2\)"):
        balance(tmp_path, files, [["c"]], [("1.csv", 1)])


def test_a_record_that_cannot_be_read_is_a_record_like_any_other(tmp_path):
    path = tmp_path / "extract.csv"
    path.write_bytes(b'text,key\none,a\n"un"closed,b\n\xff,c\n\nfour,d\n')
    file = accept(path)
    quarantined = [("extract.csv", record) for record in (2, 3, 4)]
    assert balance(tmp_path, [file], [["a"], ["d"]], quarantined) == 5
    with pytest.raises(IntegrityError, match=r"neither scored nor quarantined \(extract\.csv 3\)"):
        balance(tmp_path, [file], [["a"], ["d"]], [quarantined[0], quarantined[2]])


def test_a_quarantine_may_show_what_no_csv_may_hold_and_cells_of_any_length(tmp_path):
    file = extract(tmp_path, KEYS, REFUSED)
    lines = [
        ["extract.csv", "2", "2", "text", "type", "", "it holds a NUL", "un\0readable"],
        ["extract.csv", "5", "5", "text", "type", "x" * 9_000_000, "too long", '"' * 9_000_000],
        ["extract.csv", "2", "2", "key", "unique", "", "it is there twice", "x"],
    ]
    shards = cut_shards([file], key="key", sent=["text"], passthrough=[], rows_per_job=2)
    books = {
        "key": "key",
        "shows_keys": True,
        "predictions": write_csv(tmp_path / "predictions.csv", [["key", "p"], *[[key, "1"] for key in SCORED]]),
    }
    inputs = [planned(file.file.path)]
    quarantine = write_csv(tmp_path / "quarantine.csv", [QUARANTINE, *lines])
    assert balance_keys(inputs, [file], shards, quarantine=quarantine, **books) == 6
    quarantine = write_csv(tmp_path / "quarantine.csv", [QUARANTINE, lines[0], lines[2]])
    with pytest.raises(IntegrityError, match=r"neither scored nor quarantined \(extract\.csv 5\)"):
        balance_keys(inputs, [file], shards, quarantine=quarantine, **books)


@pytest.mark.parametrize("damage", [b"", b"file\r\n", b"record,file\r\n", b'file,record\r\n"extract.csv",2,3\r\n'])
def test_a_quarantine_that_is_not_as_it_was_written_is_refused(tmp_path, damage):
    file = extract(tmp_path, KEYS)
    predictions = write_csv(tmp_path / "predictions.csv", [["key", "p"], *[[key, "1"] for key in KEYS]])
    quarantine = tmp_path / "quarantine.csv"
    quarantine.write_bytes(damage)
    with pytest.raises(IntegrityError, match=r"quarantine\.csv' is not as it was written"):
        balance_keys(
            [],
            [file],
            cut_shards([file], key="key", sent=["text"], passthrough=[], rows_per_job=9),
            key="key",
            shows_keys=True,
            predictions=predictions,
            quarantine=quarantine,
        )


def test_what_is_passed_through_must_be_what_the_input_has(tmp_path):
    file = extract(tmp_path, ["a", "b"])
    came = [["a", "text of\na"], ["b", "text of\nb"]]
    how = {"passthrough": ["text"], "header": ["key", "text"]}
    assert balance(tmp_path, [file], came, [], **how) == 2
    came[1][1] = "text of\na"
    with pytest.raises(IntegrityError, match="row 2 of the predictions has another 'text' than the input has there"):
        balance(tmp_path, [file], came, [], **how)


def test_rows_without_a_key_are_known_by_their_place(tmp_path):
    files = [extract(tmp_path, "aaa", [2], "1.csv"), extract(tmp_path, "aa", name="2.csv")]
    came = [["1.csv", "1"], ["1.csv", "3"], ["2.csv", "1"], ["2.csv", "2"]]
    assert balance(tmp_path, files, came, [("1.csv", 2)], key=None) == 5
    came[1] = ["1.csv", "2"]
    with pytest.raises(IntegrityError) as caught:
        balance(tmp_path, files, came, [("1.csv", 2)], key=None)
    assert caught.value.what == (
        "The books do not balance by key: 1 row is missing from the predictions ('1.csv 3');"
        " 1 row is in the predictions too often ('1.csv 2')."
    )


@pytest.mark.parametrize(
    ("kept", "says"),
    [
        ([0, 1], "The shards of 'extract.csv' hold 4 of its 6 accepted rows."),
        ([0, 2], "shard 2 (extract.csv, 2 rows) does not begin where the one before it ends."),
        ([0, 1, 1, 2], "shard 1 (extract.csv, 2 rows) does not begin where the one before it ends."),
        ([], "The shards of 'extract.csv' hold 0 of its 6 accepted rows."),
    ],
    ids=["the last is missing", "one is missing", "one is there twice", "none is there"],
)
def test_a_shard_that_was_not_scored_is_named(tmp_path, kept, says):
    file = extract(tmp_path, KEYS)
    shards = cut_shards([file], key="key", sent=["text"], passthrough=[], rows_per_job=2)
    assert balance(tmp_path, [file], [[key] for key in KEYS], [], shards=shards) == 6
    with pytest.raises(IntegrityError) as caught:
        balance(tmp_path, [file], [[key] for key in KEYS], [], shards=[shards[index] for index in kept])
    assert caught.value.what == says


def test_halves_of_a_shard_stand_for_the_shard(tmp_path):
    file = extract(tmp_path, KEYS)
    one, other, last = cut_shards([file], key="key", sent=["text"], passthrough=[], rows_per_job=2)
    assert balance(tmp_path, [file], [[key] for key in KEYS], [], shards=[one, *other.halves(), last]) == 6
    with pytest.raises(IntegrityError, match=r"shard 2 .* does not begin where"):
        balance(tmp_path, [file], [[key] for key in KEYS], [], shards=[one, other.halves()[0], last])


@pytest.mark.parametrize("key", ["key", None])
def test_rows_that_the_service_refuses_are_in_the_quarantine_and_not_in_the_predictions(tmp_path, key):
    file = extract(tmp_path, KEYS, REFUSED, chunk_bytes=16)
    shards = cut_shards([file], key=key, sent=["text"], passthrough=[], rows_per_job=1)
    scored, refused = [shards[0], shards[2]], [shards[3], shards[1]]
    came = [["a"], ["d"]] if key else [["extract.csv", "1"], ["extract.csv", "4"]]
    quarantined = [("extract.csv", record) for record in (2, 5, 3, 6)]
    how = {"key": key, "shards": scored, "refused": refused}
    assert balance(tmp_path, [file], came, quarantined, **how) == 6
    with pytest.raises(IntegrityError, match=r"neither scored nor quarantined \(extract\.csv 3\)"):
        balance(tmp_path, [file], came, [one for one in quarantined if one[1] != 3], **how)
    with pytest.raises(IntegrityError, match=r"both scored and quarantined \(extract\.csv 4\)"):
        balance(tmp_path, [file], came, [*quarantined, ("extract.csv", 4)], **how)
    too_many = [came[0], ["c"] if key else ["extract.csv", "3"], came[1]]
    with pytest.raises(IntegrityError, match="too often"):
        balance(tmp_path, [file], too_many, quarantined, **how)
    with pytest.raises(IntegrityError, match="does not begin where the one before it ends"):
        balance(tmp_path, [file], came, quarantined, **{**how, "refused": refused[:1]})


@settings(max_examples=40)
@given(
    keys=st.lists(st.one_of(texts, st.sampled_from(AWKWARD)), min_size=1, max_size=12),
    chunk_bytes=st.sampled_from([16, 50, 1024]),
    data=st.data(),
)
def test_any_keys_balance_and_never_when_one_is_lost(tmp_path_factory, keys, chunk_bytes, data):
    folder = tmp_path_factory.mktemp("keys")
    refused = data.draw(st.lists(st.integers(1, len(keys)), unique=True))
    file = extract(folder, keys, refused, chunk_bytes=chunk_bytes)
    scored = [[key] for record, key in enumerate(keys, 1) if record not in refused]
    quarantined = [("extract.csv", record) for record in refused]
    assert balance(folder, [file], scored, quarantined) == len(keys)
    if scored:
        with pytest.raises(IntegrityError):
            balance(folder, [file], scored[1:], quarantined)
    if refused:
        with pytest.raises(IntegrityError):
            balance(folder, [file], scored, quarantined[1:])


@pytest.mark.parametrize("change", ["another content", "gone"])
def test_an_input_that_changed_since_the_plan_is_named(tmp_path, change):
    file = extract(tmp_path, KEYS)
    before = planned(file.file.path)
    predictions = write_csv(tmp_path / "predictions.csv", [["key", "p"], *[[key, "1"] for key in KEYS]])
    if change == "gone":
        file.file.path.unlink()
    else:
        extract(tmp_path, [*KEYS[:-1], "g"])
    with pytest.raises(InputError, match=r"extract\.csv' is not the one that this run has checked"):
        balance_keys(
            [before],
            [file],
            cut_shards([file], key="key", sent=["text"], passthrough=[], rows_per_job=9),
            key="key",
            shows_keys=True,
            predictions=predictions,
            quarantine=quarantine_of(tmp_path, []),
        )
