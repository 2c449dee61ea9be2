"""How an expectation that a contract may use is described: its members, what it says, and how its rows are judged."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from scoring.contract.rules.cells import Cells
from scoring.contract.rules.column_types import ANY, ColumnType, ColumnTypes
from scoring.contract.rules.masks import Mask
from scoring.contract.rules.members import Kwargs, Member

# Rows of a block that break a rule, or that it does not judge.
RowFinder = Callable[[Cells], Mask]

# What a rule about a whole column needs to be measured of it.
Measure = Literal["extremes", "moments", "quantiles", "counts", "distinct"]

# Where an expectation names the columns that it judges.
Domain = Literal["column", "pair", "columns", "table"]

DOMAIN_MEMBERS: Mapping[Domain, tuple[str, ...]] = {
    "column": ("column",),
    "pair": ("column_A", "column_B"),
    "columns": ("column_list",),
    "table": (),
}


def _nothing_to_check(_kwargs: Kwargs, _types: ColumnTypes) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Supported:
    """One expectation type.

    Args:
        metric: GX's base name of the metric that it rests on.
        says: The rule in words, for the one who mends the row; from its kwargs.
        domain: Where its columns are named.
        members: The other kwargs that it knows.
        needs: Those that must be given.
        needs_one_of: Of these at least one must be given.
        column_types: Declared types of columns that it can judge.
        check: Raises ContractProblem where kwargs and declared types do not agree.
        finds: Compiles the kwargs into a search for the rows that break the rule; None for a rule about a column or
            the table as a whole, and for uniqueness.
        is_unique: Whether it demands that no row's values in its columns occur twice.
        judges_missing: Whether it judges rows in which its column is empty.
        measures: What it needs to know of its column.
    """

    metric: str
    says: Callable[[Kwargs], str]
    domain: Domain = "column"
    members: Mapping[str, Member]
    needs: tuple[str, ...] = ()
    needs_one_of: tuple[str, ...] = ()
    column_types: tuple[ColumnType, ...] = ANY
    check: Callable[[Kwargs, ColumnTypes], None] = _nothing_to_check
    finds: Callable[[Kwargs, ColumnTypes], RowFinder] | None = None
    is_unique: bool = False
    judges_missing: bool = False
    measures: frozenset[Measure] = frozenset()

    @property
    def is_about_rows(self) -> bool:
        """Whether it finds single rows; otherwise it judges a column or the table as a whole."""
        return self.finds is not None or self.is_unique

    def columns(self, kwargs: Kwargs) -> tuple[str, ...]:
        """Return the columns that it judges; none when it judges the whole table."""
        if self.domain == "columns":
            listed = kwargs["column_list"]
            return tuple(map(str, listed)) if isinstance(listed, list) else ()
        return tuple(str(kwargs[name]) for name in DOMAIN_MEMBERS[self.domain])
