"""Speaks RRS and BES through the gateway: one method an operation, foreign errors converted in one place.

What may be repeated: a call that the gateway throttled never reached the service, so it is made again when the gateway
says, or after pauses of our own where it does not; nothing else is repeated here. Start counts "already running" as
started. All calls of a process share the budget of their governor.
"""

import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Annotated, Self

import requests
from pydantic import JsonValue, StringConstraints, TypeAdapter, ValidationError

from bes.description import ServiceDescription, read_description
from bes.errors import NotFound, ProtocolError, Rejected, Throttled
from bes.governor import Governor, Priority
from bes.protocol import (
    API_VERSION,
    SUBSCRIPTION_KEY_HEADER,
    ExecuteRequest,
    ExecuteResponse,
    JobRequest,
    JobState,
    bearer,
    execute_path,
    jobs_path,
    service_path,
)
from bes.redaction import redact
from bes.refusals import no_answer, refusal
from bes.settings import EndpointSettings

logger = logging.getLogger(__name__)

# It becomes a part of paths, so that nothing but an id may stand there; digits and letters, dashes between them or not.
_JOB_ID = TypeAdapter(Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z-]+$")])


_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0
"""Half the window of a rate limit by the minute, so that a place in the next one is not missed by much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLimits:
    """How long one call may take.

    Args:
        connect_seconds: For the connection to stand.
        read_seconds: Between two bytes of the answer; API Management cuts calls after 240 s.
        throttled_seconds: From the first time that the gateway throttles the call until it may be made again.
    """

    connect_seconds: float = 10.0
    read_seconds: float = 240.0
    throttled_seconds: float = 300.0


class BesClient:
    """A client of one web service.

    Args:
        endpoint: Complete settings; checked here.
        limits: How long one call may take.
        governor: Shared with all other clients of the subscription; one of its own by default.
        clock: Monotonic seconds, injected by tests.
        sleep: Waits for seconds, injected by tests.

    Raises:
        ConfigurationError: A part of the endpoint is not set.
    """

    def __init__(
        self,
        endpoint: EndpointSettings,
        *,
        limits: CallLimits | None = None,
        governor: Governor | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        endpoint.check()
        self._endpoint = endpoint
        self._base = (endpoint.url or "").rstrip("/")
        self._limits = limits or CallLimits()
        self._governor = governor or Governor(clock=clock)
        self._clock = clock
        self._sleep = sleep
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.update(
            {
                **bearer(endpoint.api_key.get_secret_value()),
                SUBSCRIPTION_KEY_HEADER: endpoint.subscription_key.get_secret_value(),
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def submit(self, job: JobRequest) -> str:
        """Register a job, which has no effect until it is started.

        Returns:
            The job id, 32 hexadecimal digits.
        """
        response = self._call(Priority.SUBMIT, "POST", self._jobs(), json=job.to_wire())
        try:
            return _JOB_ID.validate_json(response.content, strict=True)
        except ValidationError as error:
            raise self._unreadable("submit", response) from error

    def start(self, job_id: str) -> None:
        """Start a submitted job. Harmless for a job that was started before, also when it waits for its turn."""
        try:
            self._call(Priority.START, "POST", self._jobs(job_id, "start"))
        except Rejected as error:
            # A started job may be `NotStarted` still: so its status would not tell more than this code does.
            if "CannotStartJob" not in error.codes:
                raise
            logger.info("job %s was started before", job_id)

    def status(self, job_id: str) -> JobState:
        """Status of a job, and when it is finished where its outputs are."""
        response = self._call(Priority.STATUS, "GET", self._jobs(job_id))
        try:
            state = JobState.model_validate_json(response.content)
        except ValidationError as error:
            raise self._unreadable("status", response) from error
        # What the service quotes goes into journals, quarantines and messages.
        return state.model_copy(update={"details": redact(state.details)}) if state.details else state

    def delete(self, job_id: str) -> None:
        """Cancel a job. Its outputs, if any, stay. Harmless for a job that is gone or has ended."""
        try:
            self._call(Priority.CANCEL, "DELETE", self._jobs(job_id))
        except NotFound:
            # A gateway without this operation says the same, and then the job runs on.
            if self._is_alive(job_id):
                raise
            logger.info("job %s was gone before it could be cancelled", job_id)

    def execute(self, request: ExecuteRequest) -> ExecuteResponse:
        """Score a few rows at once (RRS)."""
        path = execute_path(self._endpoint.workspace, self._endpoint.service)
        response = self._call(Priority.EXECUTE, "POST", path, json=request.to_wire(), parameters={"details": "true"})
        try:
            return ExecuteResponse.model_validate_json(response.content)
        except ValidationError as error:
            raise self._unreadable("execute", response) from error

    def describe(self) -> ServiceDescription:
        """Ports of the web service with their columns, as its `swagger.json` has them."""
        path = service_path(self._endpoint.workspace, self._endpoint.service) + "/swagger.json"
        try:
            response = self._call(Priority.EXECUTE, "GET", path)
        except NotFound as error:
            if error.codes:  # by the web service itself
                raise
            step = "Add the operation Service Description of deployments/apim/openapi.json to the API."
            raise NotFound(f"{error.what} (GET {path})", step) from error
        try:
            return read_description(response.json())
        except ValueError as error:
            raise self._unreadable("describe", response) from error

    def _is_alive(self, job_id: str) -> bool:
        try:
            return not self.status(job_id).status.has_ended
        except NotFound:
            return False

    def _jobs(self, job_id: str | None = None, action: str | None = None) -> str:
        return jobs_path(self._endpoint.workspace, self._endpoint.service, job_id, action)

    def _call(
        self,
        priority: Priority,
        method: str,
        path: str,
        *,
        json: JsonValue = None,
        parameters: Mapping[str, str] | None = None,
    ) -> requests.Response:
        end: float | None = None
        pauses = _pauses()
        while True:
            try:
                with self._governor.turn(
                    priority, sleep=self._sleep, patience_seconds=self._limits.throttled_seconds
                ) as hear:
                    response = self._call_once(method, path, json, {"api-version": API_VERSION, **(parameters or {})})
                    hear(response.headers)
            except Throttled as error:
                now = self._clock()
                end = now + self._limits.throttled_seconds if end is None else end
                told = error.retry_after_seconds
                pause = next(pauses) if told is None else told
                if now + pause > end:
                    raise
                if told is None:
                    logger.info("the gateway throttles; next call in %.0f s", pause)
                    self._sleep(pause)
            else:
                return response

    def _call_once(self, method: str, path: str, json: JsonValue, parameters: Mapping[str, str]) -> requests.Response:
        timeout = (self._limits.connect_seconds, self._limits.read_seconds)
        try:
            response = self._session.request(
                method, self._base + path, params=parameters, json=json, timeout=timeout, allow_redirects=False
            )
        except requests.exceptions.RequestException as error:
            raise no_answer(error, gateway=self._base) from error
        if not response.ok:
            raise refusal(response, gateway=self._base, service=self._endpoint.service)
        if not _may_be_of_protocol(response):
            raise self._unreadable(method, response)
        return response

    def _unreadable(self, operation: str, response: requests.Response) -> ProtocolError:
        return ProtocolError(
            f"The answer to {operation} from {self._base!r} is not one of the protocol"
            f" (HTTP {response.status_code}, {len(response.content)} bytes of {response.headers.get('Content-Type')}).",
            "Check that BATCH_SCORING_ENDPOINT_URL is the gateway's address with the API's suffix.",
        )


def _pauses() -> Iterator[float]:
    """Growing ones, each up to a quarter shorter: threads that were refused together do not come back together."""
    pause = _FIRST_PAUSE_SECONDS
    while True:
        yield pause * random.uniform(0.75, 1.0)  # noqa: S311 (no secret)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def _may_be_of_protocol(response: requests.Response) -> bool:
    # A login page answers every call with a redirect or with itself; start and delete would take both for success.
    is_page = "html" in response.headers.get("Content-Type", "").lower()
    return response.status_code < HTTPStatus.MULTIPLE_CHOICES and not is_page
