"""Reads a request's body: not more than allowed, not longer than allowed, and never without an answer."""

import asyncio

from starlette.requests import ClientDisconnect, Request

from service import error_codes

DRAINED_BYTES = 256 << 20
"""Of a body that is too large, so much is read and thrown away: a client that still sends does not see the answer."""

BYTES_PER_MEGABYTE = 1 << 20


async def read_body(request: Request, *, max_bytes: int, timeout_seconds: float) -> bytes:
    """The body of a request.

    Raises:
        ServiceError: It is too large, too slow, or the client went away.
    """
    try:
        async with asyncio.timeout(timeout_seconds):
            return await _read(request, max_bytes)
    except TimeoutError:
        raise error_codes.SCORE_REQUEST_TIMEOUT() from None
    except ClientDisconnect:
        raise error_codes.REQUEST_CANCELED() from None


async def _read(request: Request, max_bytes: int) -> bytes:
    chunks: list[bytes] = []
    n_bytes = 0
    announced = request.headers.get("Content-Length", "")
    is_too_large = announced.isdecimal() and int(announced) > max_bytes
    # A client that waits for leave to send gets the answer at once, and sends nothing.
    if not (is_too_large and request.headers.get("Expect")):
        async for chunk in request.stream():
            n_bytes += len(chunk)
            if n_bytes > DRAINED_BYTES:
                break
            if n_bytes > max_bytes or is_too_large:
                is_too_large = True
                chunks.clear()
            else:
                chunks.append(chunk)
    if is_too_large:
        hint = f"The request body may not be larger than {max_bytes} bytes."
        raise error_codes.OUT_OF_MEMORY_LIMIT(max(1, max_bytes // BYTES_PER_MEGABYTE), hint=hint)
    return b"".join(chunks)
