"""Blocks on a real Prefect server: how they are registered, what wins, and what is said where one cannot be used."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

KEY = "a2V5IG9mIHRoZSBibG9jaw=="
# Before the types are registered it resolves names, and afterwards it makes blocks and resolves more: one process each.
RESOLVE = """
import json, sys
from bes.errors import ConfigurationError
from tasks.connections import resolve_connections

def resolve(names):
    for web_service, storage in names:
        try:
            found = resolve_connections(web_service, storage)
            endpoint, place = found.endpoint, found.storage
            yield [endpoint.url, endpoint.workspace, endpoint.subscription_key.get_secret_value(),
                   place.container, place.account_url, place.connection_string is not None]
        except ConfigurationError as error:
            yield str(error)

print(json.dumps(list(resolve([("nightly", None), (None, "by-key")]))))
"""
MAKE = f"""
KEY = {KEY!r}
from prefect.client.orchestration import get_client
from pydantic import ValidationError
from tasks.blocks import BlobContainer, WebService

good = dict(gateway="https://g.example/", suffix="/apim/", workspace="a" * 32, service="b" * 32,
            api_key=KEY, subscription_key=KEY)
token = dict(account_url="https://a.example", sas_token="sv=1&sig=" + KEY)
WebService(**good).save("nightly", overwrite=True)
BlobContainer(container="of-block", references="sas_token", **token).save("by-token", overwrite=True)
account = "BlobEndpoint=https://a.example;AccountName=a;AccountKey=" + KEY
BlobContainer(connection_string=account).save("by-key", overwrite=True)
refused = []
for kind, wrong in (
    (WebService, {{**good, "gateway": "g.example"}}), (WebService, {{**good, "workspace": "x"}}),
    (WebService, {{**good, "api_key": KEY + "\\n"}}), (WebService, {{**good, "gatewy": "x"}}),
    (BlobContainer, {{}}), (BlobContainer, {{"container": "Up", **token}}), (BlobContainer, token),
):
    try:
        kind(**wrong)
        refused.append("accepted")
    except ValidationError as error:
        refused.append(str(error))

# As the form of the UI does it, which knows no more than the schema.
with get_client(sync_client=True) as client:
    kind = str(client.read_block_type_by_slug("bes-web-service").id)
    schemas = {{"block_schemas": {{"block_type_id": {{"any_": [kind]}}}}}}
    schema = client.request("POST", "/block_schemas/filter", json=schemas).json()[0]["id"]
    unchecked = dict(name="unchecked", data=dict(gateway="g", api_key=KEY), block_type_id=kind, block_schema_id=schema)
    client.request("POST", "/block_documents/", json=unchecked)

names = [(None, None), ("nightly", None), (None, "by-token"), ("nightly", "by-key"),
         ("nowhere", None), ("by-key", None), ("unchecked", None)]
print(json.dumps(dict(refused=refused, resolved=list(resolve(names)))))
"""


class Server:
    """The session's server, and programs that use it from an environment that says something else."""

    def __init__(self, api: str, environment: dict[str, str], repository: Path) -> None:
        self.api, self._environment, self._repository = api, {**os.environ, **environment}, repository

    def run(self, *command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self._repository,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def forget_types(self) -> None:
        for block_type in requests.post(f"{self.api}/block_types/filter", json={}, timeout=30).json():
            if block_type["slug"] in ("bes-web-service", "bes-blob-container"):
                requests.delete(f"{self.api}/block_types/{block_type['id']}", timeout=30).raise_for_status()


@pytest.fixture(scope="module")
def server(prefect_api: str, repository: Path) -> Server:
    environment = {
        "PREFECT_API_URL": prefect_api,
        "BATCH_SCORING_ENDPOINT_URL": "https://environment.example",
        "BATCH_SCORING_ENDPOINT_WORKSPACE": "e" * 32,
        "BATCH_SCORING_ENDPOINT_SERVICE": "e" * 32,
        "BATCH_SCORING_ENDPOINT_API_KEY": "environment",
        "BATCH_SCORING_ENDPOINT_SUBSCRIPTION_KEY": "environment",
        "BATCH_SCORING_STORAGE_CONNECTION_STRING": "BlobEndpoint=https://e.example;AccountName=e;AccountKey=ZQ==",
        "BATCH_SCORING_STORAGE_CONTAINER": "of-environment",
    }
    return Server(prefect_api, environment, repository)


@pytest.fixture(scope="module")
def unregistered(server: Server) -> list[str]:
    """What is said before the types are registered; then they are."""
    server.forget_types()
    told: list[str] = json.loads(server.run("-c", RESOLVE).splitlines()[-1])
    server.run("-m", "prefect", "block", "register", "-m", "tasks.blocks")
    return told


@pytest.fixture(scope="module")
def made(server: Server, unregistered: list[str]) -> dict[str, list[Any]]:
    """What is said when wrong blocks are made, and what names are resolved to."""
    made: dict[str, list[Any]] = json.loads(server.run("-c", RESOLVE + MAKE).splitlines()[-1])
    return made


@pytest.fixture(scope="module")
def told(made: dict[str, list[Any]]) -> list[Any]:
    return made["resolved"]


ENVIRONMENT_SERVICE = ["https://environment.example", "e" * 32, "environment"]
ENVIRONMENT_STORAGE = ["of-environment", None, True]
BLOCK_SERVICE = ["https://g.example/apim", "a" * 32, KEY]


def test_each_connection_comes_whole_from_its_block_or_whole_from_the_environment(told: list[Any]):
    assert told[0] == ENVIRONMENT_SERVICE + ENVIRONMENT_STORAGE
    assert told[1] == BLOCK_SERVICE + ENVIRONMENT_STORAGE
    assert told[2] == [*ENVIRONMENT_SERVICE, "of-block", "https://a.example", False]
    assert told[3] == [*BLOCK_SERVICE, "batch-scoring", None, True]


def test_a_type_that_is_not_registered_is_named_with_the_command(unregistered: list[str]):
    for message, kind in zip(unregistered, ("BES Web Service", "BES Blob Container"), strict=True):
        assert f"its type '{kind}' is not registered" in message
        assert "prefect block register -m tasks.blocks" in message


def test_an_unknown_block_is_named_beside_those_that_there_are(told: list[Any]):
    assert "There is no block 'nowhere' of the type 'BES Web Service'; there are: nightly, unchecked." in told[4]
    assert "prefect block create bes-web-service" in told[4]


def test_a_block_of_the_wrong_type_is_named_with_both_types(told: list[Any]):
    assert "The block 'by-key' is of the type 'BES Blob Container', and 'BES Web Service' is needed." in told[5]


def test_a_block_that_was_made_wrong_in_the_ui_is_refused_when_it_is_loaded(told: list[Any]):
    assert "The block 'unchecked' of the type 'BES Web Service' cannot be used" in told[6]
    assert "gateway" in told[6]
    assert "workspace" in told[6]
    assert KEY not in told[6]


def test_a_wrong_value_is_refused_before_the_block_is_saved_and_not_shown(made: dict[str, list[Any]]):
    refused = made["refused"]
    expected = ["gateway", "workspace", "api_key", "gatewy", "not complete", "container", "can be signed"]
    assert len(refused) == len(expected)
    for message, named in zip(refused, expected, strict=True):
        assert named in message
        assert KEY not in message


def test_the_keys_of_a_block_are_encrypted_in_the_database(
    made: dict[str, list[Any]], server: Server, local_stack: Any
):
    read = requests.post(f"{server.api}/block_documents/filter", json={"include_secrets": True}, timeout=30).text
    assert KEY in read
    database = local_stack.home / "prefect" / "prefect.db"
    files = [path.read_bytes() for path in database.parent.glob("prefect.db*")]
    assert files
    assert not [content for content in files if KEY.encode() in content]
