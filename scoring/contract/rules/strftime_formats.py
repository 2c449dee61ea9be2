"""Whole columns against a strftime format: a cell matches if `datetime.strptime` reads it.

A strptime costs microseconds, so that a regular expression goes first. It takes only what strptime surely takes, which
is nearly every cell of a usual column; the others are read one by one, each different text once.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from scoring.contract.rules.masks import Mask, unless_all

# A year of four digits but none of the year 0, which datetime does not have.
_YEAR: Final = "(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_SURELY: Final[Mapping[str, str]] = {
    "Y": _YEAR,
    "H": "(?:[01][0-9]|2[0-3])",
    "M": "[0-5][0-9]",
    "S": "[0-5][0-9]",
    "f": "[0-9]{1,6}",
    "y": "[0-9]{2}",
    "%": "%",
}
# Months with as many days, and those days. The 29th of February hangs on the year and is left to strptime.
_MONTHS_AND_DAYS: Final = (
    ("(?:0[13578]|1[02])", "(?:0[1-9]|[12][0-9]|3[01])"),
    ("(?:0[469]|11)", "(?:0[1-9]|[12][0-9]|30)"),
    ("02", "(?:0[1-9]|1[0-9]|2[0-8])"),
)


class StrftimeFormat:
    """A format, ready to be held against whole columns.

    Args:
        format_: One that datetime.strptime takes.
    """

    def __init__(self, format_: str) -> None:
        self._format = format_
        self._surely = _surely_read(format_)

    def unread(self, text: pa.StringArray) -> Mask:
        """Return the cells that strptime does not read with this format; empty ones are not among them."""
        if self._surely is None:
            return unless_all(self._are_read(text))
        surely = pc.match_substring_regex(text, self._surely)
        if not surely.false_count:
            return None
        doubtful = pc.if_else(surely, pa.scalar(None, text.type), text)
        return unless_all(pc.or_kleene(surely, self._are_read(doubtful)))

    def _are_read(self, text: pa.StringArray) -> pa.BooleanArray:
        cells = text.dictionary_encode()
        are_read = [self._is_read(cell) for cell in cells.dictionary.to_pylist()]
        return pa.array(are_read, pa.bool_()).take(cells.indices)

    def _is_read(self, cell: str) -> bool:
        try:
            datetime.strptime(cell, self._format)  # noqa: DTZ007
        except ValueError:
            return False
        return True


def _surely_read(format_: str) -> str | None:
    """Return a regular expression for some of what strptime reads; None for a format with other directives."""
    parts = re.findall(r"%(.)|([^%]+)", format_, re.DOTALL)
    directives = [directive for directive, _ in parts if directive]
    # How many digits a fraction takes hangs on what follows it.
    has_open_fraction = re.search(r"%f[%0-9]", format_)
    if has_open_fraction or any(directive not in _SURELY and directive not in "md" for directive in directives):
        return None
    alternatives = []
    for month, day in _MONTHS_AND_DAYS:
        known = {**_SURELY, "m": month, "d": day}
        alternatives.append("".join(known[directive] if directive else re.escape(text) for directive, text in parts))
    return f"^(?:{'|'.join(dict.fromkeys(alternatives))})$"
