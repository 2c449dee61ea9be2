"""Faults on request, for the tests of clients. Nothing of this is in effect unless the settings allow it.

A fault is armed for a number of times, hits the next operations that it fits, and is listed when it has hit.
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from service import error_codes
from service.errors import DocumentedError

OutputFaultKind = Literal[
    "lose_output", "empty_output", "truncate_output", "reorder_output", "drop_row", "duplicate_row"
]

Operation = Literal["submit", "start", "status", "delete", "execute"]

MAX_SECONDS = 3600


class Fault(BaseModel):
    """What goes wrong, and how often."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    times: int = Field(1, ge=1)


class CallFault(Fault):
    """Something that befalls a call of one operation."""

    operation: Operation


class StatusFault(CallFault):
    """The call has no effect and gets an error of this HTTP status."""

    kind: Literal["status"]
    status: Literal[400, 401, 404, 408, 409, 413, 500, 503, 504]


class DropFault(CallFault):
    """The connection breaks without an answer, before the call has had its effect or after."""

    kind: Literal["drop"]
    when: Literal["before", "after"]


class DelayFault(CallFault):
    """The call waits before it has its effect."""

    kind: Literal["delay"]
    seconds: float = Field(ge=0, le=MAX_SECONDS)


class QueueFault(Fault):
    """A started job waits in the queue for this long at least."""

    kind: Literal["queue"]
    seconds: float = Field(ge=0, le=MAX_SECONDS)


class HangFault(Fault):
    """A job that runs goes on running for this long at least, unless it is cancelled."""

    kind: Literal["hang"]
    seconds: float = Field(ge=0, le=MAX_SECONDS)


class FailFault(Fault):
    """A job ends `Failed` with this text in `Details`."""

    kind: Literal["fail"]
    details: str = Field(min_length=1)


class RefuseRowsFault(Fault):
    """A job of which a row holds the marker ends `Failed`; `Details` name the first one. Each such job uses it once."""

    kind: Literal["refuse_rows"]
    marker: str = Field(min_length=1)


class OutputFault(Fault):
    """A finished job's outputs are gone, empty, cut in the middle of a row, reordered, or a row short or long."""

    kind: OutputFaultKind


class ExpiredSasFault(Fault):
    """A status gives links that are good for nothing any more."""

    kind: Literal["expired_sas"]


class CanceledFault(Fault):
    """A status spells `Cancelled` the American way."""

    kind: Literal["canceled"]


AnyFault = Annotated[
    StatusFault
    | DropFault
    | DelayFault
    | QueueFault
    | HangFault
    | FailFault
    | RefuseRowsFault
    | OutputFault
    | ExpiredSasFault
    | CanceledFault,
    Field(discriminator="kind"),
]
FAULT: TypeAdapter[AnyFault] = TypeAdapter(AnyFault)

AskedFor = TypeVar("AskedFor", bound=Fault)

EXPIRED_BEFORE = timedelta(days=2)

ERROR_OF_STATUS: dict[int, DocumentedError] = {
    400: error_codes.REQUEST_IS_EMPTY,
    401: error_codes.SCORE_REQUEST_UNAUTHORIZED,
    404: error_codes.WEB_SERVICE_NOT_FOUND,
    408: error_codes.SCORE_REQUEST_TIMEOUT,
    409: error_codes.MODEL_OUTPUT_METADATA_MISMATCH,
    413: error_codes.OUT_OF_MEMORY_LIMIT,
    500: error_codes.UNKNOWN_ERROR,
    503: error_codes.NO_MORE_RESOURCES,
    504: error_codes.BACKEND_SCORE_TIMEOUT,
}


def read_fault(value: JsonValue) -> Fault:
    """The fault that a request asks for.

    Raises:
        ServiceError: `RequestBodyInvalid`.
    """
    try:
        return FAULT.validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        member = ".".join(str(part) for part in first["loc"])
        raise error_codes.REQUEST_BODY_INVALID(hint=f"{member}: {first['msg']}.") from None


class FaultBook:
    """The faults that are armed, and those that have hit. Kept in memory only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: list[tuple[Fault, int]] = []
        self._served: list[dict[str, JsonValue]] = []

    def arm(self, fault: Fault) -> None:
        """Let `fault` hit the next operations that it fits."""
        with self._lock:
            self._armed.append((fault, fault.times))

    def clear(self) -> None:
        """Disarm all faults and forget those that have hit."""
        with self._lock:
            self._armed.clear()
            self._served.clear()

    def take(
        self, kind: type[AskedFor], hit: str, fits: Callable[[AskedFor], bool] = lambda _: True
    ) -> AskedFor | None:
        """The first armed fault of a kind that fits, used up once; None when there is none.

        Args:
            kind: Class of the fault.
            hit: What it hits, for the list: an operation or a job id.
            fits: Which of that class are meant.
        """
        with self._lock:
            for index, (fault, remaining) in enumerate(self._armed):
                if isinstance(fault, kind) and fits(fault):
                    self._armed[index : index + 1] = [(fault, remaining - 1)] if remaining > 1 else []
                    self._served.append(
                        {"fault": fault.model_dump(mode="json"), "hit": hit, "at": datetime.now(UTC).isoformat()}
                    )
                    return fault
        return None

    def armed(self, kind: type[AskedFor]) -> AskedFor | None:
        """The first armed fault of a kind, not used up yet; None when there is none."""
        with self._lock:
            return next((fault for fault, _ in self._armed if isinstance(fault, kind)), None)

    def listing(self) -> dict[str, JsonValue]:
        """What is armed and how often still, and what has hit, in order."""
        with self._lock:
            armed: list[JsonValue] = [{**fault.model_dump(mode="json"), "times": left} for fault, left in self._armed]
            return {"armed": armed, "served": [*self._served]}


class StagingWriter(Protocol):
    """What an output is written to, such as `service.storage.BlockWriter`."""

    def write(self, data: bytes | memoryview, /) -> int:
        """Take `data`."""

    def finish(self) -> tuple[str, ...]:
        """Stage the rest, and give the ids of all blocks."""

    def close(self) -> None:
        """Give up."""


class SpoiltWriter:
    """Holds an output back and spoils it before a byte is staged, so that it needs no right to read or to delete."""

    def __init__(self, writer: StagingWriter, kind: OutputFaultKind) -> None:
        self._writer = writer
        self._kind = kind
        self._content = bytearray()

    def write(self, data: bytes | memoryview, /) -> int:
        """Take `data`."""
        self._content += data
        return len(data)

    def finish(self) -> tuple[str, ...] | None:
        """Stage what the fault leaves, and give the ids of all blocks; None for no output at all."""
        content = spoil(self._kind, bytes(self._content))
        if content is None:
            self._writer.close()
            return None
        self._writer.write(content)
        return self._writer.finish()

    def close(self) -> None:
        """Give up."""
        self._writer.close()


def spoil(kind: str, content: bytes) -> bytes | None:
    """What an output fault makes of an output's content; None for no output at all."""
    header, *rows = content.splitlines(keepends=True)
    match kind:
        case "lose_output":
            return None
        case "empty_output":
            return b""
        case "truncate_output":
            return content[: len(content) - len(rows[-1]) // 2 - 1] if rows else b""
        case "reorder_output":
            return header + b"".join(reversed(rows))
        case "drop_row":
            return header + b"".join(rows[1:])
        case _:
            return content + (rows[-1] if rows else b"")
