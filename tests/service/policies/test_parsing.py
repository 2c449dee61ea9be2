"""What a policy file may say, and that everything else is refused with its line."""

from pathlib import Path

import pytest

from service.policies.conditions import Comparison, StatusCondition
from service.policies.model import (
    ForwardRequest,
    PolicyDocument,
    Quota,
    RateLimit,
    Retry,
    ReturnResponse,
    Scope,
    SetBackendService,
    SetHeader,
    Statement,
)
from service.policies.parsing import load_policy
from service.policies.reading import PolicyFileError

PRODUCT = Scope(kind="product", name="Starter")
API = Scope(kind="api", name="demo")
NAMED_VALUES = {"aml-api-key": "secret-0001", "five": "5"}


def document(inbound: str = "", backend: str = "<base/>", outbound: str = "", on_error: str = "") -> str:
    """The inbound section begins in line 2, the backend in line 4."""
    return (
        f"<policies><inbound><base/>\n{inbound}\n</inbound>\n<backend>{backend}</backend>\n"
        f"<outbound>{outbound}</outbound>\n<on-error>{on_error}</on-error></policies>"
    )


def load(tmp_path: Path, text: str, scope: Scope = PRODUCT) -> PolicyDocument:
    path = tmp_path / "policy.xml"
    path.write_text(text, encoding="utf-8")
    return load_policy(path, scope=scope, named_values=NAMED_VALUES)


def only(statements: tuple[Statement, ...]) -> Statement:
    """The one statement after `<base/>`, or alone."""
    return statements[-1]


def refusal(tmp_path: Path, text: str, scope: Scope = PRODUCT) -> PolicyFileError:
    with pytest.raises(PolicyFileError) as caught:
        load(tmp_path, text, scope)
    assert str(caught.value).startswith(f"The policy file '{tmp_path}/policy.xml' cannot be used: line ")
    assert "secret-0001" not in str(caught.value)
    return caught.value


def test_a_rate_limit_has_calls_period_and_the_names_of_its_headers(tmp_path: Path):
    headers = 'retry-after-header-name="X-Wait" remaining-calls-header-name="X-Left" total-calls-header-name="X-All"'

    plain = only(load(tmp_path, document('<rate-limit calls="5" renewal-period="60"/>'))["inbound"])
    named = only(
        load(tmp_path, document(f'<rate-limit calls="{{{{five}}}}" renewal-period="300" {headers}/>'))["inbound"]
    )

    assert isinstance(plain, RateLimit)
    assert (plain.calls, plain.renewal_period_seconds, plain.key, plain.retry_after_header) == (
        5,
        60,
        "subscription",
        "Retry-After",
    )
    assert isinstance(named, RateLimit)
    assert (named.calls, named.retry_after_header, named.remaining_header, named.total_header) == (
        5,
        "X-Wait",
        "X-Left",
        "X-All",
    )


@pytest.mark.parametrize(
    ("expression", "key"),
    [("@(context.Subscription.Id)", "subscription"), ("@(context.Request.IpAddress)", "address")],
)
def test_a_rate_limit_by_key_counts_subscriptions_or_addresses(tmp_path: Path, expression: str, key: str):
    limit = f'<rate-limit-by-key calls="5" renewal-period="60" counter-key="{expression}"/>'

    first, second = load(tmp_path, document(limit * 2))["inbound"][1:]

    assert isinstance(first, RateLimit)
    assert isinstance(second, RateLimit)
    assert first.key == second.key == key
    assert first.counter != second.counter


def test_a_quota_has_calls_or_bandwidth(tmp_path: Path):
    quota = only(load(tmp_path, document('<quota calls="100" bandwidth="7" renewal-period="604800"/>'))["inbound"])

    assert isinstance(quota, Quota)
    assert (quota.calls, quota.bandwidth_kilobytes, quota.renewal_period_seconds) == (100, 7, 604800)


def test_a_named_value_stands_in_a_header_for_its_secret(tmp_path: Path):
    text = '<set-header name="Authorization"><value>Bearer {{aml-api-key}}</value></set-header>'

    header = only(load(tmp_path, document(text))["inbound"])

    assert isinstance(header, SetHeader)
    assert (header.name, header.action, header.values) == ("Authorization", "override", ("Bearer secret-0001",))


def test_the_backend_may_be_another(tmp_path: Path):
    text = '<set-backend-service base-url="https://h:1/api"/>'

    assert isinstance(statement := only(load(tmp_path, document(text))["inbound"]), SetBackendService)
    assert statement.base_url == "https://h:1/api"


def test_a_retry_holds_one_forward_request(tmp_path: Path):
    attributes = 'condition="@(context.Response.StatusCode == 503)" count="3" interval="1" max-interval="9" delta="2"'
    text = (
        f'<retry {attributes} first-fast-retry="true"><forward-request timeout="7" buffer-request-body="true"/></retry>'
    )

    retry = only(load(tmp_path, document(backend=text))["backend"])

    assert isinstance(retry, Retry)
    assert retry.condition == StatusCondition(((Comparison("==", 503),),))
    assert (retry.count, retry.interval_seconds, retry.max_interval_seconds, retry.delta_seconds) == (3, 1, 9, 2)
    assert retry.first_is_fast
    assert (retry.forward.timeout_seconds, retry.forward.keeps_body) == (7, True)


def test_forward_request_may_say_what_is_so_anyway(tmp_path: Path):
    text = (
        '<forward-request timeout="100" buffer-response="false" follow-redirects="false" buffer-request-body="false"/>'
    )

    assert isinstance(forward := only(load(tmp_path, document(backend=text))["backend"]), ForwardRequest)
    assert (forward.timeout_seconds, forward.keeps_body) == (100, False)


@pytest.mark.parametrize("section", ["inbound", "backend", "outbound", "on_error"])
def test_an_answer_can_be_given_in_every_section(tmp_path: Path, section: str):
    text = (
        '<return-response><set-status code="503" reason="Service Unavailable"/><set-header name="X-A">'
        '<value>1</value></set-header><set-body>{ "closed": true }</set-body></return-response>'
    )

    statement = only(load(tmp_path, document(**{section: text}))[section.replace("_", "-")])  # type: ignore[index]

    assert isinstance(statement, ReturnResponse)
    assert (statement.status_code, statement.body) == (503, '{ "closed": true }')
    assert [(header.name, header.values) for header in statement.headers] == [("X-A", ("1",))]


def test_comments_and_a_declaration_are_no_policies(tmp_path: Path):
    text = '<?xml version="1.0" encoding="utf-8"?><!-- é -->' + document("<!-- nothing -->")

    assert len(load(tmp_path, text)["inbound"]) == 1


LIMIT = '<rate-limit calls="5" renewal-period="60"/>'
BY_SUBSCRIPTION = '<rate-limit-by-key calls="5" renewal-period="60" counter-key="@(context.Subscription.Id)" {}/>'
QUOTA = '<quota calls="1" renewal-period="60"/>'
RETRY = '<retry condition="@(context.Response.StatusCode == 503)" count="2" interval="1"{}><forward-request/></retry>'


@pytest.mark.parametrize(
    ("inbound", "problem"),
    [
        ("<cors/>", "<cors> is outside what this gateway enforces (base, rate-limit, rate-limit-by-key, quota,"),
        ("<choose><when/></choose>", "<choose> is outside what this gateway enforces"),
        ("<base/>", "<inbound> inherits twice"),
        ("<forward-request/>", "<forward-request> cannot stand in <inbound>; move it to <backend>"),
        (RETRY.format(""), "<retry> cannot stand in <inbound>; move it to <backend>"),
        ("text", "<inbound> has the text 'text'; take it out"),
        (LIMIT + LIMIT, "a second <rate-limit>; it can stand once in a file"),
        (QUOTA + QUOTA, "a second <quota>"),
        ('<rate-limit calls="5"/>', "<rate-limit> has no attribute 'renewal-period'; add it"),
        ('<rate-limit calls="0" renewal-period="60"/>', "calls='0', must be a whole number from 1 to"),
        ('<rate-limit calls="5" renewal-period="301"/>', "'301', must be a whole number from 1 to 300"),
        ('<rate-limit calls="@(5)" renewal-period="60"/>', "has the expression '@(5)'"),
        ('<rate-limit calls="+5" renewal-period="60"/>', "calls='+5', must be"),
        (
            '<rate-limit calls="{{none}}" renewal-period="60"/>',
            "there is no named value 'none'; give it in",
        ),
        ('<rate-limit calls="{{aml-api-key}}" renewal-period="60"/>', "calls='{{aml-api-key}}', must be"),
        ('<rate-limit calls="5" renewal-period="60" colour="red"/>', "has the attribute 'colour', which this gateway"),
        ('<rate-limit calls="5" renewal-period="60"><api id="a"/></rate-limit>', "<api> in <rate-limit> is outside"),
        (
            '<rate-limit calls="5" renewal-period="60" retry-after-header-name="a b"/>',
            "'a b', must be the name of a header",
        ),
        (
            '<rate-limit-by-key calls="5" renewal-period="60" counter-key="@(context.Request.Url)"/>',
            "counter-key is '@(context.Request.Url)', must be one of @(context.Subscription.Id), @(context.Request.",
        ),
        (
            BY_SUBSCRIPTION.format('increment-count="2"'),
            "has the attribute 'increment-count'",
        ),
        ('<quota renewal-period="60"/>', "<quota> limits nothing; add calls or bandwidth"),
        ('<quota calls="1" renewal-period="0"/>', "renewal-period='0', must be"),
        ('<set-header name="Host"><value>h</value></set-header>', "must be another header: this one is the gateway's"),
        ('<set-header name="A"/>', "with exists-action='override' has 0 values"),
        ('<set-header name="A" exists-action="delete"><value>1</value></set-header>', "'delete' has 1 values"),
        ('<set-header name="A" exists-action="keep"><value>1</value></set-header>', "one of override, skip, append"),
        ('<set-header name="A"><value>@(context.RequestId)</value></set-header>', "has the expression"),
        ('<set-header name="A"><value>a\nb</value></set-header>', "printable ASCII in one line"),
        ('<set-header name="A"><b/></set-header>', "holds only <value>"),
        ('<set-backend-service backend-id="b"/>', "has no attribute 'base-url'"),
        ('<set-backend-service base-url="ftp://h"/>', "base-url is 'ftp://h', must be http(s)://host"),
        ('<set-backend-service base-url="http://u:p@h"/>', "without user"),
        ('<return-response response-variable-name="r"/>', "has the attribute 'response-variable-name'"),
        ('<return-response><set-status code="299"/></return-response>', "must be a registered HTTP status"),
        ('<return-response><set-status code="200" reason="Fine"/></return-response>', "reason='Fine', must be 'OK'"),
        ("<return-response><set-body>a</set-body><set-body>b</set-body></return-response>", "a second <set-body>"),
        ("<return-response><mock/></return-response>", "<mock> cannot stand in <return-response>"),
        (
            '<return-response><set-status code="204"/><set-body>a</set-body></return-response>',
            "an answer of status 204 has no body",
        ),
    ],
)
def test_what_is_not_enforced_is_refused_with_its_line(tmp_path: Path, inbound: str, problem: str):
    refused = refusal(tmp_path, document(inbound))

    assert problem in str(refused)
    assert refused.place.line in ({1} if inbound in ("<base/>", "text") else {2})


@pytest.mark.parametrize(
    ("backend", "problem"),
    [
        ("", "<backend> has 0 policies, must have exactly one"),
        ("<base/><forward-request/>", "<backend> has 2 policies, must have exactly one"),
        (LIMIT, "<rate-limit> cannot stand in <backend>; move it to <inbound>"),
        ('<set-header name="A"><value>1</value></set-header>', "move it to <inbound> or <outbound> or <on-error>"),
        ('<forward-request timeout="0"/>', "timeout='0', must be a whole number from 1 to 300"),
        ('<forward-request buffer-response="true"/>', "must be 'false': answers are always passed on as they come"),
        ('<forward-request buffer-request-body="true"/>', "has an effect only inside <retry>"),
        ('<forward-request buffer-request-body="yes"/>', "must be 'true' or 'false'"),
        (RETRY.format(' max-interval="9"'), "max-interval without delta has no effect"),
        (RETRY.format("").replace('"2"', '"51"'), "count='51', must be a whole number from 1 to 50"),
        (RETRY.format("").replace("503", "x"), "compare context.Response.StatusCode with numbers"),
        (RETRY.format("").replace("<forward-request/>", "<base/>"), "must hold exactly one <forward-request/>"),
    ],
)
def test_the_backend_section_forwards_exactly_once(tmp_path: Path, backend: str, problem: str):
    refused = refusal(tmp_path, document(backend=backend))

    assert problem in str(refused)
    assert refused.place.line == 4


def test_a_quota_belongs_to_a_product(tmp_path: Path):
    assert "cannot stand in the policy of api demo; move it to a product's" in str(
        refusal(tmp_path, document(QUOTA), API)
    )


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("<policies>\n<inbound>\n</policies>", 3, "no well-formed XML, mismatched tag at column"),
        ("", 1, "no well-formed XML, no element found"),
        ('<?xml version="1.0" encoding="klingon"?><policy/>', 1, "the root is <policy>"),
        ("<policies/>\n<policies/>", 2, "no well-formed XML, junk after document element"),
        ("<policies>\n&nbsp;</policies>", 2, "no well-formed XML, undefined entity"),
        ('<!DOCTYPE policies [<!ENTITY a "b">]>\n<policies/>', 1, "a document type; take it out"),
        ('<!DOCTYPE policies SYSTEM "file:///etc/passwd">\n<policies/>', 1, "a document type; take it out"),
        ("<policies>\n<?php ?></policies>", 2, "a processing instruction; take it out"),
        ("<policy/>", 1, "the root is <policy>, must be <policies>"),
        ('<policies a="1"/>', 1, "<policies> has the attribute 'a'"),
        ("<policies><inbound/>\n<rate-limit/></policies>", 2, "<rate-limit> is no section; put it into one of inbound"),
        ("<policies><inbound/>\n<inbound/></policies>", 2, "a second <inbound>"),
        ("<policies><inbound/></policies>", 1, "there is no <backend>; add <backend><base/></backend> to inherit it"),
        (document().replace("<outbound>", '<outbound a="1">'), 5, "<outbound> has the attribute 'a'"),
        (document().replace("<base/>", "<base>\n<x/></base>", 1), 2, "<x> in <base> is outside"),
    ],
)
def test_what_is_no_policy_file_is_refused_with_its_line(tmp_path: Path, text: str, line: int, problem: str):
    refused = refusal(tmp_path, text)

    assert problem in str(refused)
    assert refused.place.line == line


def test_a_missing_and_an_oversized_file_are_refused_by_name(tmp_path: Path):
    with pytest.raises(PolicyFileError, match=r"none\.xml.*No such file or directory; name another file"):
        load_policy(tmp_path / "none.xml", scope=API, named_values={})
    assert "larger than 262144 bytes" in str(refusal(tmp_path, document(" " * 262_144)))
