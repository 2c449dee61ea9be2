"""What the pages show of web services and jobs, as ready texts."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from textwrap import shorten

from bes.protocol import service_path
from service.declaration import Column, GlobalParameter, InputPort, OutputPort, WebService
from service.jobs import Job, JobPhase

MAX_COLUMNS_SHOWN = 200
"""Of a port wider than that, the rest is counted, not shown."""

SHORT_DETAILS_LENGTH = 200

ERROR_SENTENCE = re.compile(
    r"\}Error: (?:Error \d+: AFx Library library exception: )?(.+?)(?: Process exited with|$)", re.DOTALL
)
"""The sentence for people in a failed job's details."""

PHASE_NOTES = {
    JobPhase.NOT_STARTED: "submitted, not started",
    JobPhase.QUEUED: "started, waits for its turn",
    JobPhase.PUBLISHING: "makes its outputs visible",
}
"""Phases that the status alone does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where web services are reached: the service itself, and the gateway if there is one."""

    direct: str
    gateway: str | None

    @property
    def public(self) -> str:
        """The address that clients are to use."""
        return self.gateway or self.direct


@dataclass(frozen=True, slots=True, kw_only=True)
class PortView:
    """A port and the columns of it that are shown."""

    name: str
    kind: str
    columns: tuple[Column, ...]
    n_columns: int

    @property
    def n_hidden(self) -> int:
        """Columns that are not shown."""
        return self.n_columns - len(self.columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceView:
    """A web service with its addresses."""

    name: str
    workspace_id: str
    service_id: str
    gateway_url: str | None
    direct_urls: tuple[str, ...]
    ports: tuple[PortView, ...]
    parameters: tuple[GlobalParameter, ...]

    @property
    def console_path(self) -> str:
        """Path of its pages."""
        return f"/console/services/{self.service_id}"

    @property
    def swagger_url(self) -> str:
        """Address of its description."""
        return f"{self.direct_urls[0]}/swagger.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A job as it stood at one moment."""

    job_id: str
    service_id: str
    service_name: str
    status: str
    note: str
    created: datetime
    started: datetime | None
    ended: datetime | None
    duration: str
    details: str
    attempts: int

    @property
    def path(self) -> str:
        """Path of its page."""
        return f"/console/services/{self.service_id}/jobs/{self.job_id}"

    @property
    def short_details(self) -> str:
        """The details' sentence for people, on one line."""
        found = ERROR_SENTENCE.search(self.details)
        return shorten(found[1] if found else self.details, SHORT_DETAILS_LENGTH, placeholder=" …")


def service_view(service: WebService, addresses: Addresses) -> ServiceView:
    """What is shown of a web service."""
    path = service_path(service.workspace_id, service.service_id)
    paths = [path]
    if service.subscription_id:
        paths.append(f"/subscriptions/{service.subscription_id}/services/{service.service_id}")
    return ServiceView(
        name=service.name,
        workspace_id=service.workspace_id,
        service_id=service.service_id,
        gateway_url=addresses.gateway + path if addresses.gateway else None,
        direct_urls=tuple(addresses.direct + each for each in paths),
        ports=(
            *(_port_view(port, "Input") for port in service.inputs),
            *(_port_view(port, "Output") for port in service.outputs),
        ),
        parameters=service.global_parameters,
    )


def _port_view(port: InputPort | OutputPort, kind: str) -> PortView:
    return PortView(name=port.name, kind=kind, columns=port.columns[:MAX_COLUMNS_SHOWN], n_columns=len(port.columns))


def job_view(job: Job, service_names: dict[str, str], now: datetime) -> JobView:
    """What is shown of a job.

    Args:
        job: The job.
        service_names: Names of the declared web services by id; a job may be of one that is declared no more.
        now: Until when a job that has not ended is counted as running.
    """
    return JobView(
        job_id=job.job_id,
        service_id=job.service_id,
        service_name=service_names.get(job.service_id, job.service_id),
        status=str(job.phase.status),
        note=PHASE_NOTES.get(job.phase, ""),
        created=job.created_at,
        started=job.started_at,
        ended=job.ended_at,
        duration=_duration(job, now),
        details=job.details or "",
        attempts=job.attempts,
    )


def _duration(job: Job, now: datetime) -> str:
    if job.started_at is None:
        return ""
    if job.ended_at is None:
        return f"{duration_text(now - job.started_at)} so far"
    return duration_text(job.ended_at - job.started_at)


def duration_text(duration: timedelta) -> str:
    """A duration for people, such as `45 ms`, `4.7 s`, `3 min 05 s`, `2 h 03 min`."""
    seconds = max(0.0, duration.total_seconds())
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    # 59.95 s would be rounded to 60.0 s.
    if seconds < 59.95:  # noqa: PLR2004 - see above
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:  # noqa: PLR2004 - an hour
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def time_text(moment: datetime) -> str:
    """A time for people, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def range_text(parameter: GlobalParameter) -> str:
    """The values that a global parameter may have, or the empty text if any."""
    low, high = parameter.minimum, parameter.maximum
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    if low is not None:
        return f"{low:g} or more"
    return "" if high is None else f"{high:g} or less"
