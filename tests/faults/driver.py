"""Runs runs in processes that can be killed at any step. A program of the tests; it starts no Prefect.

It reads one JSON command a line and forks a child for each, which costs nothing as everything is imported by then. The
child carries out the very steps of the flow. Each step leaves a line in the trace, so that a test knows that it was
met, and at the step that the command names the child ends itself by a signal, or its clock or its input
changes.
"""

import csv
import functools
import importlib
import json
import logging
import math
import os
import select
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import SecretStr

from bes import blobs, transfers
from bes.blobs import BlobStore
from bes.client import BesClient
from bes.documents import Documents
from bes.errors import ScoringError
from bes.files import sha256_of
from bes.settings import Connections, EndpointSettings, StorageSettings
from scoring.contract.model import GoldenRow, Tolerance
from scoring.gates.golden import ask_at_once, score_in_a_job
from scoring.gates.judging import judge_run
from scoring.gates.settings import GateSettings
from scoring.giving_up import give_up
from scoring.jobs import start_shard, submit_shard, upload_shard
from scoring.journal import work_plan
from scoring.manifest import InputFile, run_key
from scoring.open_run import OpenRun
from scoring.opening import open_run
from scoring.outputs import take_output
from scoring.pipeline import Steps, score_shards
from scoring.plan import RunFolder, RunPlan
from scoring.publishing import fetch_published, merge_and_balance, publish_run
from scoring.requeue import requeueing
from scoring.settings import RunSettings
from scoring.shards import cut_shards
from scoring.stopping import Stop
from scoring.validation import validate_and_plan
from scoring.waiting import wait_for_jobs
from scoring.writer import Writer
from tests.scoring.accepting import accept

RUN_DATE = date(2024, 5, 1)


class Trace:
    """Writes each step down, and ends the process at the one that is asked for."""

    def __init__(self, path: Path, command: dict[str, Any]) -> None:
        self._file = path.open("a", buffering=1)
        self._kill_at = command.get("kill_at")
        self._left = command.get("kill_after_steps")
        self._end_at = command.get("end_at")
        self._jump_at = command.get("jump_at")
        self._jump_seconds = command.get("jump_seconds", 0)
        self._change_input_at = command.get("change_input_at")
        self._extract = Path(command["home"]) / "extract.csv"

    def step(self, name: str, moment: str, what: str = "") -> None:
        point = f"{name} {moment}"
        self._file.write(f"{point}\t{what}\n")
        if self._left is not None:
            self._left -= 1
        if point == self._kill_at or self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if point == self._end_at:
            self._end_at = None
            os.kill(os.getpid(), signal.SIGTERM)
        if point == self._jump_at:
            self._jump_at = None
            jump(self._jump_seconds)
        if point == self._change_input_at:
            self._extract.write_bytes(self._extract.read_bytes().replace(b"Review", b"Rewiev"))


def jump(seconds: float) -> None:
    """Let the wall clock of this process differ from now on, for all of our modules and for `time.time`."""

    class Jumped(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + timedelta(seconds=seconds)

    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in ("bes", "scoring") and getattr(module, "datetime", None) is datetime:
            module.datetime = Jumped
    right = time.time
    time.time = lambda: right() + seconds


def watch(trace: Trace) -> None:
    """Let every remote effect be traced, before and after."""

    def around(owner: type, method: str, name_of: Callable[..., str]) -> None:
        original = getattr(owner, method)

        @functools.wraps(original)
        def traced(self: Any, *given: Any, **named: Any) -> Any:
            name = name_of(*given)
            trace.step(name, "before")
            result = original(self, *given, **named)
            trace.step(name, "after", result if isinstance(result, str) else "")
            return result

        setattr(owner, method, traced)

    around(BesClient, "submit", lambda _job: "submit")
    around(BesClient, "start", lambda _job_id: "start")
    around(BesClient, "status", lambda _job_id: "status")
    around(BesClient, "delete", lambda _job_id: "delete")
    around(BlobStore, "upload", lambda _path, name: f"upload {_kind(name)}")
    around(BlobStore, "download", lambda name, _path: f"download {_kind(name)}")
    around(Documents, "create", _document)
    around(Documents, "replace", _document)


def let_references_end_early(n_references: int) -> None:
    """Let the first references that inputs are given by end a second after they are made."""
    original = BlobStore.input_reference
    left = [n_references]

    @functools.wraps(original)
    def early(self: BlobStore, name: str, *, lifetime: timedelta) -> Any:
        left[0] -= 1
        return original(self, name, lifetime=timedelta(seconds=1) if left[0] >= 0 else lifetime)

    BlobStore.input_reference = early


def let_output_references_end(seconds: float) -> None:
    """Let the references that outputs are given by live no longer than this."""
    original = BlobStore.output_reference

    @functools.wraps(original)
    def short(self: BlobStore, name: str, *, lifetime: timedelta) -> Any:
        return original(self, name, lifetime=timedelta(seconds=min(lifetime.total_seconds(), seconds)))

    BlobStore.output_reference = short


def repeat_quickly() -> None:
    """Let the storage's client wait less before it repeats a request: its own pauses add up to minutes."""
    quick = {"initial_backoff": 0.05, "increment_base": 0, "random_jitter_range": 0}
    blobs._CLIENT_OPTIONS.update(quick)
    transfers._PAUSES_SECONDS = (0.05,) * 3


def _kind(name: str) -> str:
    return name.split("/")[2] if name.startswith("runs/") else Path(name).stem


def _document(name: str, content: bytes, *_: object) -> str:
    members = json.loads(content)
    if name.endswith("/run.json"):
        return f"run {members['state']}"
    if "/shards/" in name:
        last = members["attempts"][-1]
        return f"journal {'part ' if '-' in members['shard'] else ''}{last['verdict'] or last['state']}"
    return Path(name).stem


def planned(command: dict[str, Any], session: str) -> RunPlan:
    """What validation would plan for these rows, of which the last `refused` are quarantined."""
    home, rows, refused = Path(command["home"]), command["rows"], command["refused"]
    rows_per_job, contract_digest = command["rows_per_job"], command.get("contract_digest", "0" * 64)
    home.mkdir(parents=True, exist_ok=True)
    extract = home / "extract.csv"
    with extract.open("w", newline="") as target:
        csv.writer(target).writerows([["review_id", "Col1", "Col2"], *rows])
    key = run_key(
        input_digests=[sha256_of(extract)],
        contract_digest=contract_digest,
        service=["w", "s"],
        rows_per_job=rows_per_job,
    )
    folder = RunFolder(path=home / "runs" / key, attempt=session)
    folder.path.mkdir(parents=True, exist_ok=True)
    accepted = rows[: len(rows) - refused]
    with folder.quarantine.open("w", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(["file", "record", "line", "column", "rule", "value", "message", "raw"])
        for number, row in enumerate(rows[len(accepted) :], start=len(accepted) + 1):
            for rule in ("one", "other"):
                writer.writerow(["extract.csv", number, number + 1, "Col1", rule, row[1], "wrong", ",".join(row)])
    source = accept(extract, rejected=range(len(accepted) + 1, len(rows) + 1))
    return RunPlan(
        run_key=key,
        contract="reviews",
        contract_digest=contract_digest,
        input_port="input1",
        output_port="output1",
        key="review_id",
        shows_keys=True,
        folder=folder,
        inputs=[InputFile(path=str(extract), size_bytes=extract.stat().st_size, sha256=sha256_of(extract))],
        n_input=len(rows),
        n_quarantined=refused,
        accepted=(source,),
        shards=cut_shards([source], key="review_id", sent=["Col2"], passthrough=["Col1"], rows_per_job=rows_per_job),
        data_docs_index=folder.data_docs / "index.html",
        findings_by_rule=pd.DataFrame(),
        started_at=datetime.now(UTC),
        tolerance=Tolerance(**command.get("tolerance", {})),
        golden=tuple(GoldenRow(**row) for row in command.get("golden", ())),
    )


def plain_steps(run: OpenRun, client: BesClient, pool: ThreadPoolExecutor, poller: ThreadPoolExecutor) -> Steps:
    """The steps without Prefect."""
    return Steps(
        upload=lambda shard: pool.submit(upload_shard, run, shard),
        submit=lambda shard: pool.submit(submit_shard, run, client, shard),
        start=lambda job: pool.submit(start_shard, run, client, job),
        poll=lambda started: poller.submit(wait_for_jobs, run, client, started),
        download=lambda job, state: pool.submit(take_output, run, job, state),
    )


def validated(command: dict[str, Any], settings: RunSettings, endpoint: EndpointSettings, session: str) -> RunPlan:
    """What validation plans for a file."""
    inputs, contract = [command["extract"]], command["contract"]
    return validate_and_plan(inputs, contract, settings=settings, endpoint=endpoint, attempt=session)


def requeue(command: dict[str, Any]) -> dict[str, Any]:
    """Mended rows from their file to the manifest of the next version, as the flow does it."""
    endpoint = EndpointSettings(**command["endpoint"])
    storage = StorageSettings(connection_string=SecretStr(command["connection_string"]), container=command["container"])
    stop = Stop()
    with (
        BesClient(endpoint, sleep=stop.sleep) as client,
        ThreadPoolExecutor(1) as pool,
        ThreadPoolExecutor(1) as poller,
    ):
        taken = requeueing.take_up(
            requeueing.Order(run_key=command["run_key"], fixed=Path(command["fixed"]), contract=command["contract"]),
            connections=Connections(endpoint=endpoint, storage=storage),
            settings=RunSettings(**command["settings"]),
            writer=Writer.here(session=f"{os.getpid()}-{datetime.now(UTC):%H%M%S%f}"),
            stop=stop,
        )
        try:
            if taken.run is None:
                manifest = requeueing.fetch(taken)
            else:
                scored = score_shards(taken.run, plain_steps(taken.run, client, pool, poller))
                manifest = requeueing.publish(taken, requeueing.merge(taken, scored), GateSettings())
            return {"manifest": manifest.model_dump(mode="json")}
        finally:
            taken.close()


def score(command: dict[str, Any]) -> dict[str, Any]:
    """One run from its plan to its manifest, as the flow does it."""
    endpoint = EndpointSettings(**command["endpoint"])
    settings = RunSettings(**command.get("settings", {}))
    storage = StorageSettings(
        connection_string=SecretStr(command["connection_string"]),
        container=command["container"],
        references=command.get("references", "sas"),
    )
    session = f"{os.getpid()}-{datetime.now(UTC):%H%M%S%f}"
    plan = validated(command, settings, endpoint, session) if "contract" in command else planned(command, session)
    plan = replace(plan, gates=GateSettings(**command.get("gates", {})))
    # What validation has planned, the flow may take up: then they must be its own.
    place = (endpoint.workspace, endpoint.service) if "contract" in command else ("w", "s")
    work = work_plan(plan, workspace=place[0], service=place[1], rows_per_job=command["rows_per_job"])
    stop = Stop()
    threads = command.get("threads", 1)
    with (
        BesClient(endpoint, sleep=stop.sleep) as client,
        ThreadPoolExecutor(threads) as pool,
        ThreadPoolExecutor(1) as poller,
    ):
        run = open_run(
            plan,
            work,
            Connections(endpoint=endpoint, storage=storage),
            settings=settings,
            writer=Writer.here(session=session),
            run_date=RUN_DATE,
            rescore=command.get("rescore", False),
            stop=stop,
        )
        try:
            if run.is_published:
                manifest = fetch_published(run)
            else:
                asked = GateSettings(**command.get("gates", {}))
                golden = score_in_a_job(run, client, asked, ask_at_once(run, client, asked))
                scored = score_shards(run, plain_steps(run, client, pool, poller))
                books = merge_and_balance(plan, scored)
                judged = judge_run(run, books, golden, asked)
                manifest = publish_run(run, scored, books, judged)
            return {"manifest": manifest.model_dump(mode="json")}
        except BaseException as error:
            stop.set()
            with BesClient(endpoint) as again:
                give_up(run, again, error)
            raise
        finally:
            run.close()


def child(command: dict[str, Any]) -> int:
    """Carry out one command; returns the exit code, 0 for a run that is published."""
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    home = Path(command["home"])
    home.mkdir(parents=True, exist_ok=True)
    log = home / "log"
    logging.basicConfig(filename=log, level=logging.INFO, format="%(asctime)s %(process)d %(message)s", force=True)
    watch(Trace(home / "trace", command))
    let_references_end_early(command.get("early_references", 0))
    let_output_references_end(command.get("output_seconds", math.inf))
    if command.get("quick_storage"):
        repeat_quickly()
    result: dict[str, Any] = {}
    try:
        result = requeue(command) if "fixed" in command else score(command)
    except ScoringError as error:
        result = {"error": type(error).__name__, "text": str(error)}
    except BaseException as error:  # noqa: BLE001 - the test reads it
        result = {"error": type(error).__name__, "text": traceback.format_exc()}
    (home / f"result-{os.getpid()}.json").write_text(json.dumps(result))
    return 1 if "error" in result else 0


def main() -> None:
    """Fork a child for each line, and print its process id; later print how it ended."""
    running: Counter[int] = Counter()
    open_input = True
    while open_input or running:
        readable, _, _ = select.select([sys.stdin] if open_input else [], [], [], 0.02)
        if readable:
            line = sys.stdin.readline()
            open_input = bool(line)
            if line:
                command = json.loads(line)
                if "contract" in command:
                    # It takes seconds, which each child would take again.
                    importlib.import_module("scoring.contract.docs.expectations")
                pid = os.fork()
                if pid == 0:
                    os._exit(child(command))
                running[pid] += 1
                print(json.dumps({"started": pid}), flush=True)
        for pid in list(running):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                del running[pid]
                print(json.dumps({"ended": pid, "code": os.waitstatus_to_exitcode(status)}), flush=True)


if __name__ == "__main__":
    main()
