"""Faults at known places in a generated file: each is found at its exact record and line, and nothing else is."""

import csv
from pathlib import Path

import pytest

from benchmarks.reviews import contract_document, write_reviews
from scoring.contract.evaluation import run_pass
from scoring.contract.model import Contract
from scoring.contract.quarantine import Quarantine
from scoring.contract.reading.preflight import inspect_files
from scoring.contract.rules.profile import Profile
from scoring.contract.rules.rules import rules_of


@pytest.mark.parametrize(
    ("size_bytes", "fault_share", "chunk_bytes"),
    [
        pytest.param(100_000_000, 0.001, 2 << 20, marks=pytest.mark.slow),
        (20_000_000, 0.001, 2 << 20),
        (2_000_000, 0.05, 4096),
        (2_000_000, 0.05, 100_003),
        (500_000, 0.9, 1 << 20),
    ],
)
def test_every_fault_is_found_at_its_place_and_nothing_else(size_bytes, fault_share, chunk_bytes, tmp_path: Path):
    path = tmp_path / "reviews.csv"
    faults = write_reviews(path, size_bytes, fault_share=fault_share)
    contract = Contract.model_validate(contract_document())
    rules = rules_of(contract)
    profile = Profile(contract.columns, rules, spill_dir=tmp_path)

    with Quarantine(tmp_path / "quarantine.csv") as quarantine:
        inputs = inspect_files([path], contract)
        outcome = run_pass(inputs, contract, rules, profile, quarantine, chunk_bytes=chunk_bytes)

    with (tmp_path / "quarantine.csv").open(encoding="utf-8", newline="") as file:
        found = {(int(line["record"]), int(line["line"]), line["rule"]) for line in csv.DictReader(file, strict=True)}
    assert found == {(fault.record, fault.line, fault.rule) for fault in faults}
    assert len({fault.rule for fault in faults}) == 12
    assert outcome.n_rejected == len(faults)
    assert outcome.files[0].n_rows + len(faults) == outcome.files[0].file.n_records
