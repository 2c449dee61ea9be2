"""The routes of the console: pages for people, beside the operations for programs."""

import logging
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bes.protocol import API_VERSION
from service import error_codes
from service.console import pages, samples, try_it
from service.console.forms import read_form
from service.console.guard import ConsoleGuard
from service.console.readable import indented
from service.console.score_form import field_groups, request_body, result_rows
from service.console.view_models import Addresses, JobView, job_view, service_view
from service.core import ServiceCore
from service.declaration import WebService
from service.errors import ServiceError
from service.execution import score_request

logger = logging.getLogger(__name__)

N_JOBS_AT_HOME = 5
N_JOBS = 50

GRACE_SECONDS = 10.0
"""Longer than the service itself takes to answer 408, so that this answer is seen."""


def create_console(core: ServiceCore) -> Starlette:
    """The console as an application: its home at `/`, and all other paths to be mounted under `/console`."""
    console = Starlette(
        routes=[
            Route("/", home),
            Route("/jobs", jobs),
            Route("/services/{service_id}/jobs/{job_id}", job),
            Route("/services/{service_id}/test", test_page),
            Route("/services/{service_id}/test", test, methods=["POST"]),
            Route("/services/{service_id}/try-it", try_it_page),
            Route("/services/{service_id}/try-it", try_it_call, methods=["POST"]),
            Route("/services/{service_id}/try-it/{job_id}", try_it_page),
            Route("/services/{service_id}/samples", code_samples),
            Route("/static/{name}", static_file),
        ],
        exception_handlers={ServiceError: _refused, HTTPException: _no_such_page, Exception: _failed},
        middleware=[Middleware(ConsoleGuard, host=core.settings.host, refusal=pages.refusal_page)],
    )
    console.router.redirect_slashes = False
    console.state.core = core
    return console


def home(request: Request) -> Response:
    """The web services, and the jobs that were submitted last."""
    core, addresses = _core(request), _addresses(request)
    services = [service_view(service, addresses) for service in core.declaration.services]
    return pages.page("home.html", services=services, jobs=_newest_jobs(core, N_JOBS_AT_HOME))


def jobs(request: Request) -> Response:
    """The jobs that were submitted last, of all web services."""
    return pages.page("jobs.html", jobs=_newest_jobs(_core(request), N_JOBS), limit=N_JOBS)


def job(request: Request) -> Response:
    """One job, with all that is known of it."""
    core = _core(request)
    found = core.store.get(request.path_params["service_id"], request.path_params["job_id"])
    view = job_view(found, _service_names(core), datetime.now(UTC))
    return pages.page("job.html", job=view, is_declared=view.service_id in _service_names(core))


def test_page(request: Request) -> Response:
    """The Test form, empty."""
    return _test(request, _service(request), form={})


async def test(request: Request) -> Response:
    """The Test form with what was typed in, and the row that the web service makes of it."""
    core, service = _core(request), _service(request)
    form = await read_form(request, core.settings)
    try:
        answer = await score_request(core, service, request_body(service, form), with_details=True)
    except ServiceError as error:
        return _test(request, service, form=form, status=error.error_class.status, error=error)
    return _test(request, service, form=form, rows=result_rows(answer))


def try_it_page(request: Request) -> Response:
    """The form of Try it, filled in as far as it can be."""
    service = _service(request)
    job_id = request.path_params.get("job_id", "")
    operation = "bes-status" if job_id else try_it.OPERATIONS[0].id
    return _try_it(request, service, form={**_prefilled(service), "jobid": job_id, "operation": operation})


async def try_it_call(request: Request) -> Response:
    """The same form, and the answer to the call that it asked for."""
    core, service = _core(request), _service(request)
    form = await read_form(request, core.settings)
    shown = {**_prefilled(service), **try_it.shown_again(form)}
    try:
        call = try_it.prepare(form, _addresses(request).gateway or _own_address(request))
    except try_it.FormProblems as refusal:
        return _try_it(request, service, form=shown, status=400, problems=refusal.problems)
    try:
        answer = await try_it.send(call, timeout_seconds=core.settings.request_timeout_seconds + GRACE_SECONDS)
    except try_it.NoAnswer as failure:
        logger.info("try it: %s: %s", call.operation.name, failure.sentence)
        return _try_it(request, service, form=shown, status=502, call=call, failure=failure.sentence)
    logger.info("try it: %s: %d", call.operation.name, answer.status)
    if answer.job_id:
        shown["jobid"] = answer.job_id
    return _try_it(request, service, form=shown, call=call, answer=answer)


def code_samples(request: Request) -> Response:
    """Programs that call the web service."""
    service, addresses = _service(request), _addresses(request)
    view = service_view(service, addresses)
    values = {
        "base_url": view.gateway_url or view.direct_urls[0],
        "has_gateway": view.gateway_url is not None,
        "request": samples.example_request(service),
        "order": samples.example_order(service),
        "storage": samples.CONNECTION_STRING_PLACEHOLDER,
    }
    programs = {title: pages.text(template, **values) for title, template in samples.SAMPLES.items()}
    return pages.page("samples.html", service=view, programs=programs)


def static_file(request: Request) -> Response:
    """Style sheet, script and icon."""
    return pages.static_file(request.path_params["name"])


def _test(
    request: Request, service: WebService, *, form: dict[str, str], status: int = 200, **values: object
) -> Response:
    return pages.page(
        "test.html",
        status,
        service=service_view(service, _addresses(request)),
        groups=field_groups(service, form),
        **{"rows": None, "error": None, **values},
    )


def _try_it(
    request: Request, service: WebService, *, form: dict[str, str], status: int = 200, **values: object
) -> Response:
    return pages.page(
        "try_it.html",
        status,
        service=service_view(service, _addresses(request)),
        operations=try_it.OPERATIONS,
        max_kilobytes=try_it.MAX_CONTENT_BYTES // 1024,
        form=form,
        **{"problems": (), "call": None, "answer": None, "failure": None, **values},
    )


def _prefilled(service: WebService) -> dict[str, str]:
    return {
        "operation": try_it.OPERATIONS[0].id,
        "workspace": service.workspace_id,
        "service": service.service_id,
        "apiversion": API_VERSION,
        "details": "true",
        "jobid": "",
        "content_type": "application/json",
        "execute_body": indented(samples.example_request(service)),
        "submit_body": indented(samples.example_order(service)),
    }


def _core(request: Request) -> ServiceCore:
    core: ServiceCore = request.app.state.core
    return core


def _service(request: Request) -> WebService:
    wanted = request.path_params["service_id"]
    for service in _core(request).declaration.services:
        if service.service_id == wanted:
            return service
    raise error_codes.WEB_SERVICE_NOT_FOUND()


def _addresses(request: Request) -> Addresses:
    gateway = _core(request).settings.gateway_url
    # The guard has checked the Host header that this address is made of.
    direct = f"{request.url.scheme}://{request.url.netloc}"
    return Addresses(direct=direct, gateway=str(gateway).rstrip("/") if gateway else None)


def _own_address(request: Request) -> str:
    """The address that this call came in on, whatever its Host header says."""
    host, port = request.scope["server"]
    return f"http://{host}:{port}"


def _service_names(core: ServiceCore) -> dict[str, str]:
    return {service.service_id: service.name for service in core.declaration.services}


def _newest_jobs(core: ServiceCore, limit: int) -> list[JobView]:
    names, now = _service_names(core), datetime.now(UTC)
    return [job_view(each, names, now) for each in core.store.newest(limit)]


async def _refused(_: Request, error: Exception) -> Response:
    return pages.error_page(error if isinstance(error, ServiceError) else error_codes.UNKNOWN_ERROR())


async def _no_such_page(request: Request, _: Exception) -> Response:
    return pages.error_page(error_codes.RESOURCE_NOT_FOUND(request.method, request.url.path))


async def _failed(_: Request, __: Exception) -> Response:
    return pages.error_page(error_codes.UNKNOWN_ERROR())
