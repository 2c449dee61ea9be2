"""The rules of a contract: the declared types of its columns, and the expectations of its suite, ready to be judged."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from scoring.contract.model import Contract, Expectation, Severity
from scoring.contract.rules.catalogue import Measure, RowFinder, Supported
from scoring.contract.rules.column_types import BOOLEAN, TYPE_SAYS, ColumnType, ColumnTypes
from scoring.contract.rules.several_columns import rows_ignored
from scoring.contract.rules.supported import SUPPORTED, effective_kwargs

# The rule of a cell that is not of its column's declared type; all others bear the names of their expectations.
TYPE: Final = "type"

# Each type as an expectation of GX's, so that it stands in the results beside the others. A date has ten characters
# as well: strptime reads 2026-1-5.
_TYPE_EXPECTATIONS: Final[Mapping[ColumnType, tuple[str, Mapping[str, str]]]] = {
    "integer": ("expect_column_values_to_be_of_type", {"type_": "int"}),
    "float": ("expect_column_values_to_be_of_type", {"type_": "float"}),
    "boolean": ("expect_column_values_to_match_regex", {"regex": BOOLEAN}),
    "date": ("expect_column_values_to_match_strftime_format", {"strftime_format": "%Y-%m-%d"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that must be true of rows, of a column, or of the table.

    Args:
        index: Place among all rules of the contract.
        configuration: The expectation in GX's own form, as GX runs it and Data Docs show it.
        name: The expectation's type, or `type` for the declared type of a column.
        columns: Columns that are judged; none for a rule about the whole table.
        severity: `critical` quarantines the row, or stops the run.
        message: The rule in words, for the one who mends the row.
        mostly: The share of judged rows that must hold it, above 0; 1 unless the expectation says otherwise.
        metric: GX's base name of the metric that it rests on, such as `column_values.between`.
        broken: Finds the rows of a block that break it: True there, None for no row. None for a rule that is not about
            rows, and for uniqueness.
        ignored: Finds the rows of a block that it does not judge; None for a rule that is not about rows.
        is_unique: Whether it demands unique values in `columns`: what breaks it is found at the end of the pass.
        measures: What must be measured of its column.
    """

    index: int
    configuration: dict[str, Any]
    name: str
    columns: tuple[str, ...]
    severity: Severity
    message: str
    mostly: float = 1.0
    metric: str
    broken: RowFinder | None = None
    ignored: RowFinder | None = None
    is_unique: bool = False
    measures: frozenset[Measure] = frozenset()

    @property
    def is_about_rows(self) -> bool:
        """Whether it finds single rows; otherwise it judges a column or the table as a whole."""
        return self.broken is not None or self.is_unique

    @property
    def needs_keys(self) -> bool:
        """Whether it asks how often each value occurs among all rows."""
        return self.is_unique or "distinct" in self.measures


def rules_of(contract: Contract) -> tuple[Rule, ...]:
    """Return the declared types as rules, then the suite: nothing more basic than its type can be wrong with a cell."""
    types = tuple(_type_rules(contract.columns))
    suite = (
        _suite_rule(len(types) + place, expectation, contract.columns)
        for place, expectation in enumerate(contract.suite.expectations)
    )
    return (*types, *suite)


def _type_rules(columns: ColumnTypes) -> Iterator[Rule]:
    typed = ((column, type_) for column, type_ in columns.items() if type_ != "string")
    for index, (column, type_) in enumerate(typed):
        expectation, kwargs = _TYPE_EXPECTATIONS[type_]
        yield Rule(
            index=index,
            configuration={"type": expectation, "kwargs": {"column": column, **kwargs}, "severity": "critical"},
            name=TYPE,
            columns=(column,),
            severity="critical",
            message=TYPE_SAYS[type_],
            metric=SUPPORTED[expectation].metric,
            broken=_not_of_type(column),
            ignored=_empty(column),
        )


def _suite_rule(index: int, expectation: Expectation, types: ColumnTypes) -> Rule:
    supported = SUPPORTED[expectation.type]
    kwargs = effective_kwargs(expectation.type, expectation.kwargs)
    mostly = kwargs.get("mostly", 1.0)
    return Rule(
        index=index,
        configuration=expectation.model_dump(exclude_none=True, exclude={"id"}) | {"kwargs": kwargs},
        name=expectation.type,
        columns=supported.columns(kwargs),
        severity=expectation.severity,
        message=supported.says(kwargs),
        mostly=float(mostly) if isinstance(mostly, int | float) else 1.0,
        metric=supported.metric,
        broken=supported.finds(kwargs, types) if supported.finds else None,
        ignored=_ignored(supported, kwargs) if supported.is_about_rows else None,
        is_unique=supported.is_unique,
        measures=supported.measures,
    )


def _ignored(supported: Supported, kwargs: Mapping[str, Any]) -> RowFinder:
    columns = supported.columns(kwargs)
    if supported.domain != "column":
        return rows_ignored(kwargs, columns)
    return _none if supported.judges_missing else _empty(columns[0])


def _not_of_type(column: str) -> RowFinder:
    return lambda cells: cells.not_of_type(column)


def _empty(column: str) -> RowFinder:
    return lambda cells: cells.empty(column)


def _none(_cells: object) -> None:
    return None
