"""Expectations about the text of one cell: its length, patterns, and the format of a date."""

from collections.abc import Mapping, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from scoring.contract.problem import ContractProblem
from scoring.contract.rules import bounds, members
from scoring.contract.rules.bounds import Bounds
from scoring.contract.rules.catalogue import RowFinder, Supported
from scoring.contract.rules.cells import Cells
from scoring.contract.rules.column_types import TEXTS, ColumnTypes
from scoring.contract.rules.lengths import lengths_outside
from scoring.contract.rules.like_patterns import as_regex
from scoring.contract.rules.masks import Mask, all_of, any_of, if_any, unless_all
from scoring.contract.rules.members import Kwargs, in_words
from scoring.contract.rules.strftime_formats import StrftimeFormat


def _finds_lengths_outside(kwargs: Kwargs, _types: ColumnTypes) -> RowFinder:
    column, limits = str(kwargs["column"]), Bounds.of(kwargs)
    return lambda cells: lengths_outside(cells.typed(column), limits)


def _finds_other_lengths(kwargs: Kwargs, types: ColumnTypes) -> RowFinder:
    value = kwargs["value"]
    return _finds_lengths_outside({**kwargs, "min_value": value, "max_value": value}, types)


def _check_length_order(kwargs: Kwargs, _types: ColumnTypes) -> None:
    bounds.check_order(kwargs)


def _unmatched(text: pa.StringArray, pattern: str) -> Mask:
    return unless_all(pc.match_substring_regex(text, pattern))


def _matched(text: pa.StringArray, pattern: str) -> Mask:
    return if_any(pc.match_substring_regex(text, pattern))


def _must_match(column: str, patterns: Sequence[str], *, every: bool) -> RowFinder:
    combined = any_of if every else all_of

    def unmatched(cells: Cells) -> Mask:
        text = cells.typed(column)
        return combined(_unmatched(text, pattern) for pattern in patterns)

    return unmatched


def _must_not_match(column: str, patterns: Sequence[str]) -> RowFinder:
    def matched(cells: Cells) -> Mask:
        text = cells.typed(column)
        return any_of(_matched(text, pattern) for pattern in patterns)

    return matched


def _regexes(kwargs: Kwargs) -> list[str]:
    listed = kwargs.get("regex_list", [kwargs.get("regex")])
    return [str(regex) for regex in listed] if isinstance(listed, list) else []


def _likes(kwargs: Kwargs) -> list[str]:
    listed, escape = kwargs.get("like_pattern_list", [kwargs.get("like_pattern")]), kwargs.get("escape")
    patterns = listed if isinstance(listed, list) else []
    return [as_regex(str(pattern), escape if isinstance(escape, str) else None) for pattern in patterns]


def _finds_unmatched(kwargs: Kwargs, _types: ColumnTypes) -> RowFinder:
    patterns = _likes(kwargs) if _is_about_likeness(kwargs) else _regexes(kwargs)
    return _must_match(str(kwargs["column"]), patterns, every=kwargs.get("match_on") == "all")


def _finds_matched(kwargs: Kwargs, _types: ColumnTypes) -> RowFinder:
    patterns = _likes(kwargs) if _is_about_likeness(kwargs) else _regexes(kwargs)
    return _must_not_match(str(kwargs["column"]), patterns)


def _is_about_likeness(kwargs: Kwargs) -> bool:
    return "like_pattern" in kwargs or "like_pattern_list" in kwargs


def _check_escape(kwargs: Kwargs, _types: ColumnTypes) -> None:
    try:
        _likes(kwargs)
    except ValueError as error:
        what = f"{error.args[0]!r} ends with the escape character."
        raise ContractProblem("kwargs.escape", what, "Let a character follow it.") from error


def _finds_unread(kwargs: Kwargs, _types: ColumnTypes) -> RowFinder:
    column, format_ = str(kwargs["column"]), StrftimeFormat(str(kwargs["strftime_format"]))
    return lambda cells: format_.unread(cells.typed(column))


def _how_many(kwargs: Kwargs) -> str:
    return "all" if kwargs.get("match_on") == "all" else "one"


_MATCH_ON: Final = members.one_of("any", "all")
_LIKE: Final = {"like_pattern": members.TEXT, "escape": members.ESCAPE}
_LIKES: Final = {"like_pattern_list": members.TEXTS, "escape": members.ESCAPE}

TEXT_RULES: Final[Mapping[str, Supported]] = {
    "expect_column_value_lengths_to_be_between": Supported(
        metric="column_values.value_length.between",
        says=lambda kwargs: f"length must be {Bounds.of(kwargs).in_words} characters",
        members=bounds.members(members.COUNT),
        needs_one_of=bounds.NEEDS,
        column_types=TEXTS,
        check=_check_length_order,
        finds=_finds_lengths_outside,
    ),
    "expect_column_value_lengths_to_equal": Supported(
        metric="column_values.value_length.equals",
        says=lambda kwargs: f"length must be {in_words(kwargs['value'])} characters",
        members={"value": members.COUNT},
        needs=("value",),
        column_types=TEXTS,
        finds=_finds_other_lengths,
    ),
    "expect_column_values_to_match_regex": Supported(
        metric="column_values.match_regex",
        says=lambda kwargs: f"must match {kwargs['regex']}",
        members={"regex": members.REGEX},
        needs=("regex",),
        column_types=TEXTS,
        finds=_finds_unmatched,
    ),
    "expect_column_values_to_not_match_regex": Supported(
        metric="column_values.not_match_regex",
        says=lambda kwargs: f"must not match {kwargs['regex']}",
        members={"regex": members.REGEX},
        needs=("regex",),
        column_types=TEXTS,
        finds=_finds_matched,
    ),
    "expect_column_values_to_match_regex_list": Supported(
        metric="column_values.match_regex_list",
        says=lambda kwargs: f"must match {_how_many(kwargs)} of {in_words(kwargs['regex_list'])}",
        members={"regex_list": members.REGEXES, "match_on": _MATCH_ON},
        needs=("regex_list",),
        column_types=TEXTS,
        finds=_finds_unmatched,
    ),
    "expect_column_values_to_not_match_regex_list": Supported(
        metric="column_values.not_match_regex_list",
        says=lambda kwargs: f"must match none of {in_words(kwargs['regex_list'])}",
        members={"regex_list": members.REGEXES},
        needs=("regex_list",),
        column_types=TEXTS,
        finds=_finds_matched,
    ),
    "expect_column_values_to_match_like_pattern": Supported(
        metric="column_values.match_like_pattern",
        says=lambda kwargs: f"must be like {kwargs['like_pattern']}",
        members=_LIKE,
        needs=("like_pattern",),
        column_types=TEXTS,
        check=_check_escape,
        finds=_finds_unmatched,
    ),
    "expect_column_values_to_not_match_like_pattern": Supported(
        metric="column_values.not_match_like_pattern",
        says=lambda kwargs: f"must not be like {kwargs['like_pattern']}",
        members=_LIKE,
        needs=("like_pattern",),
        column_types=TEXTS,
        check=_check_escape,
        finds=_finds_matched,
    ),
    "expect_column_values_to_match_like_pattern_list": Supported(
        metric="column_values.match_like_pattern_list",
        says=lambda kwargs: f"must be like {_how_many(kwargs)} of {in_words(kwargs['like_pattern_list'])}",
        members={**_LIKES, "match_on": _MATCH_ON},
        needs=("like_pattern_list",),
        column_types=TEXTS,
        check=_check_escape,
        finds=_finds_unmatched,
    ),
    "expect_column_values_to_not_match_like_pattern_list": Supported(
        metric="column_values.not_match_like_pattern_list",
        says=lambda kwargs: f"must be like none of {in_words(kwargs['like_pattern_list'])}",
        members=_LIKES,
        needs=("like_pattern_list",),
        column_types=TEXTS,
        check=_check_escape,
        finds=_finds_matched,
    ),
    "expect_column_values_to_match_strftime_format": Supported(
        metric="column_values.match_strftime_format",
        says=lambda kwargs: f"must be written as {kwargs['strftime_format']}",
        members={"strftime_format": members.STRFTIME_FORMAT},
        needs=("strftime_format",),
        column_types=TEXTS,
        finds=_finds_unread,
    ),
}
