"""What a policy file says, as values: the subset of API Management's policies that the gateway enforces."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from service.policies.conditions import StatusCondition
from service.policies.reading import Place

Section = Literal["inbound", "backend", "outbound", "on-error"]
SECTIONS: tuple[Section, ...] = ("inbound", "backend", "outbound", "on-error")

CallerKey = Literal["subscription", "address"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a policy file is attached to. Limits of different scopes count apart."""

    kind: Literal["product", "api", "operation"]
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """Stands for the same section of the next larger scope."""

    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """At most `calls` in any `renewal_period_seconds`, for each caller.

    Args:
        counter: Which limit it is, among all of the gateway.
        key: What makes two calls the same caller's.
        retry_after_header: Header of a refusal that says when to come back.
        remaining_header: Header of every answer with the calls that are left.
        total_header: Header of every answer with `calls`.
    """

    place: Place
    counter: str
    calls: int
    renewal_period_seconds: int
    key: CallerKey = "subscription"
    retry_after_header: str = "Retry-After"
    remaining_header: str | None = None
    total_header: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """At most so many calls and kilobytes in each window; the windows follow each other from a subscription's start."""

    place: Place
    counter: str
    renewal_period_seconds: int
    calls: int | None = None
    bandwidth_kilobytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetHeader:
    """One header, changed on the request (inbound) or on the answer."""

    place: Place
    name: str
    action: Literal["override", "skip", "append", "delete"]
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SetBackendService:
    """Another address than the API's own."""

    place: Place
    base_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnResponse:
    """An answer without the backend, or instead of its answer."""

    place: Place
    status_code: int
    headers: tuple[SetHeader, ...] = ()
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardRequest:
    """The call to the backend.

    Args:
        timeout_seconds: Until its first header, and between parts of a body; None is the gateway's own.
        keeps_body: Keep what was sent of the request's body, up to a limit, so that it can be sent again.
    """

    place: Place
    timeout_seconds: int | None = None
    keeps_body: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """The call to the backend, made again while `condition` holds for its answer, `count` times at most."""

    place: Place
    condition: StatusCondition
    count: int
    interval_seconds: int
    forward: ForwardRequest
    max_interval_seconds: int | None = None
    delta_seconds: int | None = None
    first_is_fast: bool = False


BackendStatement = ForwardRequest | Retry | ReturnResponse
Statement = Base | RateLimit | Quota | SetHeader | SetBackendService | ForwardRequest | Retry | ReturnResponse

PolicyDocument = Mapping[Section, tuple[Statement, ...]]
"""One file: all four sections, `<base/>` unresolved."""
