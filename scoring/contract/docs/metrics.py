"""Answers to the questions that Great Expectations asks about a data set, taken from the finished pass over it.

GX evaluates a suite by metrics: `column_values.between.unexpected_count` of a column and a pair of bounds,
`table.row_count`, `column.mean`. It would compute them from rows in memory; the pass has counted them already. Metric
names are GX's and no public API of it, so the parity tests are what holds this module to them.

Whatever is not known here is an error: a rule that cannot be answered must never look like one that holds.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Self

import numpy as np

from scoring.contract.rules.column_types import ColumnType
from scoring.contract.rules.figures import ColumnFigures
from scoring.contract.rules.profile import Example, Profile
from scoring.contract.rules.rules import Rule

# The `row_condition` of the one expectation that counts every record, those included that could not be read as one.
ALL_RECORDS: Final = "every record of the files"

# Steps by which GX comes to a metric from rows in memory; nothing that is asked for depends on them here.
_STEPS: Final = (".condition", ".map", ".aggregate_fn", ".unexpected_index_query")
# Arguments of an expectation that do not change which rows break it.
_WHAT_IS_JUDGED: Final = frozenset({"column", "column_A", "column_B", "column_list"})
_HOW_IT_IS_RUN: Final = frozenset(
    {"batch_id", "table", "row_condition", "condition_parser", "result_format", "mostly", "unexpected_rows"}
)
# What GX fills in where an expectation leaves it open, beside null and false.
_FILLED_IN: Final[Mapping[str, tuple[str, ...]]] = {
    "ignore_row_if": ("both_values_are_missing", "all_values_are_missing"),
    "match_on": ("any",),
}
# GX shows no more distinct values than these.
_MAX_DISTINCT_SHOWN: Final = 20


class UnknownMetric(LookupError):
    """The pass has no answer to a metric."""


class MetricAnswers:
    """What a finished pass answers to GX.

    Args:
        profile: What the pass has counted.
        judged: The rules, each with its expectation's arguments as GX understands them (it makes 1.0 of 1, and a date
            of `2026-11-28`).
    """

    def __init__(self, profile: Profile, judged: Iterable[tuple[Rule, Mapping[str, Any]]]) -> None:
        self._profile = profile
        # By what GX asks, then by what the contract says. Of rules that say the same the first has the answer: where a
        # suite repeats a declared type, that is the one that finds the cells.
        self._rules: dict[str, dict[str, Rule]] = {}
        for rule, kwargs in judged:
            if rule.is_about_rows:
                said = _key(rule.metric, rule.configuration["kwargs"])
                self._rules.setdefault(_key(rule.metric, kwargs), {}).setdefault(said, rule)
        self._places = place_names(profile.columns)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        # pandas copies what a table carries along; a profile may hold much, and files that are open.
        return self

    def answer(self, name: str, domain: Mapping[str, Any], arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """Return the value of one metric, as GX's pandas engine would.

        Args:
            name: The metric's name, such as `column_values.between.unexpected_count`.
            domain: What it is about: the columns, and what GX adds to them.
            arguments: What it is asked with, such as `min_value`.

        Raises:
            UnknownMetric: The pass did not count that.
        """
        if name.endswith(_STEPS):
            return None
        if domain.get("row_condition") is not None:
            return self._records(name, domain)
        if name.startswith("table."):
            return self._table(name)
        if name.startswith("column."):
            return self._column(name, str(domain["column"]), arguments)
        if name == "column_values.nonnull.unexpected_count":
            return self._profile.n_empty[str(domain["column"])]
        base, _, leaf = name.rpartition(".")
        return self._rows(leaf, self._rule(base, {**domain, **arguments}))

    def _rule(self, metric: str, kwargs: Mapping[str, Any]) -> Rule:
        rules = list(self._rules.get(_key(metric, kwargs), {}).values())
        if not rules:
            raise UnknownMetric(f"no rule of the contract has the metric {metric} of {_columns(kwargs)}")
        if len(rules) > 1:
            # 2**53 and 2**53 + 1 are the same float.
            raise UnknownMetric(
                f"{len(rules)} rules have the metric {metric} of {_columns(kwargs)} with the same numbers"
            )
        return rules[0]

    def _records(self, name: str, domain: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """Answer for the records themselves, whether they could be read or not."""
        if ALL_RECORDS not in str(domain["row_condition"]):
            raise UnknownMetric(f"{name} has a row condition, and every row is judged")
        match name:
            case "table.row_count":
                return self._profile.n_rows + self._profile.n_unreadable
            case "column_values.null.unexpected_count":
                return self._profile.n_unreadable
            case "column_values.null.unexpected_values" | "column_values.null.unexpected_index_list":
                # The quarantine has them; they have no cells to show.
                return []
        return self._table(name)

    def _table(self, name: str) -> Any:  # noqa: ANN401
        columns = list(self._profile.columns)
        match name:
            case "table.row_count":
                return self._profile.n_rows
            case "table.column_count":
                return len(columns)
            case "table.columns":
                return columns
            case "table.column_types":
                # With any other type GX would judge the column as a whole, and not its cells.
                return [{"name": column, "type": np.dtype(object)} for column in columns]
        raise UnknownMetric(f"{name} is not counted")

    def _column(self, name: str, column: str, arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        n_filled = self._profile.n_rows - self._profile.n_empty[column]
        match name:
            case "column.non_null_count":
                return n_filled
            case "column.non_null_proportion":
                return n_filled / self._profile.n_rows if self._profile.n_rows else 0
            case "column.unique_proportion":
                return self._profile.figures(column).n_distinct / n_filled if n_filled else 0
        if name not in _FIGURES:
            raise UnknownMetric(f"{name} is not counted")
        return _FIGURES[name](self._profile.figures(column), arguments)

    def _rows(self, leaf: str, rule: Rule) -> Any:  # noqa: ANN401
        tally = self._profile.tally(rule)
        match leaf:
            case "unexpected_count":
                return tally.n_broken
            case "filtered_row_count":
                return tally.n_judged
            case "unexpected_values":
                return [self._value(rule, example) for example in tally.examples]
            case "unexpected_index_list":
                return [self._place(rule, example) for example in tally.examples]
        raise UnknownMetric(f"{leaf} of {rule.metric} is not counted")

    def _value(self, rule: Rule, example: Example) -> Any:  # noqa: ANN401
        """Return the cells of a row in the form that GX gives them: one, a pair, or by column."""
        cells = self._cells(rule, example)
        if "column" in rule.configuration["kwargs"]:
            return cells[rule.columns[0]]
        return tuple(cells.values()) if "column_A" in rule.configuration["kwargs"] else cells

    def _place(self, rule: Rule, example: Example) -> dict[str, Any]:
        where = zip(self._places, (example.file, example.record, example.line), strict=True)
        return self._cells(rule, example) | dict(where)

    def _cells(self, rule: Rule, example: Example) -> dict[str, Any]:
        columns = self._profile.columns
        as_text = rule.name == "type"
        return {
            column: text if as_text else _typed(text, columns[column])
            for column, text in zip(rule.columns, example.values, strict=True)
        }


def place_names(columns: Iterable[str]) -> tuple[str, str, str]:
    """Return what the file, the record and the line of a row are called beside its cells: no column is called that."""
    taken = set(columns)

    def free(name: str) -> str:
        return free(f"{name} of the row") if name in taken else name

    return free("file"), free("record"), free("line")


def _key(metric: str, kwargs: Mapping[str, Any]) -> str:
    told = {
        name: value
        for name, value in kwargs.items()
        if name not in _HOW_IT_IS_RUN | _WHAT_IS_JUDGED
        and value is not None
        and value is not False
        and value not in _FILLED_IN.get(name, ())
    }
    return json.dumps([metric, _columns(kwargs), told], sort_keys=True, default=str)


def _columns(kwargs: Mapping[str, Any]) -> list[str]:
    one_by_one = [kwargs[name] for name in ("column", "column_A", "column_B") if kwargs.get(name) is not None]
    return [*one_by_one, *(kwargs.get("column_list") or [])]


def _typed(text: str | None, type_: ColumnType) -> str | int | float | None:
    try:
        match type_:
            case "integer" if text is not None:
                return int(text)
            case "float" if text is not None:
                return float(text)
    except ValueError:
        # A cell that is not of its column's type, in a rule that shows it beside others.
        pass
    return text


def _quantiles(figures: ColumnFigures, arguments: Mapping[str, Any]) -> list[Any]:
    # As in GX, it is the name of a way to interpolate.
    interpolation = arguments.get("allow_relative_error") or "nearest"
    return [figures.quantile(quantile, interpolation=interpolation) for quantile in arguments["quantiles"]]


def _most_common(figures: ColumnFigures, _: Mapping[str, Any]) -> list[Any]:
    counts = figures.distinct
    highest = max(counts.values(), default=0)
    return sorted(value for value, count in counts.items() if count == highest)


def _unexpected(figures: ColumnFigures, arguments: Mapping[str, Any]) -> list[Any]:
    return _in_order(set(figures.distinct) - _value_set(arguments))


def _missing(figures: ColumnFigures, arguments: Mapping[str, Any]) -> list[Any]:
    return _in_order(_value_set(arguments) - set(figures.distinct))


def _in_order(values: set[Any]) -> list[Any]:
    """Null, which a contract may list, comes last."""
    return sorted(values, key=lambda value: (value is None, value))


def _value_set(arguments: Mapping[str, Any]) -> set[Any]:
    return set(arguments.get("value_set") or [])


_FIGURES: Final[Mapping[str, Callable[[ColumnFigures, Mapping[str, Any]], Any]]] = {
    "column.min": lambda figures, _: figures.minimum,
    "column.max": lambda figures, _: figures.maximum,
    "column.sum": lambda figures, _: figures.total,
    "column.mean": lambda figures, _: figures.mean,
    "column.standard_deviation": lambda figures, _: figures.standard_deviation,
    "column.median": lambda figures, _: figures.median,
    "column.quantile_values": _quantiles,
    "column.distinct_values": lambda figures, _: set(figures.distinct),
    "column.distinct_values.count": lambda figures, _: figures.n_distinct,
    "column.most_common_value": _most_common,
    "column.distinct_values.not_in_set": lambda figures, arguments: _unexpected(figures, arguments)[
        :_MAX_DISTINCT_SHOWN
    ],
    "column.distinct_values.not_in_set.count": lambda figures, arguments: len(_unexpected(figures, arguments)),
    "column.distinct_values.missing_from_column": lambda figures, arguments: _missing(figures, arguments)[
        :_MAX_DISTINCT_SHOWN
    ],
    "column.distinct_values.missing_from_column.count": lambda figures, arguments: len(_missing(figures, arguments)),
}
