"""Numbers and texts as people read them."""

from datetime import datetime
from typing import Final

UNKNOWN: Final = "\u2013"
LONGEST_NAME: Final = 120
"""Characters of the name of a file or a column."""

_LONGEST_TEXT: Final = 300
"""Characters of a message or an example; manifest and quarantine have the whole."""

_MINUS: Final = "\u2212"
"""As wide as a digit, so that columns stay aligned."""

_MINUTE: Final = 60
_HOUR: Final = 3600
_UNITS: Final = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))
_WHOLE: Final = 10
"""From here on, a fraction of a row says nothing."""

_PLAIN: Final = (0.001, 100_000)
"""Between these a number is read best as it is; beyond, as a power of ten."""

_LEAST_PERCENT: Final = 0.01


def moment(value: datetime) -> str:
    """A time in UTC, to the second."""
    return f"{value:%Y-%m-%d %H:%M:%S} UTC"


def seconds(value: float | None) -> str:
    """A duration: 4.2 s, 3 min 20 s, 2 h 05 min."""
    if value is None:
        return UNKNOWN
    if value < _MINUTE:
        return f"{value:.1f} s"
    if value < _HOUR:
        return f"{int(value // _MINUTE)} min {int(value % _MINUTE):02d} s"
    return f"{int(value // _HOUR):,} h {int(value % _HOUR // _MINUTE):02d} min"


def count(value: float | None) -> str:
    """A number of rows; of large ones no fraction."""
    if value is None:
        return UNKNOWN
    return f"{value:,.0f}" if value >= _WHOLE or value == int(value) else f"{value:.1f}"


def figure(value: float | None) -> str:
    """A measured value, to four digits, so that two of them can be compared."""
    if value is None:
        return UNKNOWN
    is_plain = value == 0 or _PLAIN[0] <= abs(value) < _PLAIN[1]
    return (f"{value:#,.4g}".rstrip(".") if is_plain else f"{value:.3g}").replace("-", _MINUS)


def bound(value: float | None) -> str:
    """One end of a range, as short as it can be written to four digits."""
    return UNKNOWN if value is None else f"{value:,.4g}".replace("-", _MINUS)


def size(value: int | None) -> str:
    """A number of bytes in the unit that fits."""
    if value is None:
        return UNKNOWN
    for unit, factor in _UNITS:
        if value >= factor:
            return f"{value / factor:,.1f} {unit}"
    return f"{value:,} B"


def share(part: int, whole: int | None) -> str:
    """A part of a whole in per cent; of a small one that there is any."""
    if not whole:
        return UNKNOWN
    percent = 100 * part / whole
    if 0 < percent < _LEAST_PERCENT:
        return f"< {_LEAST_PERCENT} %"
    return f"{percent:.0f} %" if part in (0, whole) else f"{percent:.2f} %"


def signed(text: str) -> str:
    """A number with its sign and what follows it; a zero has none."""
    number = text.split(" ", maxsplit=1)[0].strip("+-")
    return text.lstrip("+-") if not number.strip("0.,") else text.replace("-", _MINUS)


def short(text: str, longest: int = _LONGEST_TEXT) -> str:
    """The text, cut where a page would drown in it."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
