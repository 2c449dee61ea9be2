"""The expectations a contract may use and their members, known without the seconds that importing GX takes.

Whatever is not in `SUPPORTED` is refused by name, so that no rule of a contract is ever silently left out.
Regular expressions are RE2's: they are matched in linear time, so that no cell of an extract can stall a run.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import JsonValue

from scoring.contract.spelling import choose_from

Kwargs = Mapping[str, JsonValue]

_TEXT: Final = ("string",)
_NUMBERS: Final = ("integer", "float")
_ANY: Final = _TEXT + _NUMBERS

# What people try that exists in GX, and why it is not here.
_REFUSED_MEMBERS: Final = {
    "row_condition": "A rule holds for every row here. Leave it out, or put the condition into the extract.",
    "condition_parser": "A rule holds for every row here. Leave it out.",
    "mostly": "Every row is judged by itself. Leave it out; `severity: warning` lets the rows pass and reports them.",
    "parse_strings_as_datetimes": "There is no date type. Leave it out; match a regular expression instead.",
}


class ContractProblem(ValueError):
    """One thing that is wrong in a contract.

    Args:
        member: Where in the contract, from the member that is being looked at.
        what: What is wrong with it.
        next_step: What to do about it.
    """

    def __init__(self, member: str, what: str, next_step: str) -> None:
        super().__init__(member, what, next_step)
        self.member = member
        self.what = what
        self.next_step = next_step

    def under(self, parent: str) -> "ContractProblem":
        """Return the same problem, seen from one level up."""
        return ContractProblem(f"{parent}.{self.member}", self.what, self.next_step)


@dataclass(frozen=True, slots=True)
class Member:
    """What one member of `kwargs` must be."""

    wants: str
    accepts: Callable[[JsonValue], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Supported:
    """One expectation type.

    Args:
        says: The rule in words, for the one who mends the row; from its kwargs.
        members: The kwargs it knows, beside `column`.
        needs: At least one of these must be given.
        column_types: Types of columns that it can judge; none for an expectation about the whole table.
    """

    says: Callable[[Kwargs], str]
    members: Mapping[str, Member]
    needs: tuple[str, ...] = ()
    column_types: tuple[str, ...] = ()

    @property
    def is_about_rows(self) -> bool:
        """Whether it finds single rows; otherwise it judges the whole table."""
        return bool(self.column_types)


def check_expectation(type_: str, kwargs: Kwargs, columns: Mapping[str, str]) -> None:
    """Check one expectation against the table of the supported ones.

    Args:
        type_: GX's name of the expectation.
        kwargs: Its arguments.
        columns: The contract's columns with their types.

    Raises:
        ContractProblem: The type, a member or a column is unknown, or a value is not what the member takes.
    """
    if type_ not in SUPPORTED:
        raise ContractProblem("type", f"{type_!r} is not an expectation that is supported.", _near_types(type_))
    expectation = SUPPORTED[type_]
    if expectation.is_about_rows:
        _check_column(type_, expectation, kwargs, columns)
    for name, value in kwargs.items():
        if name != "column" or not expectation.is_about_rows:
            _check_member(name, value, expectation)
    _check_needs(expectation, kwargs)
    _check_bounds(kwargs)
    _check_agreement(kwargs, columns)


def _near_types(type_: str) -> str:
    if type_ in {"expect_column_values_to_be_of_type", "expect_column_values_to_be_in_type_list"}:
        return "Give the type under `columns`; cells of another type are found by that."
    return choose_from(type_, SUPPORTED)


def _check_column(type_: str, expectation: Supported, kwargs: Kwargs, columns: Mapping[str, str]) -> None:
    column = kwargs.get("column")
    if not isinstance(column, str):
        raise ContractProblem("kwargs.column", "It is missing, or no text.", f"Known are: {', '.join(columns)}.")
    if column not in columns:
        raise ContractProblem("kwargs.column", f"{column!r} is not a declared column.", choose_from(column, columns))
    if columns[column] not in expectation.column_types:
        raise ContractProblem(
            "kwargs.column",
            f"{column!r} is declared {columns[column]}, and {type_} judges {' or '.join(expectation.column_types)}.",
            "Declare the column with another type, or use another expectation.",
        )


def _check_member(name: str, value: JsonValue, expectation: Supported) -> None:
    if name in _REFUSED_MEMBERS:
        raise ContractProblem(f"kwargs.{name}", "It is not supported.", _REFUSED_MEMBERS[name])
    if name not in expectation.members:
        known = [*(["column"] if expectation.is_about_rows else []), *expectation.members]
        raise ContractProblem(f"kwargs.{name}", "There is no such member.", choose_from(name, known))
    member = expectation.members[name]
    if not member.accepts(value):
        raise ContractProblem(f"kwargs.{name}", f"{value!r} is not {member.wants}.", f"Give {member.wants}.")


def _check_needs(expectation: Supported, kwargs: Kwargs) -> None:
    if expectation.needs and not any(name in kwargs for name in expectation.needs):
        wanted = " or ".join(repr(name) for name in expectation.needs)
        raise ContractProblem("kwargs", f"{wanted} is missing.", f"Give {wanted}.")


def _check_bounds(kwargs: Kwargs) -> None:
    lowest, highest = kwargs.get("min_value"), kwargs.get("max_value")
    if isinstance(lowest, int | float) and isinstance(highest, int | float) and lowest > highest:
        raise ContractProblem("kwargs", f"min_value {lowest} is above max_value {highest}.", "Swap them.")


def _check_agreement(kwargs: Kwargs, columns: Mapping[str, str]) -> None:
    """A rule that can never hold is a slip of the pen, and would quarantine everything."""
    column_list, values, column = kwargs.get("column_list"), kwargs.get("value_set"), kwargs.get("column")
    if column_list is not None and column_list != list(columns):
        raise ContractProblem(
            "kwargs.column_list",
            f"{column_list!r} is not the list under `columns`, {list(columns)!r}.",
            "Make the two lists equal.",
        )
    if isinstance(values, list) and isinstance(column, str):
        is_text = columns[column] == "string"
        if any(isinstance(value, str) != is_text for value in values):
            wants = "texts (in quotes)" if is_text else "numbers"
            raise ContractProblem(
                "kwargs.value_set", f"{column!r} is declared {columns[column]}.", f"List {wants} only."
            )


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: JsonValue) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_regex(value: JsonValue) -> bool:
    if not isinstance(value, str):
        return False
    try:
        pc.match_substring_regex(pa.array([""]), pattern=value)
    except pa.ArrowInvalid:
        return False
    return True


def _is_value_set(value: JsonValue) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) or _is_number(one) for one in value)


def _is_column_list(value: JsonValue) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _bounds(kwargs: Kwargs) -> str:
    """Put the bounds into words: `between 1 and 5`, `at least 1`, `above 0 and at most 1`."""
    lowest, highest = kwargs.get("min_value"), kwargs.get("max_value")
    above, below = kwargs.get("strict_min"), kwargs.get("strict_max")
    if lowest is not None and highest is not None and not above and not below:
        return f"between {lowest} and {highest}"
    parts = []
    if lowest is not None:
        parts.append(f"{'above' if above else 'at least'} {lowest}")
    if highest is not None:
        parts.append(f"{'below' if below else 'at most'} {highest}")
    return " and ".join(parts)


_REGEX: Final = Member("a regular expression as RE2 reads it (no look-around, no back-references)", _is_regex)
_COUNT: Final = Member("a whole number, 0 or more", _is_count)
_FLAG: Final = Member("true or false", lambda value: isinstance(value, bool))
_NUMBER: Final = Member("a number", _is_number)
_VALUES: Final = Member("a list of texts or of numbers, at least one", _is_value_set)
_STRICT: Final = {"strict_min": _FLAG, "strict_max": _FLAG}
_BOUNDS: Final = ("min_value", "max_value")

SUPPORTED: Final[Mapping[str, Supported]] = {
    "expect_column_values_to_not_be_null": Supported(
        says=lambda _: "must not be empty",
        members={},
        column_types=_ANY,
    ),
    "expect_column_values_to_be_unique": Supported(
        says=lambda _: "must occur only once in the input",
        members={},
        column_types=_ANY,
    ),
    "expect_column_values_to_match_regex": Supported(
        says=lambda kwargs: f"must match {kwargs['regex']}",
        members={"regex": _REGEX},
        needs=("regex",),
        column_types=_TEXT,
    ),
    "expect_column_values_to_not_match_regex": Supported(
        says=lambda kwargs: f"must not match {kwargs['regex']}",
        members={"regex": _REGEX},
        needs=("regex",),
        column_types=_TEXT,
    ),
    "expect_column_values_to_be_in_set": Supported(
        says=lambda kwargs: f"must be one of {kwargs['value_set']}",
        members={"value_set": _VALUES},
        needs=("value_set",),
        column_types=_ANY,
    ),
    "expect_column_values_to_not_be_in_set": Supported(
        says=lambda kwargs: f"must not be one of {kwargs['value_set']}",
        members={"value_set": _VALUES},
        needs=("value_set",),
        column_types=_ANY,
    ),
    "expect_column_values_to_be_between": Supported(
        says=lambda kwargs: f"must be {_bounds(kwargs)}",
        members={"min_value": _NUMBER, "max_value": _NUMBER, **_STRICT},
        needs=_BOUNDS,
        column_types=_NUMBERS,
    ),
    "expect_column_value_lengths_to_be_between": Supported(
        says=lambda kwargs: f"length must be {_bounds(kwargs)} characters",
        members={"min_value": _COUNT, "max_value": _COUNT, **_STRICT},
        needs=_BOUNDS,
        column_types=_TEXT,
    ),
    "expect_column_value_lengths_to_equal": Supported(
        says=lambda kwargs: f"length must be {kwargs['value']} characters",
        members={"value": _COUNT},
        needs=("value",),
        column_types=_TEXT,
    ),
    "expect_table_columns_to_match_ordered_list": Supported(
        says=lambda kwargs: f"columns must be {kwargs['column_list']}",
        members={"column_list": Member("a list of column names", _is_column_list)},
        needs=("column_list",),
    ),
    "expect_table_row_count_to_be_between": Supported(
        says=lambda kwargs: f"number of rows must be {_bounds(kwargs)}",
        members={"min_value": _COUNT, "max_value": _COUNT, **_STRICT},
        needs=_BOUNDS,
    ),
    "expect_table_row_count_to_equal": Supported(
        says=lambda kwargs: f"number of rows must be {kwargs['value']}",
        members={"value": _COUNT},
        needs=("value",),
    ),
}
