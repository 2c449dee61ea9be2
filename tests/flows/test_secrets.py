"""No key and no signature stays anywhere, after runs that succeed and that fail, by environment and by blocks."""

import json
import os
import re
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, generate_container_sas

from deployments.stack import LocalStack

EXTRACT = "review_id,Col1,Col2\n" + "".join(f"R{number:06d},4,Review number {number}\n" for number in range(1, 8))
# The second run of each pair fails: the web service quotes a link that is signed, or does not know the key.
PROGRAM = """
import asyncio, json, os, sys
import requests
from flows.batch_scoring import batch_scoring
from tasks.blocks import BlobContainer, WebService

given = json.loads(sys.stdin.read())
told = []

def score(extract, **names):
    try:
        told.append(asyncio.run(batch_scoring([extract], "book_reviews", **names)).status)
    except Exception as error:
        told.append(type(error).__name__)

requests.post(given["faults"], json={"kind": "fail", "details": given["quoted"]}, timeout=30).raise_for_status()
score(given["first"])
score(given["first"])
for name, service in given["web_services"].items():
    WebService(**service).save(name, overwrite=True)
BlobContainer(**given["storage"]).save("by-token", overwrite=True)
score(given["second"], web_service="right-key", storage="by-token")
score(given["third"], web_service="wrong-key", storage="by-token")
print("TOLD " + json.dumps(told))
"""
# Stars may be escaped for Markdown; and Prefect describes a block of its own with an address that ends in SIGNATURE.
SIGNATURE = re.compile(r"(?i)\bsig(?:=|%3D)(?!\\*\*|REDACTED|SIGNATURE\b)")


def parts_of(connection_string: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in connection_string.rstrip(";").split(";"))


@pytest.fixture(scope="module")
def scored(
    repository: Path,
    local_stack: LocalStack,
    stack_environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """Four runs in one process, at the loudest level of logging: where, with which secrets, and what was printed."""
    home = tmp_path_factory.mktemp("secrets")
    files = []
    for number, name in enumerate(("first", "second", "third")):
        files.append(home / f"{name}.csv")
        files[-1].write_text(EXTRACT.replace("Review", f"Review {number}"))
    connection_string = stack_environment["BATCH_SCORING_STORAGE_CONNECTION_STRING"]
    container = f"secrets-{uuid.uuid4().hex}"
    account = parts_of(connection_string)
    token = generate_container_sas(
        account_name=account["AccountName"],
        account_key=account["AccountKey"],
        container_name=container,
        permission=ContainerSasPermissions.from_string("rcwdl"),
        expiry=datetime.now(UTC) + timedelta(days=1),
    )
    keys = local_stack.keys
    gateway, _, suffix = stack_environment["BATCH_SCORING_ENDPOINT_URL"].rpartition("/")
    service = {
        "gateway": gateway,
        "suffix": suffix,
        "workspace": keys.workspace,
        "service": keys.service,
        "api_key": keys.api_key,
        "subscription_key": keys.subscription_key,
    }
    wrong_key = uuid.uuid4().hex
    given = {
        "faults": f"{local_stack.web_service_url}/faults",
        "quoted": f"Memory exhausted: http://a/in.csv?sv=1&sig={uuid.uuid4().hex} Authorization: Bearer {keys.api_key}",
        **{path.stem: str(path) for path in files},
        "web_services": {"right-key": service, "wrong-key": {**service, "api_key": wrong_key}},
        "storage": {
            "container": container,
            "account_url": account["BlobEndpoint"],
            "sas_token": token,
            "references": "sas_token",
        },
    }
    loud = {
        "BATCH_SCORING_STORAGE_CONTAINER": container,
        "BATCH_SCORING_RUN_DATA_DIR": str(home / "runs"),
        "BATCH_SCORING_RUN_MAX_ATTEMPTS": "1",
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_LOGGING_LEVEL": "DEBUG",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "DEBUG",
        "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "true",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=repository,
        env={**os.environ, **stack_environment, **loud},
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    secrets = [keys.api_key, keys.subscription_key, keys.account_key, connection_string, wrong_key, token]
    return {
        "home": home,
        "printed": done.stdout + done.stderr,
        "told": json.loads(done.stdout.rpartition("TOLD ")[2]),
        "container": container,
        "secrets": secrets,
    }


def found_in(text: str, secrets: list[str]) -> str | None:
    """Where in the text a secret stands."""
    for secret in secrets:
        if secret in text:
            return text[max(0, text.index(secret) - 200) : text.index(secret)]
    signature = SIGNATURE.search(text)
    return text[max(0, signature.start() - 200) : signature.start()] if signature else None


def rows(database: Path) -> Iterator[tuple[str, str]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=60)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                yield (
                    table,
                    "\n".join(cell.decode(errors="replace") if isinstance(cell, bytes) else str(cell) for cell in row),
                )


def test_two_runs_were_published_and_two_failed(scored: dict[str, Any]):
    assert scored["told"] == ["JobFailed", "published", "published", "AccessDenied"]
    assert "Bearer ***" in scored["printed"]


def test_none_in_what_the_process_prints(scored: dict[str, Any]):
    assert len(scored["printed"]) > 1_000
    assert found_in(scored["printed"], scored["secrets"]) is None


def test_none_in_the_files_of_the_runs_and_in_kept_results(scored: dict[str, Any]):
    files = [path for path in scored["home"].rglob("*") if path.is_file()]
    names = {path.name for path in files}
    assert {"manifest.json", "quarantine.csv", "index.html"} <= names
    assert any("storage" in path.parts for path in files), "no result was kept"
    assert {
        str(path): hit for path in files if (hit := found_in(path.read_text(errors="replace"), scored["secrets"]))
    } == {}


def test_none_in_the_journal_and_in_published_blobs(scored: dict[str, Any], stack_environment: dict[str, str]):
    found = {}
    connection_string = stack_environment["BATCH_SCORING_STORAGE_CONNECTION_STRING"]
    with BlobServiceClient.from_connection_string(connection_string) as service:
        container = service.get_container_client(scored["container"])
        for name in container.list_blob_names():
            found[name] = container.download_blob(name).readall().decode(errors="replace")
    assert {name.split("/")[0] for name in found} == {"runs", "published"}
    assert {name: hit for name, text in found.items() if (hit := found_in(text, scored["secrets"]))} == {}


def test_none_in_the_database_of_prefect(scored: dict[str, Any], local_stack: LocalStack):
    seen = set()
    hits = []
    for table, text in rows(local_stack.home / "prefect" / "prefect.db"):
        seen.add(table)
        if hit := found_in(text, scored["secrets"]):
            hits.append((table, hit))
    assert {"flow_run", "task_run", "log", "artifact", "block_document", "flow_run_state", "events"} <= seen
    assert hits == []


def test_none_in_the_logs_of_server_service_gateway_and_storage(scored: dict[str, Any], local_stack: LocalStack):
    logs = list((local_stack.home / "logs").iterdir())
    assert len(logs) == 4
    assert {log.name: hit for log in logs if (hit := found_in(log.read_text(), scored["secrets"]))} == {}
