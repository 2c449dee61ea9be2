"""Small blocks of cells, and what the rules of a small contract say of them."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from scoring.contract.model import Contract
from scoring.contract.rules.judging import judge
from scoring.contract.rules.profile import Profile
from scoring.contract.rules.rules import Rule, rules_of

Columns = Mapping[str, Sequence[str | None]]


def great_expectations_registry() -> Any:
    """GX's own table of expectations. It meets deprecations of Python's at import."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations
    return great_expectations.expectations.registry


def contract_of(types: Mapping[str, str], *expectations: Mapping[str, Any]) -> Contract:
    """A contract with these columns and expectations, and one that always holds where there would be none."""
    always = {"type": "expect_column_to_exist", "kwargs": {"column": next(iter(types))}}
    document = {
        "name": "small",
        "columns": dict(types),
        "inputs": {"input1": list(types)},
        "output": "output1",
        "suite": {"expectations": list(expectations) or [always]},
    }
    return Contract.model_validate(document)


def expect(name: str, /, **kwargs: Any) -> dict[str, Any]:
    """An expectation as a suite has it, by its type's name behind `expect_`."""
    return {"type": f"expect_{name}", "kwargs": kwargs}


def block(columns: Columns) -> pa.RecordBatch:
    """A block of text; None is an empty cell."""
    return pa.RecordBatch.from_pydict({name: pa.array(cells, pa.string()) for name, cells in columns.items()})


def broken(types: Mapping[str, str], expectation: Mapping[str, Any], columns: Columns) -> list[int]:
    """Positions of the rows that break the one expectation."""
    contract = contract_of(types, expectation)
    rules = rules_of(contract)
    found = {rule.index: rows.tolist() for rule, rows in judge(rules, contract.columns, block(columns)).broken}
    return found.get(rules[-1].index, [])


def profiled(
    contract: Contract, columns: Columns, spill_dir: Path, *, rows_a_block: int | None = None
) -> tuple[Profile, tuple[Rule, ...]]:
    """The profile of a file whose rows are judged in blocks of some size."""
    rules = rules_of(contract)
    profile = Profile(contract.columns, rules, spill_dir=spill_dir)
    text = block(columns)
    step = rows_a_block or max(1, text.num_rows)
    for first in range(0, text.num_rows, step):
        part = text.slice(first, step)
        record = np.arange(first + 1, first + part.num_rows + 1)
        judgement = judge(rules, contract.columns, part)
        profile.add(judgement, part, file="reviews.csv", record=record, line=lambda record=record: record + 1)
    return profile, rules
