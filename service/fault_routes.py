"""`/faults`: arm faults, list those that have hit, clear them. Mounted only when the settings allow faults."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic_core import from_json

from service import error_codes
from service.body_stream import read_body
from service.faults import FaultBook, read_fault

MAX_BYTES = 1 << 20
READ_SECONDS = 10


def fault_routes(faults: FaultBook) -> APIRouter:
    """The routes of a fault book."""
    routes = APIRouter()

    @routes.post("")
    async def post_faults(request: Request) -> Response:
        """Arm one fault, or the faults of a list."""
        body = await read_body(request, max_bytes=MAX_BYTES, timeout_seconds=READ_SECONDS)
        try:
            asked = from_json(body)
        except ValueError as error:
            raise error_codes.REQUEST_BODY_INVALID(hint=f"{error}.") from None
        for fault in [read_fault(item) for item in (asked if isinstance(asked, list) else [asked])]:
            faults.arm(fault)
        return JSONResponse(faults.listing())

    @routes.get("")
    async def get_faults() -> Response:
        """List what is armed and what has hit."""
        return JSONResponse(faults.listing())

    @routes.delete("")
    async def delete_faults() -> Response:
        """Disarm everything."""
        faults.clear()
        return JSONResponse(faults.listing())

    return routes
