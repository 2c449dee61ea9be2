"""Keeps signatures and keys out of texts that people and log files see."""

import logging
import re

_SECRET = re.compile(r"(?i)((?:[?&;]|^|\b)(?:sig|AccountKey|SharedAccessSignature)(?:=|%3D)|\bBearer\s+)[^&\s;\"']+")

_TRACEBACK = logging.Formatter()


def redact(text: str) -> str:
    """`text` with the values of SAS signatures and account keys replaced by `***`."""
    return _SECRET.sub(r"\1***", text)


class RedactingFilter(logging.Filter):
    """For handlers: redacts the finished message of every record, and its traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact in place; never drops a record."""
        record.msg, record.args = redact(record.getMessage()), None
        if record.exc_info:
            # Formatters take the text that is there. Errors of other libraries in it may quote addresses.
            record.exc_text = redact(_TRACEBACK.formatException(record.exc_info))
        return True
