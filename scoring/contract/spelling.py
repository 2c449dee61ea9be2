"""Names and cells in messages: the nearest known name to a wrong one, and texts and lists of a length to be read."""

import difflib
from collections.abc import Iterable
from typing import Final

# Beyond these a message drowns in the data it is about. A contract itself has nearly as many members.
MAX_SHOWN_CHARACTERS: Final = 80
MAX_LISTED_NAMES: Final = 12
MAX_LISTED_VALUES: Final = 5

REDACTED: Final = "(redacted)"
"""What stands where a cell of a sensitive column would."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that was probably meant, or None. Case and outer blanks do not count."""
    by_folded = {candidate.strip().casefold(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.strip().casefold(), list(by_folded), n=1)
    return by_folded[matches[0]] if matches else None


def choose_from(name: str, known: Iterable[str]) -> str:
    """Return the next step after an unknown name: "Did you mean 'x'?" where one is near, and what is known."""
    names = list(known)
    meant = nearest(name, names)
    question = f"Did you mean {meant!r}? " if meant else ""
    return f"{question}Known are: {listed_names(names) or 'none'}."


def listed_names(names: Iterable[str]) -> str:
    """Return the first few names, each cut, and how many more there are: `a, b and 10 more`."""
    return listed(map(_cut, names), at_most=MAX_LISTED_NAMES)


def listed(
    texts: Iterable[str], *, at_most: int = MAX_LISTED_VALUES, n_all: int | None = None, separator: str = ", "
) -> str:
    """Return the first few texts as they are, and how many more there are.

    Args:
        at_most: How many of them.
        n_all: How many there are, where `texts` are only the first of them.
        separator: Stands between them.
    """
    known = list(texts)
    few = known[:at_most]
    n_more = (len(known) if n_all is None else n_all) - len(few)
    return separator.join(few) + (f" and {n_more:,} more" if n_more > 0 else "")


def one_line(text: str) -> str:
    """Return the text with a blank for whatever breaks its lines or sets it apart."""
    return " ".join(text.split())


def shown(text: str) -> str:
    """Return the text quoted and cut, fit for a message: control characters escaped."""
    quoted = repr(text[:MAX_SHOWN_CHARACTERS])
    return quoted if len(text) <= MAX_SHOWN_CHARACTERS else f"{quoted}…"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[:MAX_SHOWN_CHARACTERS]}…"
