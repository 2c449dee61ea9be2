"""A campaign of kills at random steps; it prints what the README quotes."""

import csv
import random
from collections import Counter
from typing import Any

import pytest

N_KILLS = 40
SEED = 20240501
KILLED = -9


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_runs_that_are_killed_at_random_lose_no_row_and_score_none_twice(
    new_work: Any, undisturbed: bytes, faults: Any
):
    luck = random.Random(SEED)
    kills: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    doubled: Counter[str] = Counter()
    n_runs = n_orphans = n_outages = 0
    while kills.total() < N_KILLS:
        work = new_work(n_runs)
        n_runs += 1
        for _ in range(luck.randint(1, 5)):
            if luck.random() < 0.3:
                operation, when = luck.choice(["submit", "status"]), luck.choice(["before", "after"])
                faults.arm(kind="drop", operation=operation, when=when)
            code = work.run(kill_after_steps=luck.randint(1, 40), threads=luck.choice([1, 3]))
            if code == KILLED:
                kills[work.trace[-1]] += 1
            elif ended_by_outage(work, code):
                n_outages += 1
            else:
                break
        while ended_by_outage(work, work.run()):
            n_outages += 1
        came, due = keys_of(work.predictions), keys_of(undisturbed)
        lost += due - came
        doubled += came - due
        n_orphans += sum(attempt["orphan_possible"] for attempt in work.attempts())
        work.require_whole(undisturbed)
    rows = [
        *sorted(kills.items()),
        ("all kills, each met", kills.total()),
        ("connections broken, each met", len(faults.served())),
        ("executions ended by an outage", n_outages),
        ("orphans noted, none started", n_orphans),
        ("runs, each published once", n_runs),
        ("rows lost", lost.total()),
        ("rows doubled", doubled.total()),
    ]
    print("\n" + "\n".join(f"{what:<32} {times:>5}" for what, times in rows))
    assert kills.total() >= N_KILLS
    assert len(kills) >= 8


def ended_by_outage(work: Any, code: int) -> bool:
    """Whether an execution gave up since one shard met as many broken connections as it may; the next one goes on."""
    assert code == 0 or work.result(work.pid)["error"] == "Unavailable", work.result(work.pid)
    return code != 0


def keys_of(predictions: bytes) -> Counter[str]:
    return Counter(row[0] for row in csv.reader(predictions.decode().splitlines()))
