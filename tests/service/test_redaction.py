import logging

import pytest

from service.redaction import RedactingFormatter, redact


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("http://h/c/b?sv=1&sig=abc%2F&se=2", "http://h/c/b?sv=1&sig=***&se=2"),
        ("AccountName=a;AccountKey=abc==;BlobEndpoint=x", "AccountName=a;AccountKey=***;BlobEndpoint=x"),
        ("SharedAccessSignature=sv=1", "SharedAccessSignature=***"),
        ("/jobs?api-version=2.0&subscription-key=abc", "/jobs?api-version=2.0&subscription-key=***"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("{'accountkey=abc', 'x'}", "{'accountkey=***', 'x'}"),
        ("a significant design", "a significant design"),
    ],
)
def test_credentials_are_replaced_and_nothing_else(text: str, redacted: str) -> None:
    assert redact(text) == redacted


def test_formatter_redacts_tracebacks_too() -> None:
    try:
        raise ValueError("GET http://h/b?sig=abc failed")
    except ValueError as error:
        record = logging.LogRecord("n", 40, "f", 1, "key %s", ("AccountKey=abc",), (type(error), error, None))
    line = RedactingFormatter(logging.Formatter()).format(record)
    assert "abc" not in line
    assert "sig=***" in line
