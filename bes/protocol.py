"""The wire protocol of RRS and BES: every name that client and service must spell alike.

Source: the service's published request and response formats (Azure ML Studio (classic), api-version 2.0) and the
responses captured by its clients. Members are spelled as on the wire through aliases.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, Self
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, JsonValue

API_VERSION = "2.0"
"""The only value of `api-version` that the service ever took."""

SUBSCRIPTION_KEY_HEADER = "Ocp-Apim-Subscription-Key"
"""Authenticates to API Management; the web service's own key travels in `Authorization: Bearer`."""


class JobStatus(StrEnum):
    """Status of a BES job. Reads the string contract, the integer contract of 2015, and the American `Canceled`."""

    NOT_STARTED = "NotStarted"
    RUNNING = "Running"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    FINISHED = "Finished"

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if value == "Canceled":
            return cls("Cancelled")
        members = list(cls)
        # Not bool, which is an int to Python and no status to anybody.
        if type(value) is int and 0 <= value < len(members):
            return members[value]
        return None

    @property
    def code(self) -> int:
        """The integer that the contract of 2015 used, 0 to 4."""
        return list(JobStatus).index(self)

    @property
    def has_ended(self) -> bool:
        """True when the job will not change any more."""
        return self in (JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.FINISHED)


class Wire(BaseModel):
    """A value as it travels: immutable, members spelled by alias, members of others ignored."""

    # Input is hidden in errors, since it holds connection strings and tokens.
    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="ignore", hide_input_in_errors=True)

    def to_wire(self) -> dict[str, JsonValue]:
        """The JSON object, members spelled and ordered as on the wire."""
        return self.model_dump(by_alias=True, mode="json")


class BlobReference(Wire):
    """Where a blob lies: account credentials and a path (form A), or a base address and a SAS token (form B)."""

    connection_string: str | None = Field(None, alias="ConnectionString", repr=False)
    relative_location: str | None = Field(None, alias="RelativeLocation")
    base_location: str | None = Field(None, alias="BaseLocation")
    sas_blob_token: str | None = Field(None, alias="SasBlobToken", repr=False)

    @property
    def url(self) -> str:
        """Address of a form B reference: plain concatenation, as the clients do it, with the path percent-encoded."""
        path = quote((self.relative_location or "").lstrip("/"), safe="/%")
        token = (self.sas_blob_token or "").lstrip("?")
        base = (self.base_location or "").rstrip("/")
        return f"{base}/{path}?{token}" if token else f"{base}/{path}"

    @property
    def place(self) -> str:
        """Address without any credential, for messages and logs."""
        return f"{(self.base_location or '').rstrip('/')}/{(self.relative_location or '').lstrip('/')}".lstrip("/")


class JobRequest(Wire):
    """Body of BES submit. One input may come as `Input`, several as `Inputs`; outputs are overrides."""

    input: BlobReference | None = Field(None, alias="Input")
    inputs: dict[str, BlobReference | None] | None = Field(None, alias="Inputs")
    output: BlobReference | None = Field(None, alias="Output")
    outputs: dict[str, BlobReference | None] | None = Field(None, alias="Outputs")
    global_parameters: dict[str, Any] | None = Field(None, alias="GlobalParameters")


class JobState(Wire):
    """Body of BES status: six members in this order. Unset times are the .NET default, not null."""

    status: JobStatus = Field(alias="StatusCode")
    results: dict[str, BlobReference] | None = Field(None, alias="Results")
    details: str | None = Field(None, alias="Details")
    created_at: str | None = Field(None, alias="CreatedAt")
    start_time: str | None = Field(None, alias="StartTime")
    end_time: str | None = Field(None, alias="EndTime")


UNSET_TIME = "0001-01-01T00:00:00+00:00"
"""How the service writes a time that has not come yet (.NET's default DateTime)."""


def wire_time(moment: datetime | None) -> str:
    """A UTC time as the service writes it: milliseconds and `Z`, or `UNSET_TIME`."""
    if moment is None:
        return UNSET_TIME
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


class Table(Wire):
    """Rows as RRS sends and takes them. Cells travel as strings or null."""

    column_names: list[str] | None = Field(None, alias="ColumnNames")
    column_types: list[str] | None = Field(None, alias="ColumnTypes")
    values: list[list[JsonValue]] = Field(alias="Values")


class NamedTable(Wire):
    """One output of RRS. Clients refuse any type but `table`."""

    type: Literal["table"] = "table"
    value: Table


class ExecuteRequest(Wire):
    """Body of RRS execute in the column/values form."""

    inputs: dict[str, Table] = Field(default_factory=dict, alias="Inputs")
    global_parameters: dict[str, Any] | None = Field(None, alias="GlobalParameters")


class ExecuteResponse(Wire):
    """Answer of RRS execute in the column/values form."""

    results: dict[str, NamedTable] = Field(alias="Results")


class ErrorDetail(Wire):
    """What exactly was wrong; `code` is what programs compare."""

    code: str
    message: str


class ServiceErrorContent(Wire):
    """The class of an error and its details, of which there is always one at least."""

    code: str
    message: str
    details: list[ErrorDetail] = Field(default_factory=list)


class ServiceErrorBody(Wire):
    """The web service's error envelope, for RRS and BES alike."""

    error: ServiceErrorContent


class GatewayErrorBody(Wire):
    """API Management's flat error body, which is not the web service's."""

    status_code: int = Field(alias="statusCode")
    message: str


def service_path(workspace: str, service: str) -> str:
    """Path of a web service below the gateway's suffix or the service's host."""
    return f"/workspaces/{workspace}/services/{service}"


def jobs_path(workspace: str, service: str, job_id: str | None = None, action: str | None = None) -> str:
    """Path of the job collection, of one job, or of an action on it (`start`)."""
    parts = [service_path(workspace, service), "jobs", *(part for part in (job_id, action) if part)]
    return "/".join(parts)


def execute_path(workspace: str, service: str) -> str:
    """Path of RRS execute."""
    return service_path(workspace, service) + "/execute"


def bearer(api_key: str) -> Mapping[str, str]:
    """The header that authenticates to the web service itself."""
    return {"Authorization": f"Bearer {api_key}"}
