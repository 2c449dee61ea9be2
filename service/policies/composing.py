"""The policy that is in force for a call: product, API and operation, each resolving the `<base/>` of the next smaller.

Above the product stands API Management's global policy as it is by default: the call is forwarded, nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from service.policies.model import (
    BackendStatement,
    Base,
    ForwardRequest,
    PolicyDocument,
    Quota,
    RateLimit,
    Retry,
    ReturnResponse,
    SetBackendService,
    SetHeader,
    Statement,
)
from service.policies.reading import Place, PolicyFileError

InboundStatement = RateLimit | Quota | SetHeader | SetBackendService | ReturnResponse
AnswerStatement = SetHeader | ReturnResponse

_GLOBAL: PolicyDocument = {
    "inbound": (),
    "backend": (ForwardRequest(place=Place(path=Path("global"), line=1)),),
    "outbound": (),
    "on-error": (),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectivePolicy:
    """What happens to a call, with no `<base/>` left."""

    inbound: tuple[InboundStatement, ...]
    backend: BackendStatement
    outbound: tuple[AnswerStatement, ...]
    on_error: tuple[AnswerStatement, ...]


def compose(documents: Sequence[PolicyDocument]) -> EffectivePolicy:
    """The policy in force where these files are, the largest scope first."""
    effective = _GLOBAL
    for document in documents:
        effective = {section: _inherit(document[section], effective[section]) for section in _GLOBAL}
    # Which statement may stand in which section is what parsing checks.
    return EffectivePolicy(
        inbound=cast("tuple[InboundStatement, ...]", effective["inbound"]),
        backend=cast("BackendStatement", effective["backend"][0]),
        outbound=cast("tuple[AnswerStatement, ...]", effective["outbound"]),
        on_error=cast("tuple[AnswerStatement, ...]", effective["on-error"]),
    )


def check_repeatable(policy: EffectivePolicy, *, operation: str, has_body: bool) -> None:
    """Refuse to retry calls whose body would be gone after the first attempt.

    Raises:
        PolicyFileError: The policy retries an operation that has a body, and does not keep the body.
    """
    retry = policy.backend
    if has_body and isinstance(retry, Retry) and not retry.forward.keeps_body:
        problem = (
            f'<retry> is in force for {operation!r}, which has a body; add buffer-request-body="true" to its '
            "<forward-request>, or attach the policy to operations without a body"
        )
        raise PolicyFileError(retry.place, problem)


def _inherit(statements: tuple[Statement, ...], larger: tuple[Statement, ...]) -> tuple[Statement, ...]:
    found: list[Statement] = []
    for statement in statements:
        found += larger if isinstance(statement, Base) else (statement,)
    return tuple(found)
