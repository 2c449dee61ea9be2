"""Expectations about the type of one cell, by the many names that GX, pandas, SQL and Spark have for few types."""

from collections.abc import Iterator, Mapping
from typing import Final

from scoring.contract.problem import ContractProblem
from scoring.contract.rules.casting import TypedColumn, typed
from scoring.contract.rules.catalogue import RowFinder, Supported
from scoring.contract.rules.cells import Cells
from scoring.contract.rules.column_types import ColumnType, ColumnTypes
from scoring.contract.rules.masks import Mask, all_of
from scoring.contract.rules.members import TEXT, TEXTS, Kwargs, in_words
from scoring.contract.spelling import nearest

_NAMES: Final[Mapping[ColumnType, str]] = {
    "integer": "int int8 int16 int32 int64 uint8 uint16 uint32 uint64 int_ long integer bigint smallint tinyint "
    "byteint integertype longtype shorttype bytetype",
    "float": "float float16 float32 float64 float_ double double_precision real decimal numeric floattype doubletype "
    "decimaltype",
    "string": "str string string_types str_ object object_ text ntext char nchar varchar nvarchar tinytext mediumtext "
    "longtext stringtype stringdtype",
    "boolean": "bool boolean bool_ booleantype",
    "date": "date datetype",
}
# GX's own lists hold names of several systems in several cases; it looks for no more than one that it knows.
_TYPES_BY_NAME: Final[Mapping[str, tuple[ColumnType, ...]]] = {
    **{name: (type_,) for type_, names in _NAMES.items() for name in names.split()},
    "number": ("integer", "float"),
}


def _names(kwargs: Kwargs) -> Iterator[tuple[str, str]]:
    """Each name with its place in the kwargs."""
    listed = kwargs.get("type_list")
    if isinstance(listed, list):
        yield from ((f"kwargs.type_list[{index}]", str(name)) for index, name in enumerate(listed))
    else:
        yield "kwargs.type_", str(kwargs.get("type_"))


def _types(kwargs: Kwargs) -> tuple[ColumnType, ...]:
    found = (type_ for _, name in _names(kwargs) for type_ in _TYPES_BY_NAME[name.lower()])
    return tuple(dict.fromkeys(found))


def _check_types(kwargs: Kwargs, types: ColumnTypes) -> None:
    for member, name in _names(kwargs):
        if name.lower() not in _TYPES_BY_NAME:
            meant = nearest(name, _TYPES_BY_NAME)
            question = f"Did you mean {meant!r}? " if meant else ""
            known = "int, float, number, str, bool, date, and what pandas, SQL and Spark call them"
            raise ContractProblem(member, f"{name!r} is not a known type.", f"{question}Known are {known}.")
    column = str(kwargs["column"])
    declared = types[column]
    # A string may be asked whether it reads as a number; a number is never anything else.
    if declared != "string" and not {declared, *_also(declared)} & set(_types(kwargs)):
        member, _ = next(_names(kwargs))
        what = f"{column!r} is declared {declared}, and none of its cells could hold that."
        raise ContractProblem(member, what, f"Name {declared!r}, or declare the column with another type.")


def _also(declared: ColumnType) -> tuple[ColumnType, ...]:
    return ("string",) if declared in {"boolean", "date"} else ()


def _finds_other_types(kwargs: Kwargs, _declared: ColumnTypes) -> RowFinder:
    column, wanted = str(kwargs["column"]), _types(kwargs)

    def others(cells: Cells) -> Mask:
        if "string" in wanted:
            return None
        return all_of(_read(cells, column, type_).not_of_type for type_ in wanted)

    return others


def _read(cells: Cells, column: str, type_: ColumnType) -> TypedColumn:
    if type_ == cells.type_of(column):
        return TypedColumn(cells.typed(column), cells.not_of_type(column))
    return typed(cells.text(column), type_)


TYPE_RULES: Final[Mapping[str, Supported]] = {
    "expect_column_values_to_be_of_type": Supported(
        metric="column_values.of_type",
        says=lambda kwargs: f"must be of type {kwargs['type_']}",
        members={"type_": TEXT},
        needs=("type_",),
        check=_check_types,
        finds=_finds_other_types,
    ),
    "expect_column_values_to_be_in_type_list": Supported(
        metric="column_values.in_type_list",
        says=lambda kwargs: f"must be of one of the types {in_words(kwargs['type_list'])}",
        members={"type_list": TEXTS},
        needs=("type_list",),
        check=_check_types,
        finds=_finds_other_types,
    ),
}
