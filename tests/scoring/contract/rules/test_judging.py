from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from scoring.contract.rules.judging import judge
from scoring.contract.rules.rules import rules_of
from tests.scoring.contract.judged import block, contract_of, expect

TYPES = {"id": "string", "rating": "integer", "total": "integer"}
CONTRACT = contract_of(
    TYPES,
    expect("column_values_to_not_be_null", column="rating"),
    expect("column_values_to_be_between", column="rating", min_value=1, max_value=5),
    expect("column_pair_values_a_to_be_greater_than_b", column_A="total", column_B="rating"),
    expect("column_values_to_be_unique", column="rating"),
    expect("table_row_count_to_be_between", min_value=1),
)
RULES = rules_of(CONTRACT)
CELLS = {"id": list("abcde"), "rating": ["1", "9", None, "x", "5"], "total": ["2", "1", None, "3", None]}


def test_only_rules_that_some_row_breaks_are_told_with_its_positions():
    judgement = judge(RULES, CONTRACT.columns, block(CELLS))

    assert judgement.n_rows == 5
    assert [(rule.name, rule.columns, rows.tolist()) for rule, rows in judgement.broken] == [
        ("type", ("rating",), [3]),
        ("expect_column_values_to_not_be_null", ("rating",), [2]),
        ("expect_column_values_to_be_between", ("rating",), [1]),
        ("expect_column_pair_values_a_to_be_greater_than_b", ("total", "rating"), [1, 4]),
    ]


def test_rows_that_a_rule_leaves_out_are_not_among_those_it_judges():
    judgement = judge(RULES, CONTRACT.columns, block(CELLS))

    named = {(rule.name.removeprefix("expect_column_"), rule.columns): rule.index for rule in RULES}
    assert judgement.n_judged[named["type", ("rating",)]] == 4
    assert judgement.n_judged[named["values_to_not_be_null", ("rating",)]] == 5
    assert judgement.n_judged[named["values_to_be_between", ("rating",)]] == 4
    assert judgement.n_judged[named["pair_values_a_to_be_greater_than_b", ("total", "rating")]] == 4
    assert judgement.n_judged[named["values_to_be_unique", ("rating",)]] == 4
    assert judgement.n_empty == {"id": 0, "rating": 1, "total": 2}


def test_missing_and_wrongly_typed_cells_have_no_key():
    (keys,) = judge(RULES, CONTRACT.columns, block(CELLS)).keys.values()

    assert (keys.keys.tolist(), keys.rows.tolist()) == ([1, 9, 5], [0, 1, 4])


@pytest.mark.parametrize("n_rows", [0, 1])
def test_a_clean_block_breaks_nothing(n_rows: int):
    judgement = judge(
        RULES, CONTRACT.columns, block({"id": ["a"] * n_rows, "rating": ["1"] * n_rows, "total": ["2"] * n_rows})
    )

    assert (judgement.n_rows, judgement.broken) == (n_rows, ())
    assert judgement.n_empty == {"id": 0, "rating": 0, "total": 0}


def test_blocks_may_be_judged_side_by_side():
    blocks = [block({name: cells * 2000 for name, cells in CELLS.items()})] * 8

    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(lambda text: judge(RULES, CONTRACT.columns, text), blocks))

    assert [len(rows) for _, rows in found[0].broken] == [2000, 2000, 2000, 4000]
    for other in found[1:]:
        assert all(np.array_equal(mine[1], its[1]) for mine, its in zip(found[0].broken, other.broken, strict=True))
