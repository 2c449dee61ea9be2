"""Runs of the pipeline on real parts, each in a process of its own, with what the Prefect server shows of them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from benchmarks.gateway import running, running_gateway
from benchmarks.reviews import HEADER, contract_document
from benchmarks.server_view import Seen, ServerView, TaskRun
from bes.settings import EndpointSettings, StorageSettings
from deployments.embedded import Surroundings, environment_of
from deployments.stack import LocalStack

ROWS_PER_JOB: Final = 10
_STAGES: Final = {
    "validate": "validate",
    "open run": "open",
    "ask golden": "golden rows",
    "score golden": "golden rows",
    "upload": "shards",
    "download": "shards",
    "check row count": "books and gates",
    "check gates": "books and gates",
}
"""Stage of a task run, by how its name begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One run.

    Args:
        wall_seconds: Of its whole process; None for one that ran in a process that had run before.
        seconds: From the call of the flow to its return.
        traffic: Requests and seconds, by whom they went to: `prefect`, `storage` or `gateway`.
        stages: Seconds of each stage, in their order.
        n_task_runs: At the server.
        caught_up_seconds: From the end of the process until the server showed everything.
    """

    n_shards: int
    wall_seconds: float | None
    import_seconds: float
    seconds: float
    cpu_seconds: float
    traffic: dict[str, tuple[int, float]]
    stages: dict[str, float]
    n_task_runs: int = 0
    n_events: int = 0
    n_artifacts: int = 0
    caught_up_seconds: float = 0.0


class Bench:
    """The running parts.

    Args:
        folder: Everything is written here.
        stack: Ends what it starts.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._number = 0
        local = stack.enter_context(LocalStack(folder / "stack"))
        ready = local.start_prefect()
        storage = local.start_storage()
        service = stack.enter_context(running("benchmarks.instant_service", str(ROWS_PER_JOB)))
        (folder / "gateway").mkdir()
        gateway = stack.enter_context(running_gateway(folder / "gateway", service, product="Unlimited"))
        self._api = ready()
        self._endpoint = EndpointSettings(
            url=f"http://127.0.0.1:{gateway.port}/azureml-demo",
            workspace="0" * 32,
            service="1" * 32,
            api_key=SecretStr("k"),
            subscription_key=SecretStr("key"),
        )
        self._storage, self._local = storage, local
        ports = {"prefect": self._api, "storage": storage.require().get_secret_value().partition("BlobEndpoint=")[2]}
        self._names = {url.split(":")[2].partition("/")[0]: name for name, url in ports.items()}
        self._names[str(gateway.port)] = "gateway"

    def run(self, way: str, n_shards: int, *, times: int = 1) -> list[Figures]:
        """Runs of that many shards in one fresh process, each on an input of its own."""
        self._number += 1
        home = self._folder / f"{way}-{self._number}"
        home.mkdir()
        inputs = [write_input(home / f"extract-{time_}.csv", n_shards * ROWS_PER_JOB) for time_ in range(times)]
        contract = home / "generated_reviews.yaml"
        contract.write_text(json.dumps(contract_document()))
        command = [sys.executable, "-m", "benchmarks.one_run", way, str(contract), str(ROWS_PER_JOB), *map(str, inputs)]
        began, began_at = time.monotonic(), time.time()
        done = subprocess.run(command, env=self._environment(home), capture_output=True, text=True, check=False)
        wall, ended_at = time.monotonic() - began, time.time()
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-2000:]}")
        told = [json.loads(line) for line in done.stdout.splitlines()]
        view = ServerView(self._api, since=began_at)
        seen = view.wait_for_all(ended_at=ended_at, n_runs=times) if way == "flow" else [Seen()] * times
        return [
            self._figures(n_shards, one, at_server, wall if not place else None)
            for place, (one, at_server) in enumerate(zip(told, seen, strict=True))
        ]

    def _environment(self, home: Path) -> dict[str, str]:
        self_contained = StorageSettings(
            connection_string=self._storage.connection_string, container=f"bench-{self._number}"
        )
        chosen = Surroundings(
            endpoint=self._endpoint,
            storage=self_contained,
            prefect_api=self._api,
            prefect_environment=self._local.prefect_environment(),
        )
        merged = {**os.environ, **environment_of(chosen), "BATCH_SCORING_RUN_DATA_DIR": str(home / "runs")}
        return {name: value for name, value in merged.items() if value is not None}

    def _figures(self, n_shards: int, told: dict[str, Any], seen: Seen, wall: float | None) -> Figures:
        return Figures(
            n_shards=n_shards,
            wall_seconds=wall,
            import_seconds=told["import_seconds"],
            seconds=told["seconds"],
            cpu_seconds=told["cpu_seconds"],
            traffic={
                self._names.get(port, port): (traffic["requests"], traffic["seconds"])
                for port, traffic in told["traffic"].items()
            },
            stages=stages_of(told, seen.task_runs),
            n_task_runs=len(seen.task_runs),
            n_events=seen.n_events,
            n_artifacts=seen.n_artifacts,
            caught_up_seconds=seen.caught_up_seconds,
        )


def write_input(path: Path, n_rows: int) -> Path:
    """A file of so many rows that no other file has, so that each is work of its own."""
    rows = [
        f"{number},a title,a review of {path.name} in {path.parent.name},{1 + number % 5},{number},"
        f"{1 + number % 90}.50,en,2024-05-01T00:00:00Z"
        for number in range(1, n_rows + 1)
    ]
    path.write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")
    return path


def stages_of(told: dict[str, Any], task_runs: Sequence[TaskRun]) -> dict[str, float]:
    """Seconds of each stage of a flow, in their order; the rest is between the stages, which follow each other."""
    spans: dict[str, tuple[float, float]] = {}
    for run in task_runs:
        stage = next((stage for begins, stage in _STAGES.items() if run.name.startswith(begins)), None)
        if stage is not None:
            first, last = spans.get(stage, (run.began_at, run.ended_at))
            spans[stage] = min(first, run.began_at), max(last, run.ended_at)
    for run in task_runs:
        if run.name == "write artifacts":
            published = told["marks"]["published"]
            spans |= {"publish": (run.began_at, published), "artifacts": (published, run.ended_at)}
    if not spans:
        return {}
    first, last = min(began for began, _ in spans.values()), max(ended for _, ended in spans.values())
    return {
        "flow begins": first - told["began_at"],
        **{stage: spans[stage][1] - spans[stage][0] for stage in sorted(spans, key=lambda stage: spans[stage][0])},
        "flow ends": told["began_at"] + told["seconds"] - last,
    }
