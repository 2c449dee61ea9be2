from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bes.errors import InputError
from scoring.contract.rules import value_counts
from scoring.contract.rules.judging import judge
from scoring.contract.rules.profile import MAX_EXAMPLES, Example, Profile
from scoring.contract.rules.rules import Rule, rules_of
from tests.scoring.contract.judged import block, contract_of, expect, profiled

TYPES = {"id": "string", "rating": "integer", "price": "float", "day": "date"}
SUITE = [
    expect("column_values_to_be_between", column="rating", min_value=1, max_value=5),
    expect("column_values_to_be_unique", column="id"),
    expect("column_min_to_be_between", column="day", min_value="2020-01-01"),
    expect("column_max_to_be_between", column="rating", max_value=5),
    expect("column_mean_to_be_between", column="rating", max_value=5),
    expect("column_sum_to_be_between", column="price", max_value=5),
    expect("column_median_to_be_between", column="price", max_value=5),
    expect("column_unique_value_count_to_be_between", column="rating", max_value=5),
    expect("column_distinct_values_to_be_in_set", column="day", value_set=["2026-01-01"]),
]
CELLS = {
    "id": ["a", "b", "a", None, None, "c"],
    "rating": ["1", "9", "five", None, "5", "07"],
    "price": ["0.5", "1e2", "inf", "3", None, "2"],
    "day": ["2026-01-01", "2025-12-31", "soon", "2026-01-01", None, "2026-03-01"],
}


def named(rules: tuple[Rule, ...], name: str) -> Rule:
    return next(rule for rule in rules if rule.name.endswith(name))


def test_a_rule_is_tallied_over_the_rows_that_it_judges(tmp_path: Path):
    profile, rules = profiled(contract_of(TYPES, *SUITE), CELLS, tmp_path, rows_a_block=2)

    tally = profile.tally(named(rules, "to_be_between"))

    # A cell that is not of its type is there, and breaks nothing but its type.
    assert (tally.n_judged, tally.n_broken) == (5, 2)
    assert tally.examples == [
        Example(values=("9",), file="reviews.csv", record=2, line=3),
        Example(values=("07",), file="reviews.csv", record=6, line=7),
    ]
    assert [profile.tally(rule).n_broken for rule in rules if rule.name == "type"] == [1, 1, 1]
    assert (profile.n_rows, profile.n_empty) == (6, {"id": 2, "rating": 1, "price": 1, "day": 1})


@pytest.mark.parametrize("rows_a_block", [1, 2, 5, 6])
def test_figures_leave_out_what_is_missing_or_of_another_type(tmp_path: Path, rows_a_block: int):
    profile, _ = profiled(contract_of(TYPES, *SUITE), CELLS, tmp_path, rows_a_block=rows_a_block)
    rating, price, day = (profile.figures(column) for column in ("rating", "price", "day"))

    assert (rating.n, rating.maximum, rating.total, rating.mean) == (4, 9, 22, 5.5)
    assert rating.standard_deviation == pytest.approx(pd.Series([1, 9, 5, 7]).std())
    assert rating.n_distinct == 4
    assert (price.total, price.median) == (105.5, 2.5)
    assert (day.minimum, day.maximum) == ("2025-12-31", "2026-03-01")
    assert day.distinct == {"2026-01-01": 2, "2025-12-31": 1, "2026-03-01": 1}


def test_figures_of_many_rows_do_not_hang_on_the_blocks(tmp_path: Path):
    numbers = np.random.default_rng(5).normal(1e6, 1, 150_000)
    suite = [
        expect("column_stdev_to_be_between", column="price", max_value=5),
        expect(
            "column_quantile_values_to_be_between",
            column="price",
            quantile_ranges={"quantiles": [0.1], "value_ranges": [[0, 1]]},
        ),
    ]
    contract = contract_of({"price": "float"}, *suite)

    def figures(rows_a_block: int) -> list[float | None]:
        profile, _ = profiled(
            contract, {"price": list(map(repr, numbers.tolist()))}, tmp_path, rows_a_block=rows_a_block
        )
        of_price = profile.figures("price")
        return [of_price.total, of_price.mean, of_price.standard_deviation, of_price.quantile(0.1)]

    assert figures(1_000) == figures(70_000) == figures(150_000)
    assert figures(1_000)[1:3] == pytest.approx([numbers.mean(), numbers.std(ddof=1)], rel=1e-12)


def test_figures_of_no_values_are_none(tmp_path: Path):
    profile, _ = profiled(contract_of(TYPES, *SUITE), {column: [None] for column in TYPES}, tmp_path)

    rating = profile.figures("rating")
    assert (rating.n, rating.maximum, rating.mean, rating.n_distinct) == (0, None, None, 0)
    assert (rating.standard_deviation, rating.total, profile.figures("price").median) == (None, 0, None)
    assert profile.figures("day").distinct == {}


def test_a_figure_that_no_rule_asks_for_is_no_figure(tmp_path: Path):
    profile, _ = profiled(contract_of(TYPES, *SUITE), CELLS, tmp_path)

    with pytest.raises(LookupError, match="id"):
        profile.figures("id")
    with pytest.raises(LookupError, match="quantiles of column 'rating'"):
        profile.figures("rating").quantile(0.5)


def test_more_distinct_values_than_can_be_listed_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(value_counts, "MAX_DISTINCT_VALUES", 2)
    profile, _ = profiled(contract_of(TYPES, *SUITE), CELLS, tmp_path)

    with pytest.raises(InputError, match="'day' has more distinct values"):
        _ = profile.figures("day").distinct


def test_copies_are_told_by_their_places_and_taken_back_when_they_are_compared(tmp_path: Path):
    profile, rules = profiled(contract_of(TYPES, *SUITE), CELLS, tmp_path, rows_a_block=2)
    unique = named(rules, "to_be_unique")

    found = profile.duplicates(unique)
    example = Example(values=("a",), file="reviews.csv", record=1, line=2)
    profile.add_duplicates(unique, 2, [example] * (MAX_EXAMPLES + 1))

    assert (found.ordinals.tolist(), found.is_exact, found.n_distinct) == ([0, 2], False, 3)
    assert len(set(found.group.tolist())) == 1
    assert profile.duplicates(unique) is found
    tally = profile.tally(unique)
    assert (tally.n_judged, tally.n_broken, tally.examples) == (4, 2, [example] * MAX_EXAMPLES)


@pytest.mark.parametrize(
    ("ignore_row_if", "copies", "n_judged"),
    [
        (None, [0, 1, 2, 3], 5),
        ("any_value_is_missing", [0, 1], 3),
        ("never", [0, 1, 2, 3, 5, 6], 7),
    ],
)
def test_rows_unique_in_several_columns_leave_out_what_they_ignore(
    tmp_path: Path, ignore_row_if: str | None, copies: list[int], n_judged: int
):
    rule = expect("compound_columns_to_be_unique", column_list=["shop", "order"], ignore_row_if=ignore_row_if)
    cells = {"shop": ["a", "a", "b", "b", "a", None, None], "order": ["1", "01", None, None, "x", None, None]}

    profile, rules = profiled(contract_of({"shop": "string", "order": "integer"}, rule), cells, tmp_path)

    assert profile.duplicates(rules[-1]).ordinals.tolist() == copies
    assert profile.tally(rules[-1]).n_judged == n_judged


def test_lines_are_asked_for_once_a_block_and_only_for_examples(tmp_path: Path):
    contract = contract_of({"rating": "integer", "id": "string"}, expect("column_values_to_not_be_null", column="id"))
    rules = rules_of(contract)
    profile = Profile(contract.columns, rules, spill_dir=tmp_path)
    asked = []

    def add(rating: str, id_: str | None, n_rows: int) -> None:
        text = block({"rating": [rating] * n_rows, "id": [id_] * n_rows})
        record = np.arange(n_rows)
        judgement = judge(rules, contract.columns, text)
        profile.add(judgement, text, file="f", record=record, line=lambda: asked.append(1) or record)

    add("1", "a", 5)
    assert asked == []
    add("x", None, MAX_EXAMPLES + 5)
    assert asked == [1]
    add("x", None, 5)

    assert asked == [1]
    assert [(profile.tally(rule).n_broken, len(profile.tally(rule).examples)) for rule in rules] == [
        (30, MAX_EXAMPLES)
    ] * 2
