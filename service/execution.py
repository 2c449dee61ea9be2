"""The running of RRS requests: from a body to the body of the answer, in a worker process and in the time allowed."""

import asyncio
from concurrent.futures import BrokenExecutor

from fastapi.concurrency import run_in_threadpool

from service import error_codes
from service.core import ServiceCore
from service.declaration import WebService
from service.errors import ScoringFailed
from service.rrs import ExecuteTask, execute, read_request


async def score_request(
    core: ServiceCore, service: WebService, body: bytes, *, as_objects: bool = False, with_details: bool = False
) -> bytes:
    """The body of the answer to an RRS request.

    Args:
        core: The parts of the service.
        service: The web service that scores.
        body: The request's body.
        as_objects: Answer in the form that `format=swagger` asks for.
        with_details: Answer with names and types of the columns.

    Raises:
        ServiceError: The documented error for what is wrong with the request, or went wrong with it.
    """
    with core.request_slot(service):
        tables, parameters = await run_in_threadpool(read_request, body, service)
        task = ExecuteTask(
            service=service,
            tables=tables,
            parameters=parameters,
            as_objects=as_objects,
            with_details=with_details,
            timeout_seconds=core.settings.request_timeout_seconds,
        )
        return await _executed(core, task)


async def _executed(core: ServiceCore, task: ExecuteTask) -> bytes:
    try:
        async with asyncio.timeout(task.timeout_seconds):
            try:
                return await _run(core, task)
            except BrokenExecutor:
                # The process died, maybe by another request's doing. Scoring has no effect, so it may be repeated.
                return await _run(core, task)
    except TimeoutError:
        raise error_codes.SCORE_REQUEST_TIMEOUT() from None
    except BrokenExecutor:
        raise error_codes.PROCESS_TERMINATED() from None
    except ScoringFailed as error:
        raise error_codes.MODULE_EXECUTION_FAILED(error.message) from error


async def _run(core: ServiceCore, task: ExecuteTask) -> bytes:
    future = await run_in_threadpool(core.request_workers.submit, execute, task)
    try:
        return await asyncio.wrap_future(future)
    except asyncio.CancelledError:
        if not future.cancelled():
            # It may never come to an end; the process is needed for other requests.
            core.request_workers.end(future)
        raise
