"""Each policy of the subset, from its element to its statement.

Source: the reference pages of API Management's policies: attributes, their bounds, elements.
"""

from typing import Literal, cast
from urllib.parse import urlsplit

from service.policies.attributes import Attributes, NamedValues, resolve
from service.policies.conditions import parse_condition
from service.policies.model import (
    CallerKey,
    ForwardRequest,
    Quota,
    RateLimit,
    Retry,
    ReturnResponse,
    SetBackendService,
    SetHeader,
)
from service.policies.reading import Element

MAX_RATE_PERIOD_SECONDS = 300
MAX_RETRIES = 50
# 240 s is what the documentation says may be honoured; the default is 300 s.
MAX_TIMEOUT_SECONDS = 300
_ANY = 10**15

_COUNTER_KEYS: dict[str, CallerKey] = {
    "@(context.Subscription.Id)": "subscription",
    "@(context.Request.IpAddress)": "address",
}


def rate_limit(element: Element, named_values: NamedValues, counter: str) -> RateLimit:
    """`<rate-limit>`."""
    return _rate_limit(element, named_values, counter, by_key=False)


def rate_limit_by_key(element: Element, named_values: NamedValues, counter: str) -> RateLimit:
    """`<rate-limit-by-key>`."""
    return _rate_limit(element, named_values, counter, by_key=True)


def _rate_limit(element: Element, named_values: NamedValues, counter: str, *, by_key: bool) -> RateLimit:
    refuse_content(element)
    with Attributes(element, named_values) as given:
        return RateLimit(
            place=element.place,
            counter=counter,
            calls=given.whole("calls", least=1, most=_ANY),
            renewal_period_seconds=given.whole("renewal-period", least=1, most=MAX_RATE_PERIOD_SECONDS),
            key=_caller_key(element, given.expression("counter-key")) if by_key else "subscription",
            retry_after_header=given.optional_header_name("retry-after-header-name") or "Retry-After",
            remaining_header=given.optional_header_name("remaining-calls-header-name"),
            total_header=given.optional_header_name("total-calls-header-name"),
        )


def _caller_key(element: Element, expression: str) -> CallerKey:
    key = _COUNTER_KEYS.get(expression.strip())
    if key is None:
        element.refuse(f"counter-key is {expression!r}, must be one of {', '.join(_COUNTER_KEYS)}")
    return key


def quota(element: Element, named_values: NamedValues, counter: str) -> Quota:
    """`<quota>`."""
    refuse_content(element)
    with Attributes(element, named_values) as given:
        statement = Quota(
            place=element.place,
            counter=counter,
            # 0, a window without end, is not imitated: what API Management answers then is not documented.
            renewal_period_seconds=given.whole("renewal-period", least=1, most=_ANY),
            calls=given.optional_whole("calls", least=1, most=_ANY),
            bandwidth_kilobytes=given.optional_whole("bandwidth", least=1, most=_ANY),
        )
    if statement.calls is None and statement.bandwidth_kilobytes is None:
        element.refuse("<quota> limits nothing; add calls or bandwidth")
    return statement


def set_header(element: Element, named_values: NamedValues) -> SetHeader:
    """`<set-header>` with its `<value>`s."""
    refuse_text(element)
    with Attributes(element, named_values) as given:
        name = given.header_name("name")
        action = given.choice("exists-action", ("override", "skip", "append", "delete"), "override")
    values = tuple(_value(child, named_values) for child in element.children)
    if bool(values) == (action == "delete"):
        element.refuse(f"<set-header> with exists-action={action!r} has {len(values)} values; add or delete")
    return SetHeader(
        place=element.place,
        name=name,
        action=cast("Literal['override', 'skip', 'append', 'delete']", action),
        values=values,
    )


def _value(element: Element, named_values: NamedValues) -> str:
    if element.name != "value" or element.children:
        element.refuse("<set-header> holds only <value>text</value>")
    with Attributes(element, named_values):
        pass
    value = resolve(element.text, element, named_values)
    if not value.isascii() or not value.isprintable():
        element.refuse("the value of a header must be printable ASCII in one line")
    return value


def set_backend_service(element: Element, named_values: NamedValues) -> SetBackendService:
    """`<set-backend-service base-url="...">`."""
    refuse_content(element)
    with Attributes(element, named_values) as given:
        address = given.text("base-url")
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        written = element.attributes["base-url"]
        element.refuse(f"base-url is {written!r}, must be http(s)://host[/path] without user, query or fragment")
    return SetBackendService(place=element.place, base_url=address)


def forward_request(element: Element, named_values: NamedValues) -> ForwardRequest:
    """`<forward-request>`, alone."""
    statement = _forward_request(element, named_values)
    if statement.keeps_body:
        element.refuse('buffer-request-body="true" has an effect only inside <retry>; take it out')
    return statement


def _forward_request(element: Element, named_values: NamedValues) -> ForwardRequest:
    refuse_content(element)
    with Attributes(element, named_values) as given:
        given.must_be_false("buffer-response", "answers are always passed on as they come")
        given.must_be_false("follow-redirects", "redirects are the caller's")
        return ForwardRequest(
            place=element.place,
            timeout_seconds=given.optional_whole("timeout", least=1, most=MAX_TIMEOUT_SECONDS),
            keeps_body=given.flag("buffer-request-body"),
        )


def retry(element: Element, named_values: NamedValues) -> Retry:
    """`<retry>` around one `<forward-request>`."""
    refuse_text(element)
    if [child.name for child in element.children] != ["forward-request"]:
        element.refuse("<retry> must hold exactly one <forward-request/>")
    with Attributes(element, named_values) as given:
        expression = given.expression("condition")
        condition = parse_condition(expression)
        if condition is None:
            element.refuse(f"condition is {expression!r}; compare context.Response.StatusCode with numbers, in @( )")
        statement = Retry(
            place=element.place,
            condition=condition,
            count=given.whole("count", least=1, most=MAX_RETRIES),
            interval_seconds=given.whole("interval", least=1, most=_ANY),
            max_interval_seconds=given.optional_whole("max-interval", least=1, most=_ANY),
            delta_seconds=given.optional_whole("delta", least=1, most=_ANY),
            first_is_fast=given.flag("first-fast-retry"),
            forward=_forward_request(element.children[0], named_values),
        )
    if statement.max_interval_seconds and not statement.delta_seconds:
        element.refuse("max-interval without delta has no effect; add delta or take it out")
    return statement


def return_response(element: Element, named_values: NamedValues) -> ReturnResponse:
    """`<return-response>` with `<set-status>`, `<set-header>` and `<set-body>`."""
    refuse_text(element)
    with Attributes(element, named_values):
        pass
    status, body, headers = 200, "", []
    for child in element.children:
        match child.name:
            case "set-status":
                status = _status(child, named_values)
            case "set-header":
                headers.append(set_header(child, named_values))
            case "set-body":
                body = _body(child, named_values)
            case _:
                child.refuse(f"<{child.name}> cannot stand in <return-response>; take it out")
    for name in ("set-status", "set-body"):
        if [child.name for child in element.children].count(name) > 1:
            element.refuse(f"a second <{name}>; leave one")
    if body and status in (204, 304):
        element.refuse(f"an answer of status {status} has no body; take <set-body> out")
    return ReturnResponse(place=element.place, status_code=status, headers=tuple(headers), body=body)


def _status(element: Element, named_values: NamedValues) -> int:
    refuse_content(element)
    with Attributes(element, named_values) as given:
        status = given.status_code("code")
        given.reason_of(status)
    return status


def _body(element: Element, named_values: NamedValues) -> str:
    with Attributes(element, named_values):
        pass
    if element.children:
        element.children[0].refuse("<set-body> holds text; write < as &lt;")
    return resolve(element.text, element, named_values)


def refuse_text(element: Element) -> None:
    """Refuse character data other than white space."""
    if element.text.strip():
        element.refuse(f"<{element.name}> has the text {element.text.strip()[:40]!r}; take it out")


def refuse_content(element: Element) -> None:
    """Refuse elements and text in an element that must be empty."""
    refuse_text(element)
    if element.children:
        child = element.children[0]
        child.refuse(f"<{child.name}> in <{element.name}> is outside what this gateway enforces; take it out")
