"""The routes of the web service. They translate between HTTP and what the rest of the package decides."""

import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp

from bes.protocol import API_VERSION
from service import error_codes
from service.batch import read_order, status_body
from service.body_stream import read_body
from service.console.routes import create_console
from service.core import ServiceCore
from service.declaration import WebService
from service.envelope import EnvelopeMiddleware, refused, unknown_operation
from service.errors import ServiceError
from service.execution import score_request
from service.fault_middleware import FaultMiddleware
from service.fault_routes import fault_routes
from service.faults import EXPIRED_BEFORE, CanceledFault, ExpiredSasFault, QueueFault
from service.jobs import JobPhase
from service.redaction import redact_logs
from service.swagger import swagger

logger = logging.getLogger(__name__)

BEARER = re.compile(r"^bearer +(\S+)$", re.IGNORECASE)

QUERY_VALUES = {"details": {"true", "false"}, "format": {"swagger"}}


async def core_of(request: Request) -> ServiceCore:
    """The parts of the service that this application was made with."""
    core: ServiceCore = request.app.state.core
    return core


async def body_of(request: Request) -> bytes:
    """The body of the request, read before anything is refused, so that the client is there to read the answer."""
    settings = (await core_of(request)).settings
    return await read_body(
        request, max_bytes=settings.max_request_bytes, timeout_seconds=settings.request_timeout_seconds
    )


async def service_of(request: Request) -> WebService:
    """The web service that the path names."""
    path = request.path_params
    scope = request.url.path.split("/")[1]
    return (await core_of(request)).service(scope, path["scope_id"], path["service_id"])


async def authorized_service_of(request: Request) -> WebService:
    """The same, for a client that has one of its keys and speaks its version."""
    service = await service_of(request)
    match = BEARER.match(request.headers.get("Authorization", "").strip())
    if match is None or not service.accepts(match[1]):
        raise error_codes.SCORE_REQUEST_UNAUTHORIZED()
    versions = request.query_params.getlist("api-version")
    if versions != [API_VERSION]:
        raise error_codes.BAD_VERSION_CALL(", ".join(versions) or "none")
    return service


Core = Annotated[ServiceCore, Depends(core_of)]
Body = Annotated[bytes, Depends(body_of)]
Service = Annotated[WebService, Depends(authorized_service_of)]
OpenService = Annotated[WebService, Depends(service_of)]

routes = APIRouter()


@routes.get("/swagger.json")
async def get_swagger(request: Request, service: OpenService) -> Response:
    """Describe a web service. Needs no key."""
    return JSONResponse(swagger(service, request.url.netloc))


@routes.post("/execute")
async def post_execute(request: Request, core: Core, body: Body, service: Service) -> Response:
    """RRS: score the rows of the request and answer with the result."""
    for name, values in QUERY_VALUES.items():
        value = request.query_params.get(name)
        if value is not None and value.lower() not in values:
            raise error_codes.INVALID_QUERY_PARAMETER(name, f"Its value must be one of: {', '.join(sorted(values))}.")
    answer = await score_request(
        core,
        service,
        body,
        as_objects="format" in request.query_params,
        with_details=request.query_params.get("details", "").lower() == "true",
    )
    return Response(answer, media_type="application/json")


@routes.post("/jobs")
def post_job(core: Core, body: Body, service: Service) -> Response:
    """BES submit: register a job, which does nothing yet."""
    job_id = core.store.submit(service.service_id, read_order(body, service, core.policy))
    logger.info("job %s: submitted", job_id)
    # Clients cut off the quotes and nothing else: no space, no newline.
    return JSONResponse(job_id)


@routes.post("/jobs//start", dependencies=[Depends(authorized_service_of)])
@routes.get("/jobs/", dependencies=[Depends(authorized_service_of)])
@routes.delete("/jobs/", dependencies=[Depends(authorized_service_of)])
def without_job_id() -> Response:
    """An operation on a job that is not named."""
    raise error_codes.MISSING_JOB_ID()


@routes.post("/jobs/{job_id}/start", dependencies=[Depends(body_of)])
def post_start(core: Core, service: Service, job_id: str) -> Response:
    """BES start: put a job into the queue."""
    fault = core.faults.take(QueueFault, job_id)
    core.store.start(service.service_id, job_id, delay_seconds=fault.seconds if fault else 0.0)
    core.runner.wake()
    return Response()


@routes.get("/jobs/{job_id}")
def get_job(core: Core, service: Service, job_id: str) -> Response:
    """BES status: how a job stands, with fresh links to its results."""
    job = core.store.get(service.service_id, job_id)
    now = datetime.now(UTC)
    if job.phase is JobPhase.FINISHED and core.faults.take(ExpiredSasFault, job_id):
        now -= EXPIRED_BEFORE
    body = status_body(job, core.policy, now, integer_codes=core.settings.integer_status_codes)
    if job.phase is JobPhase.CANCELLED and core.faults.take(CanceledFault, job_id):
        body["StatusCode"] = "Canceled"
    return JSONResponse(body)


@routes.delete("/jobs/{job_id}")
def delete_job(core: Core, service: Service, job_id: str) -> Response:
    """BES delete: cancel a job; one that has ended stays as it is, and so do its outputs."""
    core.runner.cancel(core.store.get(service.service_id, job_id).job_id)
    return Response()


async def get_health() -> Response:
    """Say that the service is up."""
    return JSONResponse({"status": "healthy"})


def create_app(core: ServiceCore) -> ASGIApp:
    """The web service as an ASGI application; its lifespan starts and stops the running of jobs."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        redact_logs()
        await run_in_threadpool(core.start)
        yield
        await run_in_threadpool(core.stop)

    app = FastAPI(lifespan=lifespan, openapi_url=None, redirect_slashes=False)
    app.state.core = core
    app.add_exception_handler(ServiceError, refused)
    app.add_exception_handler(HTTPException, unknown_operation)
    app.add_exception_handler(Exception, refused)
    app.add_api_route("/health", get_health)
    for scope in ("workspaces", "subscriptions"):
        app.include_router(routes, prefix=f"/{scope}/{{scope_id}}/services/{{service_id}}")
    if core.settings.has_console:
        console = create_console(core)
        app.router.routes.append(Route("/", console))
        app.mount("/console", console)
    if not core.settings.faults:
        return EnvelopeMiddleware(app)
    app.include_router(fault_routes(core.faults), prefix="/faults")
    return FaultMiddleware(EnvelopeMiddleware(app), core.faults)
