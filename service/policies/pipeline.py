"""What policies do to one call: limits, headers, the backend's address, answers in place of the backend's."""

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from starlette.responses import Response

from service.gateway_errors import GatewayError, own_answer, rate_limited
from service.policies.composing import AnswerStatement, EffectivePolicy, InboundStatement
from service.policies.model import Quota, RateLimit, ReturnResponse, SetBackendService, SetHeader
from service.policies.quota_ledger import QuotaLedger
from service.policies.rate_windows import RateWindows

Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True, kw_only=True)
class Call:
    """One call on its way.

    Args:
        subscription: Name of the caller's subscription.
        start_seconds: When that began, if it is said.
        address: Network address of the caller.
        backend_url: Where it goes.
        headers: What the backend gets, names in lower case.
        answer_headers: What limits add to the answer, whoever gives it.
        quotas: Those that it was counted in.
        n_bytes: Sizes of both bodies.
    """

    subscription: str
    start_seconds: float | None
    address: str
    backend_url: str
    headers: Headers
    answer_headers: Headers = field(default_factory=list)
    quotas: list[Quota] = field(default_factory=list)
    n_bytes: int = 0

    def count(self, n_bytes: int) -> None:
        """A part of a body has passed."""
        self.n_bytes += n_bytes


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers of the backend's answer, as they go to the caller."""

    status: int
    headers: Headers


class Pipeline:
    """Carries policies out, with the counts that they need.

    Args:
        windows: Sliding windows of rate limits.
        ledger: Use of quotas.
    """

    def __init__(self, *, windows: RateWindows, ledger: QuotaLedger) -> None:
        self._windows = windows
        self._ledger = ledger

    def receive(self, policy: EffectivePolicy, call: Call) -> Response | None:
        """The inbound section: the answer if it gives one, None if the call goes on.

        Raises:
            GatewayError: A limit is reached.
        """
        for statement in policy.inbound:
            if isinstance(statement, ReturnResponse):
                return self.give(statement, call)
            self._apply(statement, call)
        return None

    def give(self, statement: ReturnResponse, call: Call) -> Response:
        """An answer that a policy gives."""
        return _given(statement, call)

    def answer(self, policy: EffectivePolicy, call: Call, head: Head) -> Head | Response:
        """The outbound section, on the backend's answer."""
        headers = [*head.headers]
        for name, value in call.answer_headers:
            headers = [each for each in headers if each[0] != name] + [(name, value)]
        given = _edited(policy.outbound, call, headers)
        return given if isinstance(given, Response) else Head(head.status, given)

    def fail(self, policy: EffectivePolicy, call: Call, error: GatewayError) -> Response:
        """The on-error section, on the gateway's own answer."""
        response = error.response()
        given = _edited(policy.on_error, call, [*response.raw_headers, *call.answer_headers])
        if isinstance(given, Response):
            return given
        response.raw_headers = given
        return response

    def end(self, call: Call) -> None:
        """Count what the call has moved."""
        for quota in call.quotas:
            if quota.bandwidth_kilobytes is not None and call.n_bytes:
                # The caller has been answered; the ledger has logged why it cannot be written.
                with contextlib.suppress(GatewayError):
                    self._ledger.add_bytes(quota, call.subscription, call.n_bytes)

    def _apply(self, statement: InboundStatement, call: Call) -> None:
        match statement:
            case RateLimit():
                self._limit(statement, call)
            case Quota():
                self._ledger.take(statement, call.subscription, call.start_seconds)
                call.quotas.append(statement)
            case SetHeader():
                call.headers = edit(call.headers, statement)
            case SetBackendService():
                call.backend_url = statement.base_url

    def _limit(self, limit: RateLimit, call: Call) -> None:
        taken = self._windows.take(limit, call.subscription if limit.key == "subscription" else call.address)
        for header, number in ((limit.remaining_header, taken.remaining), (limit.total_header, limit.calls)):
            if header:
                call.answer_headers.append((header.lower().encode(), str(number).encode()))
        if taken.retry_after_seconds is not None:
            raise rate_limited(taken.retry_after_seconds, limit.retry_after_header)


def edit(headers: Headers, statement: SetHeader) -> Headers:
    """The headers, changed as one statement says."""
    name = statement.name.lower().encode()
    new = [(name, value.encode()) for value in statement.values]
    if statement.action == "append":
        return headers + new
    if statement.action == "skip" and any(each == name for each, _ in headers):
        return headers
    return [each for each in headers if each[0] != name] + new


def _edited(statements: Sequence[AnswerStatement], call: Call, headers: Headers) -> Headers | Response:
    for statement in statements:
        if isinstance(statement, ReturnResponse):
            return _given(statement, call)
        headers = edit(headers, statement)
    return headers


def _given(statement: ReturnResponse, call: Call) -> Response:
    response = own_answer(statement.status_code, statement.body.encode(), {})
    response.raw_headers = _after(statement.headers, [*response.raw_headers, *call.answer_headers])
    return response


def _after(statements: Iterable[SetHeader], headers: Headers) -> Headers:
    for statement in statements:
        headers = edit(headers, statement)
    return headers
