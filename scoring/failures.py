"""What a failed job's `Details` say about the cause: the rows, or the service and what it stands on."""

import re

# Details are free text. These are words of its captured answers and of its documented error codes that do not speak of
# rows; a row that happens to hold one of them costs attempts in vain, and nothing else.
_NOT_THE_ROWS = re.compile(
    r"memory|ran longer|time[d]?[ -]?out|process that ran|unexpected error|internal error|storage|blob|"
    r"unavailable|throttl|quota|rate limit|unauthori[sz]ed|authenticat|access denied|forbidden|expired|"
    r"taskStatusCode=(?:401|403|408|429|5\d\d)",
    re.IGNORECASE,
)


def is_about_rows(details: str | None) -> bool:
    """True when another try with the same rows would end the same way."""
    return bool(details) and _NOT_THE_ROWS.search(details or "") is None
