"""A campaign of kills, interrupts and outages at random; it prints what the README shows."""

import csv
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.faults.fault_proxy import Fault, FaultProxy

N_KILLS = 40
SEED = 20240501
KILLED = -9
MOMENTS = ("before", "after")

OUTAGES = {
    "connection broken": [0],
    "500, 502, 503 or 504": [500, 502, 503, 504],
    "429 or 403 with Retry-After": [429, 403],
}


@dataclass
class Tally:
    """What was injected, hit, and came of it, by the kind of fault."""

    injected: Counter[str] = field(default_factory=Counter)
    met: Counter[str] = field(default_factory=Counter)
    survived: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    doubled: Counter[str] = field(default_factory=Counter)
    steps: Counter[str] = field(default_factory=Counter)
    n_runs: int = 0
    n_orphans: int = 0

    def judge(self, met: Counter[str], came: Counter[str], due: Counter[str]) -> None:
        """Take down what came of a run that has ended well, for each fault that it met."""
        self.n_runs += 1
        self.survived += met
        for kind in met:
            self.lost[kind] += (due - came).total()
            self.doubled[kind] += (came - due).total()

    def __str__(self) -> str:
        rows = [
            (kind, *(counter[kind] for counter in (self.injected, self.met, self.survived, self.lost, self.doubled)))
            for kind in sorted(self.injected)
        ]
        table = [("fault", "injected", "met", "survived", "rows lost", "rows doubled"), *rows]
        lines = [f"{row[0]:<40}" + "".join(f"{cell:>13}" for cell in row[1:]) for row in table]
        steps = f"{len(self.steps)} different steps were cut off by kills; {self.n_orphans} orphans were noted."
        return "\n".join([*lines, f"{self.n_runs} runs, each published once. {steps}"])


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_runs_that_are_cut_off_at_random_lose_no_row_and_score_none_twice(
    new_work: Any, undisturbed: bytes, endpoint: Any
):
    luck, tally = random.Random(SEED), Tally()
    with FaultProxy(endpoint.url) as proxy:
        while tally.met["kill -9"] < N_KILLS:
            work = new_work(tally.n_runs)
            work.endpoint = endpoint.model_copy(update={"url": proxy.url})
            met = ride(work, proxy, luck, tally)
            proxy.armed.clear()
            tally.judge(met, keys_of(work.predictions), keys_of(undisturbed))
            tally.n_orphans += sum(attempt["orphan_possible"] for attempt in work.attempts())
            work.require_whole(undisturbed)
    print(f"\n{tally}")
    assert tally.survived == tally.met
    assert all(tally.met[kind] for kind in tally.injected), "a kind of fault was never met"
    assert not tally.lost.total() + tally.doubled.total()
    assert len(tally.steps) >= 8


def ride(work: Any, proxy: FaultProxy, luck: random.Random, tally: Tally) -> Counter[str]:
    """Run the work again and again, most times with a fault, until it is published; what it has met."""
    met: Counter[str] = Counter()
    n_left = luck.randint(2, 5)
    while True:
        calls_before = len(proxy.met)
        end = {}
        if n_left > 0:
            arm(proxy, luck, tally)
            end = ending(luck, tally)
        n_left -= 1
        code = work.run(**end, threads=luck.choice([1, 3]))
        now = Counter(kind_of(fault) for fault in proxy.met[calls_before:])
        if code == KILLED:
            now["kill -9"] += 1
            tally.steps[work.trace[-1]] += 1
        elif code != 0 and work.result(work.pid)["error"] == "KeyboardInterrupt":
            now["SIGTERM"] += 1
        elif code != 0:
            assert work.result(work.pid)["error"] in ("Unavailable", "Throttled"), work.result(work.pid)
        tally.met += now
        met += now
        if code == 0:
            return met


def arm(proxy: FaultProxy, luck: random.Random, tally: Tally) -> None:
    """Often an outage, on some operation."""
    if luck.random() < 0.6:
        name = luck.choice(list(OUTAGES))
        more = {"retry_after": "1"} if name.startswith("429") else {"when": luck.choice(MOMENTS)}
        proxy.arm(luck.choice(["submit", "start", "status"]), luck.choice(OUTAGES[name]), **more)
        tally.injected[kind_of(proxy.armed[-1])] += 1


def ending(luck: random.Random, tally: Tally) -> dict[str, Any]:
    """Most times the process is killed after some steps, now and then it is asked to end."""
    if luck.random() < 0.85:
        tally.injected["kill -9"] += 1
        return {"kill_after_steps": luck.randint(1, 40)}
    tally.injected["SIGTERM"] += 1
    return {"end_at": luck.choice(["submit after", "start after", "status after", "upload predictions after"])}


def kind_of(fault: Fault) -> str:
    name = next(name for name, statuses in OUTAGES.items() if fault.status in statuses)
    return name if fault.retry_after else f"{name}, {fault.when} the effect"


def keys_of(predictions: bytes) -> Counter[str]:
    return Counter(row[0] for row in csv.reader(predictions.decode().splitlines()))
