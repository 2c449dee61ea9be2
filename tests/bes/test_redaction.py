"""Signatures and keys do not get into texts and logs."""

import io
import logging

import pytest

from bes.redaction import RedactingFilter, redact

SECRETS = [
    ("https://a/c/b.csv?sv=2024&sr=b&sig=SECRET%2Bx%3D&sp=r", "https://a/c/b.csv?sv=2024&sr=b&sig=***&sp=r"),
    ("?sig=SECRET", "?sig=***"),
    ("sig=SECRET", "sig=***"),
    ("token 'sig=SECRET' failed", "token 'sig=***' failed"),
    (
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=SECRET+/==;EndpointSuffix=core.windows.net",
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=***;EndpointSuffix=core.windows.net",
    ),
    (
        "BlobEndpoint=https://a;SharedAccessSignature=sv=1&sig=SECRET",
        "BlobEndpoint=https://a;SharedAccessSignature=***",
    ),
    ('{"ConnectionString":"AccountKey=SECRET=="}', '{"ConnectionString":"AccountKey=***"}'),
    ("SIG=SECRET&accountkey=SECRET", "SIG=***&accountkey=***"),
    ("first sig=SECRET\nsecond sig=SECRET\n", "first sig=***\nsecond sig=***\n"),
]


@pytest.mark.parametrize(("text", "shown"), SECRETS)
def test_the_values_of_signatures_and_keys_are_replaced(text, shown):
    assert redact(text).startswith(shown)
    assert "SECRET" not in redact(text)


@pytest.mark.parametrize("text", ["", "nothing here", "design=fine&assign=ok", "AccountName=a;BlobEndpoint=https://a"])
def test_any_other_text_stays_as_it_is(text):
    assert redact(text) == text


@pytest.fixture
def log():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(RedactingFilter())
    logger = logging.getLogger("tests.redaction")
    logger.addHandler(handler)
    logger.propagate = False
    yield logger, stream
    logger.removeHandler(handler)
    logger.propagate = True


def test_a_log_holds_no_secret_wherever_it_came_from(log):
    logger, stream = log
    logger.warning("from %s to %d at ?sig=SECRET", "https://a?sig=SECRET", 7)
    assert stream.getvalue() == "from https://a?sig=*** to 7 at ?sig=***\n"


def test_a_log_keeps_lines_with_percent_signs_and_without_secrets(log):
    logger, stream = log
    logger.warning("100%% of %s", "100% rows")
    logger.warning("100% done")
    assert stream.getvalue() == "100% of 100% rows\n100% done\n"


def test_a_log_keeps_tracebacks_and_no_secret_that_an_error_quotes(log):
    logger, stream = log
    try:
        try:
            raise OSError("no answer from https://a?sig=SECRET")
        except OSError as error:
            raise RuntimeError("ours") from error
    except RuntimeError:
        logger.exception("failed")
    assert "no answer from https://a?sig=***" in stream.getvalue()
    assert "SECRET" not in stream.getvalue()
