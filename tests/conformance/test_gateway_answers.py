"""The gateway's own answers, which are not the web service's: flat, and with a time to come back."""

import secrets
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from deployments.processes import ChildProcess
from service.declaration import key_hash
from tests.conformance.calls import call, status
from tests.conformance.sites import START_SECONDS, Site

MISSING = (
    b"Access denied due to missing subscription key. Make sure to include subscription key when making requests to an "
    b"API."
)
INVALID = b"Access denied due to invalid subscription key. Make sure to provide a valid key for an active subscription."


@pytest.mark.parametrize(("key", "message", "n_bytes"), [("", MISSING, 152), ("wrong", INVALID, 143)])
def test_gateway_without_a_good_key_says_so_flatly_byte_for_byte(
    behind_gateway: Site, key: str, message: bytes, n_bytes: int
) -> None:
    answer = status(replace(behind_gateway, subscription_key=key), "0" * 32)
    assert answer.status == 401
    assert answer.body == b'{ "statusCode": 401, "message": "' + message + b'" }'
    assert len(answer.body) == n_bytes
    assert answer.headers["content-type"] == "application/json"
    host = urlsplit(behind_gateway.base).netloc
    assert answer.headers["www-authenticate"] == (
        f'AzureApiManagementKey realm="https://{host}/azureml-demo",name="Ocp-Apim-Subscription-Key",type="header"'
    )


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/jobs?api-version=2.0"), ("POST", "/swagger.json"), ("POST", "/jobs")]
)
def test_gateway_knows_the_declared_operations_alone(behind_gateway: Site, method: str, path: str) -> None:
    answer = call(behind_gateway, method, path)
    assert (answer.status, answer.body) == (404, b'{ "statusCode": 404, "message": "Resource not found" }')


@pytest.fixture
def starter(direct: Site, tmp_path: Path) -> Iterator[Site]:
    """The web service behind a gateway of its own, with a subscription to the product that the guide chose."""
    key = secrets.token_hex(16)
    (tmp_path / "subscriptions.toml").write_text(
        f'[[subscription]]\nname = "guide"\nproduct = "Starter"\nkey_hashes = ["{key_hash(key)}"]\n'
    )
    environment = {"BACKEND_URL": direct.address, "SUBSCRIPTIONS": str(tmp_path / "subscriptions.toml")}
    child = ChildProcess(
        "gateway",
        [sys.executable, "-m", "service.gateway"],
        environment={f"BATCH_SCORING_GATEWAY_{name}": value for name, value in environment.items()},
        log_path=tmp_path / "gateway.log",
    )
    with child:
        listens = child.printed(r"listening on (http://127\.0\.0\.1:\d+)")
        address = child.wait_until_ready(listens, deadline_seconds=START_SECONDS)
        base = direct.base.replace(direct.address, f"{address}/azureml-demo")
        yield replace(direct, base=base, subscription_key=key)


def test_gateway_refuses_the_sixth_call_a_minute_of_the_starter_product_and_says_when_to_come_back(
    starter: Site,
) -> None:
    answers = [status(starter, "0" * 32) for _ in range(6)]
    assert [answer.status for answer in answers] == [404] * 5 + [429]
    seconds = answers[-1].headers["retry-after"]
    assert 0 < int(seconds) <= 60
    message = f"Rate limit is exceeded. Try again in {seconds} seconds."
    assert answers[-1].text == f'{{ "statusCode": 429, "message": "{message}" }}'
