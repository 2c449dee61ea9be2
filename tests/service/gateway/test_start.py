"""Files that cannot be served end the program with file, line and next step, before it listens."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service.gateway.rehearsal import policy_text, write_configuration, write_subscriptions


def start(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    ours = {"BACKEND_URL": "http://127.0.0.1:9", "SUBSCRIPTIONS": str(write_subscriptions(folder)), **settings}
    environment = os.environ | {f"BATCH_SCORING_GATEWAY_{name}": value for name, value in ours.items()}
    command = [sys.executable, "-m", "service.gateway"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)


def refused(done: subprocess.CompletedProcess[str], *texts: str) -> None:
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("The gateway cannot start: ")
    assert "Traceback" not in done.stderr
    assert [text for text in texts if text not in done.stderr] == []


def test_a_policy_outside_the_subset(tmp_path: Path):
    configuration = write_configuration(tmp_path, api=policy_text(inbound="<base/>\n<validate-jwt/>"))

    refused(
        start(tmp_path, CONFIGURATION=str(configuration)),
        "api.xml' cannot be used: line 3: <validate-jwt> is outside what this gateway enforces",
    )


def test_a_retry_that_would_lose_a_body(tmp_path: Path):
    retry = '<retry condition="@(context.Response.StatusCode == 503)" count="2" interval="1"><forward-request/></retry>'
    configuration = write_configuration(tmp_path, api=policy_text(backend=retry))

    refused(
        start(tmp_path, CONFIGURATION=str(configuration)),
        "api.xml' cannot be used: line 3: <retry> is in force for 'RRS Execute', which has a body; add buffer",
    )


def test_operations_that_clash(tmp_path: Path):
    configuration = write_configuration(tmp_path)
    shipped = Path(__file__).parents[3] / "deployments/apim/openapi.json"
    text = shipped.read_text().replace('"operationId": "bes-delete"', '"operationId": "bes-status"')
    (tmp_path / "openapi.json").write_text(text)
    configuration.write_text(configuration.read_text().replace(str(shipped), "openapi.json"))

    refused(
        start(tmp_path, CONFIGURATION=str(configuration)),
        "openapi.json' cannot be used: line ",
        "'BES Delete' has the operationId of 'BES Status'; give each its own",
    )


def test_a_suffix_used_twice(tmp_path: Path):
    configuration = write_configuration(tmp_path)
    text = configuration.read_text()
    second = text[text.index("[[api]]") :].replace('name = "demo"', 'name = "second"')
    configuration.write_text(text + second)

    refused(start(tmp_path, CONFIGURATION=str(configuration)), "the suffix 'azureml-demo' is there twice")


@pytest.mark.parametrize(
    ("product", "problem"),
    [
        ('["Starter", "Unlimited"]', "subscription.0.product: Value error, a subscription is bound to one product"),
        ('"Gold"', "'trial' is bound to a product that is not declared (Starter, Unlimited)"),
    ],
)
def test_a_subscription_to_two_products_or_to_none(tmp_path: Path, product: str, problem: str):
    path = write_subscriptions(tmp_path)
    other = tmp_path / "other.toml"
    other.write_text(path.read_text().replace('product = "Starter"', f"product = {product}"))

    refused(start(tmp_path, SUBSCRIPTIONS=str(other)), "other.toml' cannot be used: ", problem)


def test_named_values_that_are_missing_or_no_json(tmp_path: Path):
    text = '<set-header name="Authorization"><value>Bearer {{aml-api-key}}</value></set-header>'
    configuration = write_configuration(tmp_path, api=policy_text(inbound=text))

    refused(
        start(tmp_path, CONFIGURATION=str(configuration)),
        "line 2: there is no named value 'aml-api-key'; give it in BATCH_SCORING_GATEWAY_NAMED_VALUES",
    )
    done = start(tmp_path, CONFIGURATION=str(configuration), NAMED_VALUES="secret-0001")
    refused(done, 'error parsing value for field "named_values"')
    assert "secret-0001" not in done.stderr


def test_a_data_folder_that_cannot_be_made(tmp_path: Path):
    (tmp_path / "file").touch()

    refused(start(tmp_path, DATA_DIR=str(tmp_path / "file" / "data")), "quotas.sqlite' cannot be kept", "DATA_DIR")
