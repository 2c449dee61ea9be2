"""A pass over rows in memory, by the product's own parts: what `evaluate` gets when the files are read."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from scoring.contract.model import Contract
from scoring.contract.rules.cells import Cells
from scoring.contract.rules.judging import judge
from scoring.contract.rules.profile import Example, Profile
from scoring.contract.rules.rules import Rule, rules_of

Row = Sequence[str | None]


def contract_of(columns: dict[str, str], *expectations: dict[str, Any], **members: Any) -> Contract:
    """A contract without a key; the expectation that every contract needs is about the number of rows."""
    known = [{"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 0}}]
    return Contract.model_validate(
        {
            "name": "reviews",
            "columns": columns,
            "inputs": {"input1": [next(iter(columns))]},
            "output": "output1",
            "suite": {"expectations": list(expectations) or known},
            **members,
        }
    )


def expectation(type_: str, /, **kwargs: Any) -> dict[str, Any]:
    return {"type": type_, "kwargs": kwargs}


def pass_over(
    contract: Contract, rows: Sequence[Row], spill_dir: Path, *, file: str = "reviews.csv", n_unreadable: int = 0
) -> tuple[Profile, tuple[Rule, ...]]:
    """Judge the rows in blocks of three, and find the duplicates."""
    rules = rules_of(contract)
    profile = Profile(contract.columns, rules, spill_dir=spill_dir)
    for start in range(0, len(rows), 3):
        block = _block(contract, rows[start : start + 3])
        record = np.arange(start, start + block.num_rows) + 1
        judgement = judge(rules, contract.columns, block)
        profile.add(judgement, block, file=file, record=record, line=lambda record=record: record + 1)
    profile.n_unreadable = n_unreadable
    for rule in rules:
        if rule.is_unique:
            _add_duplicates(profile, rule, contract, rows, file)
    return profile, rules


def _block(contract: Contract, rows: Sequence[Row]) -> pa.RecordBatch:
    columns = [pa.array(cells, pa.string()) for cells in zip(*rows, strict=True)]
    return pa.RecordBatch.from_arrays(columns, names=list(contract.columns))


def _add_duplicates(profile: Profile, rule: Rule, contract: Contract, rows: Sequence[Row], file: str) -> None:
    """Compare the candidates themselves, as the product does when it reads their rows again."""
    found = profile.duplicates(rule)
    cells = Cells(_block(contract, rows), contract.columns) if rows else None
    places = defaultdict(list)
    for ordinal in found.ordinals.tolist():
        places[tuple(cells.typed(column)[ordinal].as_py() for column in rule.columns)].append(ordinal)
    names = list(contract.columns)
    broken = sorted(ordinal for group in places.values() if len(group) > 1 for ordinal in group)
    examples = [
        Example(
            values=tuple(rows[ordinal][names.index(column)] for column in rule.columns),
            file=file,
            record=ordinal + 1,
            line=ordinal + 2,
        )
        for ordinal in broken
    ]
    profile.add_duplicates(rule, len(broken), examples)
