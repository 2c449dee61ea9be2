"""The header with which a server says when to come back."""

from collections.abc import Mapping


def seconds_of(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, at least 1; None where the server does not say, or says it as a date, which none here does."""
    told = headers.get("Retry-After")
    if told is None or not told.strip().isdecimal():
        return None
    # Whole seconds on the wire: 0 is less than one, and waiting for nothing would be a busy loop.
    return max(float(told), 1.0)
