"""CSV files that others wrote: each is refused by name, or every record of it is accounted for."""

import csv
import json
from pathlib import Path

import pytest

from bes.errors import InputError
from scoring.contract.evaluation import PassOutcome, run_pass
from scoring.contract.model import Contract
from scoring.contract.quarantine import Quarantine
from scoring.contract.reading.preflight import inspect_files
from scoring.contract.rules.profile import Profile
from scoring.contract.rules.rules import rules_of

CORPORA = Path(__file__).parents[4] / "shared" / "corpora"
pytestmark = pytest.mark.skipif(not CORPORA.is_dir(), reason="the corpora of others are not part of the project")

FILES = sorted(path for path in CORPORA.rglob("*.csv"))
SIZES = [(path, size) for path in FILES for size in (64, 4096, 1 << 20) if size > 64 or path.stat().st_size < 64 << 10]
LENIENT = "location_coordinates.csv"
SPECTRUM = sorted((CORPORA / "csv-spectrum" / "csvs").glob("*.csv"))


def as_id(value: Path | int) -> str:
    return str(value.relative_to(CORPORA)) if isinstance(value, Path) else str(value)


def contract_of(header: list[str]) -> Contract:
    suite = {"expectations": [{"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}}]}
    columns = dict.fromkeys(header, "string")
    return Contract(name="corpus", columns=columns, inputs={"input1": (header[0],)}, output="output1", suite=suite)


def header_of(path: Path) -> list[str]:
    """What Python's csv takes for the header, or names that no header has."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            header = next(csv.reader(file, strict=True), [])
        except (csv.Error, UnicodeDecodeError):
            header = []
    usable = header and all(name.isprintable() and name for name in header) and len(set(header)) == len(header)
    return header if usable else ["a", "b"]


def check(path: Path, header: list[str], folder: Path, *, chunk_bytes: int) -> PassOutcome:
    contract = contract_of(header)
    rules = rules_of(contract)
    profile = Profile(contract.columns, rules, spill_dir=folder)
    with Quarantine(folder / "quarantine.csv") as quarantine:
        return run_pass(inspect_files([path], contract), contract, rules, profile, quarantine, chunk_bytes=chunk_bytes)


def rows_of(outcome: PassOutcome, header: list[str]) -> list[list[str]]:
    (file,) = outcome.files
    batches = file.rows(0, file.n_rows, header) if file.n_rows else []
    return [[cell or "" for cell in row.values()] for rows in batches for row in rows.text.to_pylist()]


def quarantined(folder: Path) -> list[dict[str, str]]:
    with (folder / "quarantine.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def strictly_read(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file, strict=True))


@pytest.mark.parametrize(("path", "chunk_bytes"), SIZES, ids=as_id)
def test_every_record_is_accepted_as_python_reads_it_or_quarantined_or_the_file_is_refused_by_name(
    path, chunk_bytes, tmp_path
):
    header = header_of(path)
    outcome, refusal = None, ""
    try:
        outcome = check(path, header, tmp_path, chunk_bytes=chunk_bytes)
    except InputError as refused:
        refusal = refused.what
    if outcome is None:
        assert path.name in refusal
        return
    (file,) = outcome.files
    refused_records = {int(line["record"]) for line in quarantined(tmp_path)}
    assert refused_records == set(file.rejected.tolist())
    rows = rows_of(outcome, header)
    assert len(rows) + len(refused_records) == file.file.n_records > 0
    if not refused_records:
        assert rows == strictly_read(path)[1:]


def test_most_files_of_the_corpora_are_read(tmp_path):
    """Otherwise the test above would pass on refusals alone."""
    n_read = n_rejecting = 0
    for path in FILES:
        try:
            outcome = check(path, header_of(path), tmp_path, chunk_bytes=4096)
        except InputError:
            continue
        n_read += 1
        n_rejecting += outcome.n_rejected > 0

    assert len(FILES) > 100
    assert n_read > 0.6 * len(FILES)
    assert n_rejecting > 20


def test_a_quote_inside_a_bare_field_is_refused_though_lenient_readers_take_it(tmp_path):
    path = CORPORA / "csv-spectrum" / "csvs" / LENIENT

    outcome = check(path, header_of(path), tmp_path, chunk_bytes=1 << 20)

    assert [line["rule"] for line in quarantined(tmp_path)] == ["bad_quoting"]
    assert outcome.files[0].n_rows == 0


@pytest.mark.parametrize("path", [path for path in SPECTRUM if path.name != LENIENT], ids=lambda path: path.name)
def test_csv_spectrum_is_read_as_its_authors_say(path, tmp_path):
    expected = json.loads((CORPORA / "csv-spectrum" / "json" / f"{path.stem}.json").read_text(encoding="utf-8"))
    header = header_of(path)

    outcome = check(path, header, tmp_path, chunk_bytes=1 << 20)

    assert [dict(zip(header, row, strict=True)) for row in rows_of(outcome, header)] == expected
