"""Names in messages: the nearest known name to a wrong one, and texts cut to a length that can be read."""

import difflib
from collections.abc import Iterable

# Beyond this a message drowns in the data it is about.
MAX_SHOWN_CHARACTERS = 80


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that was probably meant, or None. Case and outer blanks do not count."""
    by_folded = {candidate.strip().casefold(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.strip().casefold(), list(by_folded), n=1)
    return by_folded[matches[0]] if matches else None


def choose_from(name: str, known: Iterable[str]) -> str:
    """Return the next step after an unknown name: "Did you mean 'x'?" where one is near, and all that are known."""
    names = list(known)
    meant = nearest(name, names)
    question = f"Did you mean {meant!r}? " if meant else ""
    return f"{question}Known are: {', '.join(names) or 'none'}."


def shown(text: str) -> str:
    """Return the text quoted and cut, fit for a message: control characters escaped."""
    quoted = repr(text[: MAX_SHOWN_CHARACTERS + 1])
    return quoted if len(text) <= MAX_SHOWN_CHARACTERS else repr(text[:MAX_SHOWN_CHARACTERS]) + "…"
