"""Product, API and operation: what is in force where, and in which order."""

from pathlib import Path

import pytest

from service.policies.composing import check_repeatable, compose
from service.policies.model import ForwardRequest, PolicyDocument, Retry, ReturnResponse, Scope, SetHeader
from service.policies.parsing import load_policy
from service.policies.reading import PolicyFileError

BASE = "<base/>"


def header(name: str) -> str:
    return f'<set-header name="{name}"><value>1</value></set-header>'


@pytest.fixture
def parse(tmp_path: Path):
    def make(inbound: str = BASE, backend: str = BASE, outbound: str = BASE, on_error: str = BASE) -> PolicyDocument:
        path = tmp_path / "policy.xml"
        path.write_text(
            f"<policies><inbound>{inbound}</inbound><backend>{backend}</backend><outbound>{outbound}</outbound>"
            f"<on-error>{on_error}</on-error></policies>"
        )
        return load_policy(path, scope=Scope(kind="api", name="a"), named_values={})

    return make


def names(statements) -> list[str]:
    assert all(isinstance(each, SetHeader) for each in statements)
    return [each.name for each in statements]


def test_without_any_file_the_call_is_forwarded_and_nothing_else():
    policy = compose([])

    assert isinstance(policy.backend, ForwardRequest)
    assert (policy.inbound, policy.outbound, policy.on_error) == ((), (), ())


def test_base_stands_where_it_is_written(parse):
    product, api = parse(header("P")), parse(header("A1") + BASE + header("A2"))
    operation = parse(BASE + header("O"), outbound=header("X") + BASE)

    policy = compose([product, api, operation])

    assert names(policy.inbound) == ["A1", "P", "A2", "O"]
    assert names(policy.outbound) == ["X"]


def test_a_section_without_base_cuts_off_the_larger_scopes(parse):
    policy = compose([parse(header("P")), parse(header("A")), parse(header("O"))])

    assert names(policy.inbound) == ["O"]


def test_the_smallest_scope_that_says_something_decides_how_to_forward(parse):
    policy = compose([parse(backend="<return-response/>"), parse(), parse(backend='<forward-request timeout="7"/>')])
    assert isinstance(policy.backend, ForwardRequest)
    assert policy.backend.timeout_seconds == 7
    assert isinstance(compose([parse(backend="<return-response/>"), parse()]).backend, ReturnResponse)


RETRY = '<retry condition="@(context.Response.StatusCode == 503)" count="2" interval="1"><forward-request{}/></retry>'


def test_a_body_is_retried_only_if_it_is_kept(parse):
    plain, keeping = parse(backend=RETRY.format("")), parse(backend=RETRY.format(' buffer-request-body="true"'))
    assert isinstance(compose([plain]).backend, Retry)

    check_repeatable(compose([plain]), operation="BES Status", has_body=False)
    check_repeatable(compose([keeping]), operation="BES Submit", has_body=True)
    with pytest.raises(PolicyFileError, match=r"line 1: <retry> is in force for 'BES Submit', which has a body; add"):
        check_repeatable(compose([plain]), operation="BES Submit", has_body=True)
