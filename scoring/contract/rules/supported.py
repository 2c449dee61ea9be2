"""The expectations a contract may use, known and checked without the seconds that importing GX takes.

Whatever is not in `SUPPORTED` is refused by name, and so is every member of `kwargs` that an expectation does not
know: no part of a contract is ever silently left out. Regular expressions are RE2's: they are matched in linear time,
so that no cell of an extract can stall a run.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from scoring.contract.problem import ContractProblem
from scoring.contract.rules.catalogue import DOMAIN_MEMBERS, Supported
from scoring.contract.rules.column_rules import COLUMN_RULES
from scoring.contract.rules.column_types import ColumnTypes
from scoring.contract.rules.members import MOSTLY, Kwargs, Member, in_words
from scoring.contract.rules.multicolumn_rules import MULTICOLUMN_RULES
from scoring.contract.rules.pair_rules import PAIR_RULES
from scoring.contract.rules.refusals import is_default, refuse_expectation, refuse_member, refuse_parameters
from scoring.contract.rules.table_rules import TABLE_RULES
from scoring.contract.rules.text_rules import TEXT_RULES
from scoring.contract.rules.type_rules import TYPE_RULES
from scoring.contract.rules.value_rules import VALUE_RULES
from scoring.contract.spelling import choose_from, listed_names

SUPPORTED: Final[Mapping[str, Supported]] = {
    **VALUE_RULES,
    **TYPE_RULES,
    **TEXT_RULES,
    **PAIR_RULES,
    **MULTICOLUMN_RULES,
    **COLUMN_RULES,
    **TABLE_RULES,
}

# One column has no other to be compared with.
_FEWEST_COLUMNS: Final = 2


def check_expectation(type_: str, kwargs: Kwargs, columns: ColumnTypes) -> None:
    """Check one expectation against the table of the supported ones, and against the declared columns.

    Args:
        type_: GX's name of the expectation.
        kwargs: Its arguments.
        columns: The contract's columns with their types.

    Raises:
        ContractProblem: The type, a member or a column is unknown or not supported, a value is not what the member
            takes, or the rule could never hold.
    """
    refuse_expectation(type_)
    if type_ not in SUPPORTED:
        what = f"{type_!r} is not an expectation that is supported."
        raise ContractProblem("type", what, choose_from(type_, SUPPORTED))
    expectation = SUPPORTED[type_]
    refuse_parameters(kwargs)
    _check_names(expectation, kwargs)
    _check_values(expectation, kwargs)
    for member, column in _named_columns(expectation, kwargs, columns):
        _check_column(type_, expectation, member, column, columns)
    expectation.check(kwargs, columns)


def effective_kwargs(type_: str, kwargs: Kwargs) -> dict[str, JsonValue]:
    """Return the kwargs of a checked expectation without those that say what holds anyway."""
    known = _members(SUPPORTED[type_])
    return {name: value for name, value in kwargs.items() if name in known and value is not None}


def _members(expectation: Supported) -> Mapping[str, Member | None]:
    columns = dict.fromkeys(DOMAIN_MEMBERS[expectation.domain])
    mostly = {"mostly": MOSTLY} if expectation.is_about_rows else {}
    return {**columns, **expectation.members, **mostly}


def _check_names(expectation: Supported, kwargs: Kwargs) -> None:
    known = _members(expectation)
    for name, value in kwargs.items():
        if name in known or is_default(name, value):
            continue
        refuse_member(name)
        raise ContractProblem(f"kwargs.{name}", "There is no such member.", choose_from(name, known))
    for name in expectation.needs:
        if kwargs.get(name) is None:
            raise ContractProblem("kwargs", f"{name!r} is missing.", f"Give {name!r}.")
    if expectation.needs_one_of and all(kwargs.get(name) is None for name in expectation.needs_one_of):
        wanted = " or ".join(map(repr, expectation.needs_one_of))
        raise ContractProblem("kwargs", f"{wanted} is missing.", f"Give {wanted}.")


def _check_values(expectation: Supported, kwargs: Kwargs) -> None:
    members = _members(expectation)
    for name, value in kwargs.items():
        member = members.get(name)
        # GX writes null where nothing was given.
        if member is not None and value is not None and not member.accepts(value):
            raise ContractProblem(
                f"kwargs.{name}", f"{in_words(value)} is not {member.wants}.", f"Give {member.wants}."
            )


def _named_columns(expectation: Supported, kwargs: Kwargs, columns: ColumnTypes) -> list[tuple[str, str]]:
    """Each judged column with the member that names it."""
    if expectation.domain == "columns":
        return _listed_columns(kwargs)
    named = []
    for member in DOMAIN_MEMBERS[expectation.domain]:
        column = kwargs.get(member)
        if not isinstance(column, str):
            known = f"Known are: {listed_names(columns)}."
            raise ContractProblem(f"kwargs.{member}", "It is missing, or no text.", known)
        named.append((f"kwargs.{member}", column))
    return named


def _listed_columns(kwargs: Kwargs) -> list[tuple[str, str]]:
    listed = kwargs.get("column_list")
    names = [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
    if not isinstance(listed, list) or len(names) != len(listed) or len(set(names)) < _FEWEST_COLUMNS:
        what = f"{in_words(listed)} is not a list of two columns or more."
        raise ContractProblem("kwargs.column_list", what, "List them.")
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise ContractProblem("kwargs.column_list", f"It lists {twice!r} twice.", "Take one of them out.")
    return [("kwargs.column_list", name) for name in names]


def _check_column(type_: str, expectation: Supported, member: str, column: str, columns: ColumnTypes) -> None:
    if column not in columns:
        raise ContractProblem(member, f"{column!r} is not a declared column.", choose_from(column, columns))
    if columns[column] not in expectation.column_types:
        judged = " or ".join(expectation.column_types)
        what = f"{column!r} is declared {columns[column]}, and {type_} judges {judged}."
        raise ContractProblem(member, what, "Declare the column with another type, or use another expectation.")
