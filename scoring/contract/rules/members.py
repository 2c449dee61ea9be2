"""What the members of an expectation's `kwargs` may be: one kind of value each, in words and as a check."""

import datetime as dt
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeGuard

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import JsonValue

from scoring.contract.spelling import MAX_LISTED_NAMES, listed, shown

Kwargs = Mapping[str, JsonValue]

# What a day is written as, in bounds and sets about columns of dates.
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# Beyond it, digits say less than an exponent.
_LARGEST_SHOWN_IN_FULL: Final = 1e15
_SOME_MOMENT: Final = dt.datetime(2026, 11, 28, 17, 45, 9, 250_000, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Member:
    """What one member of `kwargs` must be.

    Args:
        wants: In words, to follow "Give".
        accepts: Whether a value is such.
    """

    wants: str
    accepts: Callable[[JsonValue], bool]


def is_number(value: JsonValue) -> TypeGuard[int | float]:
    """Return whether it is a finite number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def is_day(value: JsonValue) -> TypeGuard[str]:
    """Return whether it is a text that is an ISO date, such as 2026-11-28."""
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return False
    try:
        dt.date.fromisoformat(value)
    except ValueError:
        return False
    return True


def in_words(value: object) -> str:
    """Return a value as a message shows it: 5 for GX's 5.0, long texts and lists cut."""
    if isinstance(value, list):
        return f"[{listed(map(in_words, value), at_most=MAX_LISTED_NAMES)}]"
    if isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST_SHOWN_IN_FULL:
        return str(int(value))
    return "empty" if value is None else shown(value) if isinstance(value, str) else str(value)


def is_count(value: JsonValue) -> bool:
    """Return whether it is a whole number, 0 or more. GX writes some of them as 5.0."""
    return is_number(value) and value >= 0 and float(value).is_integer()


def is_regex(value: JsonValue) -> bool:
    """Return whether RE2 can compile it."""
    if not isinstance(value, str):
        return False
    try:
        # Not of a list: Arrow would load pandas, which takes half a second, to see whether it is one of its own.
        pc.match_substring_regex(pa.nulls(1, pa.string()), pattern=value)
    except pa.ArrowInvalid:
        return False
    return True


def _is_strftime_format(value: JsonValue) -> bool:
    if not isinstance(value, str):
        return False
    try:
        # Some directives write and do not read, such as %D.
        dt.datetime.strptime(_SOME_MOMENT.strftime(value), value)  # noqa: DTZ007
    except (ValueError, re.error):
        return False
    return True


def list_of(accepts: Callable[[JsonValue], bool], *, at_least: int = 1) -> Callable[[JsonValue], bool]:
    """Return a check for lists of such values."""
    return lambda value: isinstance(value, list) and len(value) >= at_least and all(map(accepts, value))


def one_of(*known: str) -> Member:
    """Return the kind of a member that takes one of a few texts."""
    return Member(" or ".join(map(repr, known)), lambda value: isinstance(value, str) and value in known)


def _is_text(value: JsonValue) -> bool:
    return isinstance(value, str)


def _is_scalar(value: JsonValue) -> bool:
    return isinstance(value, str) or is_number(value)


def _is_pair(value: JsonValue) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(one is None or _is_scalar(one) for one in value)  # noqa: PLR2004


def _is_share(value: JsonValue) -> bool:
    return is_number(value) and 0 < value <= 1


REGEX: Final = Member("a regular expression as RE2 reads it (no look-around, no back-references)", is_regex)
REGEXES: Final = Member("a list of regular expressions as RE2 reads them (no look-around)", list_of(is_regex))
TEXT: Final = Member("a text", _is_text)
TEXTS: Final = Member("a list of texts, at least one", list_of(_is_text))
ESCAPE: Final = Member("one character", lambda value: isinstance(value, str) and len(value) == 1)
STRFTIME_FORMAT: Final = Member("a format that datetime.strptime reads, such as '%Y-%m-%d'", _is_strftime_format)
COUNT: Final = Member("a whole number, 0 or more", is_count)
FLAG: Final = Member("true or false", lambda value: isinstance(value, bool))
NUMBER: Final = Member("a number", is_number)
BOUND: Final = Member("a number, or an ISO date in quotes", lambda value: is_number(value) or is_day(value))
SHARE: Final = Member("a number from 0 to 1", lambda value: is_number(value) and 0 <= value <= 1)
MOSTLY: Final = Member("a number above 0, at most 1", _is_share)
VALUES: Final = Member("a list of texts or of numbers, at least one", list_of(_is_scalar))
PAIRS: Final = Member("a list of pairs of texts, numbers or nulls, at least one", list_of(_is_pair))
COLUMNS: Final = Member("a list of column names", list_of(_is_text))
