"""Runs of the pipeline in one process of their own, measured from inside: with Prefect, or the same steps without.

    python -m benchmarks.one_run (flow | direct) CONTRACT ROWS_PER_JOB INPUT [INPUT ...]

One run for each input, one after another; prints one JSON object for each. What they talk to, the environment says.
"""

import argparse
import asyncio
import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

_MARKS = {"validating %s": "validating", "%d of %d rows accepted": "validated", "published %s to": "published"}
"""Log lines by which the stages of a run are told from each other, by how they begin."""


@dataclass(slots=True)
class Traffic:
    """HTTP requests to one server."""

    requests: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OneRun:
    """One run, as its process saw it.

    Args:
        import_seconds: Of what had to be imported before it, and was not yet.
        seconds: From the call of the flow to its return.
        cpu_seconds: Of the whole process in that time.
        began_at: Time of day of the call, in seconds since 1970.
        traffic: Requests by the port that they went to, threads added up.
        marks: Seconds since 1970 at which some log lines were written.
    """

    import_seconds: float
    seconds: float
    cpu_seconds: float
    began_at: float
    traffic: dict[str, Traffic]
    marks: dict[str, float]


class _Meter(logging.Handler):
    """Counts requests and notes log lines while a run is on."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self.traffic: dict[str, Traffic] = {}
        self.marks: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        for begins, mark in _MARKS.items():
            if str(record.msg).startswith(begins):
                self.marks[mark] = record.created

    def begin(self) -> None:
        self.traffic, self.marks = {}, {}

    @contextmanager
    def request_to(self, port: object) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                traffic = self.traffic.setdefault(str(port), Traffic())
                traffic.requests += 1
                traffic.seconds += time.perf_counter() - began


def _metered(meter: _Meter, *, with_prefect: bool) -> None:
    """Let every request of this process be counted, whichever library makes it."""
    import requests.adapters
    from requests import PreparedRequest
    from urllib3.util import parse_url

    send = requests.adapters.HTTPAdapter.send

    def sent(self: requests.adapters.HTTPAdapter, request: PreparedRequest, *given: Any, **named: Any) -> Any:  # noqa: ANN401
        with meter.request_to(parse_url(request.url or "").port):
            return send(self, request, *given, **named)

    requests.adapters.HTTPAdapter.send = sent  # type: ignore[method-assign]
    if not with_prefect:
        return
    import httpx

    handle, handle_async = httpx.HTTPTransport.handle_request, httpx.AsyncHTTPTransport.handle_async_request

    def handled(self: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        with meter.request_to(request.url.port):
            return handle(self, request)

    async def handled_async(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        with meter.request_to(request.url.port):
            return await handle_async(self, request)

    httpx.HTTPTransport.handle_request = handled  # type: ignore[method-assign]
    httpx.AsyncHTTPTransport.handle_async_request = handled_async  # type: ignore[method-assign]


def _flow() -> Callable[[str, str, int], object]:
    """The flow as a worker runs it."""
    from flows.batch_scoring import batch_scoring

    return lambda path, contract, rows: asyncio.run(batch_scoring([path], contract, rows_per_job=rows))


def _direct() -> Callable[[str, str, int], object]:
    """The same steps in the same order, in plain threads."""
    from bes.settings import Connections, EndpointSettings, StorageSettings
    from scoring.gates.judging import judge_run
    from scoring.gates.settings import GateSettings
    from scoring.journal import work_plan
    from scoring.opening import open_run
    from scoring.pipeline import score_shards
    from scoring.publishing import merge_and_balance, publish_run
    from scoring.settings import RunSettings
    from scoring.stopping import Stop
    from scoring.validation import validate_and_plan
    from scoring.writer import Writer

    def run_direct(path: str, contract: str, rows_per_job: int) -> object:
        endpoint, now = EndpointSettings(), datetime.now(UTC)
        settings = RunSettings().model_copy(update={"rows_per_job": rows_per_job})
        session = f"{now:%H%M%S%f}"
        plan = validate_and_plan([path], contract, settings=settings, endpoint=endpoint, attempt=session)
        with ExitStack() as stack:
            run = open_run(
                plan,
                work_plan(plan, workspace=endpoint.workspace, service=endpoint.service, rows_per_job=rows_per_job),
                Connections(endpoint=endpoint, storage=StorageSettings()),
                settings=settings,
                writer=Writer.here(session=session),
                run_date=now.date(),
                rescore=False,
                stop=Stop(),
            )
            stack.callback(run.close)
            outcome = score_shards(run, _plain_steps(run, stack))
            books = merge_and_balance(plan, outcome)
            return publish_run(run, outcome, books, judge_run(run, books, [], GateSettings()))

    return run_direct


def _plain_steps(run: Any, stack: ExitStack) -> Any:  # noqa: ANN401 (their modules are imported when a run needs them)
    from scoring.jobs import start_shard, submit_shard, upload_shard
    from scoring.outputs import take_output
    from scoring.pipeline import N_THREADS, Steps
    from scoring.waiting import wait_for_jobs

    client = stack.enter_context(run.client())
    pool = stack.enter_context(ThreadPoolExecutor(N_THREADS))
    return Steps(
        upload=lambda shard: pool.submit(upload_shard, run, shard),
        submit=lambda shard: pool.submit(submit_shard, run, client, shard),
        start=lambda job: pool.submit(start_shard, run, client, job),
        poll=lambda started: pool.submit(wait_for_jobs, run, client, started),
        download=lambda job, state: pool.submit(take_output, run, job, state),
    )


def main() -> None:
    """Import, run once for each input, tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("way", choices=["flow", "direct"])
    parser.add_argument("contract")
    parser.add_argument("rows_per_job", type=int)
    parser.add_argument("inputs", nargs="+")
    given = parser.parse_args()
    began = time.monotonic()
    run: Callable[[str, str, int], object] = _flow() if given.way == "flow" else _direct()
    import_seconds, meter = time.monotonic() - began, _Meter()
    _metered(meter, with_prefect=given.way == "flow")
    # Not at "scoring" itself, whose handlers Prefect sets anew.
    for name in ("scoring.validation", "scoring.publishing"):
        logging.getLogger(name).setLevel(logging.INFO)
        logging.getLogger(name).addHandler(meter)
    for path in given.inputs:
        meter.begin()
        began_at, began, cpu = time.time(), time.monotonic(), time.process_time()
        run(path, given.contract, given.rows_per_job)
        one = OneRun(
            import_seconds=import_seconds,
            seconds=time.monotonic() - began,
            cpu_seconds=time.process_time() - cpu,
            began_at=began_at,
            traffic=meter.traffic,
            marks=meter.marks,
        )
        sys.stdout.write(json.dumps(asdict(one)) + "\n")
        sys.stdout.flush()
        import_seconds = 0.0


if __name__ == "__main__":
    main()
