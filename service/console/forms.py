"""What a form of the console sends, as names and texts."""

from urllib.parse import parse_qsl

from starlette.requests import Request

from service import error_codes
from service.body_stream import read_body
from service.settings import ServiceSettings

FORM_TYPE = "application/x-www-form-urlencoded"

MAX_FIELDS = 10_000
"""More columns than a person would fill in by hand."""


async def read_form(request: Request, settings: ServiceSettings) -> dict[str, str]:
    """The fields of a form.

    Raises:
        ServiceError: The body is too large, too slow, or no form.
    """
    body = await read_body(
        request, max_bytes=settings.max_request_bytes, timeout_seconds=settings.request_timeout_seconds
    )
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != FORM_TYPE:
        raise error_codes.REQUEST_BODY_INVALID(hint=f"The console takes forms of type {FORM_TYPE}.")
    try:
        text = body.decode("ascii")
        return dict(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS))
    except ValueError:
        raise error_codes.REQUEST_BODY_INVALID(hint="This is no form.") from None
