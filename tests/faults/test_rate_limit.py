"""A run under the limits of the product Starter, which the gateway enforces by the very files that are deployed."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bes.settings import EndpointSettings
from deployments.processes import ChildProcess
from deployments.stack import SUFFIX, LocalStack
from service.declaration import key_hash
from tests.faults.fault_proxy import FaultProxy

N_JOBS = 8
CALLS, PERIOD_SECONDS = 5, 5
"""Of Starter, but for seconds in place of its minute."""

HEARD_SECONDS = 1
"""From an answer of the gateway until a busy machine has handed it to all threads of the run."""


@pytest.fixture
def starter(
    local_stack: LocalStack, endpoint: EndpointSettings, repository: Path, tmp_path: Path, work: Any
) -> Iterator[FaultProxy]:
    """The gateway with a subscription of this product, between the work and the web service."""
    home = tmp_path / "apim"
    shutil.copytree(repository / "deployments" / "apim", home)
    policy = home / "policies" / "product-starter.xml"
    limit = f'<rate-limit calls="{CALLS}" renewal-period='
    assert f'{limit}"60" />' in policy.read_text()
    policy.write_text(policy.read_text().replace(f'{limit}"60" />', f'{limit}"{PERIOD_SECONDS}" />'))
    hashes = [key_hash(local_stack.keys.subscription_key)]
    (home / "subscriptions.toml").write_text(
        f'[[subscription]]\nname = "nightly"\nproduct = "Starter"\nkey_hashes = {hashes}\n'.replace("'", '"')
    )
    settings = {
        "BACKEND_URL": local_stack.web_service_url,
        "SUBSCRIPTIONS": str(home / "subscriptions.toml"),
        "CONFIGURATION": str(home / "gateway.toml"),
    }
    with ChildProcess(
        "gateway",
        [sys.executable, "-m", "service.gateway"],
        environment={f"BATCH_SCORING_GATEWAY_{name}": value for name, value in settings.items()},
        log_path=home / "gateway.log",
    ) as gateway:
        ready = gateway.printed(r"listening on (http://127\.0\.0\.1:\d+)")
        url = gateway.wait_until_ready(ready, deadline_seconds=60)
        with FaultProxy(f"{url}/{SUFFIX}") as running:
            work.endpoint = endpoint.model_copy(update={"url": running.url})
            yield running


def test_no_call_is_refused_once_a_refusal_has_told_the_limit(work: Any, starter: FaultProxy):
    rows = [[f"R{number:06d}", "5", f"Review number {number}"] for number in range(1, N_JOBS + 2)]

    manifest = work.must_run(rows=rows, rows_per_job=1)

    assert [job["status"] for job in manifest["jobs"]] == N_JOBS * ["Finished"]
    assert all(len(starter.of(operation)) >= N_JOBS for operation in ("submit", "start", "status"))
    # The policy tells its limit in no header: calls that are under way when the first is refused cannot know it. After
    # ten windows one call more is tried.
    known_at = starter.too_many[0][1] + HEARD_SECONDS
    until = known_at + 10 * PERIOD_SECONDS
    assert [came_at - known_at for came_at, _ in starter.too_many if known_at < came_at < until] == []
