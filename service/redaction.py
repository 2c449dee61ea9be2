"""Credentials kept out of logs and messages."""

import logging
import re

CREDENTIAL = re.compile(
    r"(?i)((?:\b|_)(?:sig|AccountKey|SharedAccessSignature|subscription-key)=|\bBearer\s+)[^&\s;\"',}]+"
)


def redact(text: str) -> str:
    """`text` with the values of signatures, account keys and bearer keys replaced by `***`."""
    return CREDENTIAL.sub(r"\1***", text)


class RedactingFormatter(logging.Formatter):
    """Removes credentials from what another formatter makes of a record, traceback included.

    Args:
        inner: Makes the line.
    """

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """The line to write."""
        return redact(self._inner.format(record))


def redact_logs() -> None:
    """Let every line of the process's log go through `redact`."""
    for handler in logging.getLogger().handlers:
        if not isinstance(handler.formatter, RedactingFormatter):
            handler.setFormatter(RedactingFormatter(handler.formatter or logging.Formatter()))
    # Its debug lines hold whole addresses, signatures included.
    logging.getLogger("urllib3").setLevel(logging.INFO)
