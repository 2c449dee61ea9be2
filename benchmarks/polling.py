"""How often a job is asked for, and how late its end is noticed: ours beside the loops of the seed and of azmlclient.

    python -m benchmarks.polling

Jobs of many lengths in fake time, through the very poller and pace of a run; then a few short ones in real time on the
web service behind its gateway. Writes the section "Polling" of `benchmarks/RESULTS.md`.
"""

import argparse
import random
import statistics
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.polling_live import poll_live
from benchmarks.polling_loops import LOOPS, Loop, Polled, WatchedJob
from benchmarks.results import machine, write_section
from bes.protocol import JobState, JobStatus

LENGTHS_SECONDS = (1, 2, 5, 10, 30, 60, 120, 300, 900)
LIVE_SECONDS = (1, 2, 5, 10)

_SPREAD = 0.05
"""Standard deviation of the time of like jobs, as a share of it; what an earlier run foretells is the mean."""

_CALL_SECONDS = 0.005
"""Of a status call through the gateway; measured 1 to 10 ms on this stack."""

_EPOCH = datetime(2024, 5, 1, tzinfo=UTC)


class FakeTime:
    """Passes only when somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        """Monotonic seconds."""
        return self.now

    def day_time(self) -> datetime:
        """The same as a time of day."""
        return _EPOCH + timedelta(seconds=self.now)

    def sleep(self, seconds: float) -> None:
        """Let it pass."""
        self.now += seconds


def _fake_status(time: FakeTime, seconds: float) -> JobState:
    """Of a job that was started at 0 and runs for so long."""
    time.sleep(_CALL_SECONDS)
    start = _EPOCH.isoformat()
    if time.now < seconds:
        return JobState(status=JobStatus.RUNNING, start_time=start)
    end = (_EPOCH + timedelta(seconds=seconds)).isoformat()
    return JobState(status=JobStatus.FINISHED, start_time=start, end_time=end)


def measure(loop: Loop, seconds: float, n_jobs: int) -> Polled:
    """The mean of many jobs of about one length, which are the same for each loop."""
    rnd = random.Random(7)  # noqa: S311 (the same jobs each time are what is wanted)
    calls, delays = [], []
    for _ in range(n_jobs):
        length, time = max(seconds * rnd.gauss(1, _SPREAD), 0.1), FakeTime()
        job = WatchedJob(time, lambda time=time, length=length: _fake_status(time, length))  # type: ignore[misc]
        loop(time, job, seconds, random.Random(rnd.random()))  # noqa: S311
        calls.append(job.n_calls)
        delays.append((job.noticed_at - _EPOCH).total_seconds() - length)
    return Polled(n_calls=statistics.mean(calls), delay_seconds=statistics.mean(delays))


def section(measured: Mapping[int, Mapping[str, Polled]], live: Mapping[float, Mapping[str, Polled]], n: int) -> str:
    """The text for `RESULTS.md`."""
    return "\n".join(
        [
            "## Polling",
            "",
            f"`python -m benchmarks.polling` on {machine()}. Status calls of a job; mean seconds from",
            "its end to the client's going on, and what part of its length that is. In fake time, through the poller",
            f"of a run, {n} jobs of each length, which spread by {_SPREAD:.0%}. A pace is known from a run before, or",
            "from the first jobs of this one. azmlclient sleeps once more when it has the result.",
            "",
            *_table(measured),
            "",
            "In real time, one job each on the web service behind its gateway; ours knows the pace of a job before:",
            "",
            *_table(live),
            "",
            *_verdicts(measured),
            "",
            "A pace that knows nothing of a job cannot beat both loops on both counts: it would have to see the",
            "end of a job of 10 s within half a second, in three or four calls. Where the pace is known and a job",
            "takes minutes, ours is content with some hundredth of the job's time: calls count against a quota.",
            "",
        ]
    )


def _table(measured: Mapping[float, Mapping[str, Polled]] | Mapping[int, Mapping[str, Polled]]) -> list[str]:
    lines = [f"| job | {' | '.join(LOOPS)} |", f"| --- |{' ---: |' * len(LOOPS)}"]
    for seconds, by_loop in measured.items():
        cells = (
            f"{one.n_calls:.3g} calls, {one.delay_seconds:.2f} s ({one.delay_seconds / seconds:.1%})"
            for one in by_loop.values()
        )
        lines.append(f"| {seconds:g} s | {' | '.join(cells)} |")
    return lines


def _verdicts(measured: Mapping[int, Mapping[str, Polled]]) -> list[str]:
    """Where ours has both fewer calls and a shorter delay."""
    peers, ours = list(LOOPS)[:2], list(LOOPS)[2:]
    lines = []
    for our in ours:
        for peer in peers:
            met = [
                f"{seconds} s"
                for seconds, by_loop in measured.items()
                if by_loop[our].n_calls <= by_loop[peer].n_calls
                and by_loop[our].delay_seconds <= by_loop[peer].delay_seconds
            ]
            where = f"at {', '.join(met)}" if met else "at no length"
            lines.append(f"- {our}, beside {peer}: no more calls and a shorter delay {where}.")
    return lines


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=300, help="in fake time, of each length")
    arguments = parser.parse_args()
    measured = {
        seconds: {name: measure(loop, seconds, arguments.jobs) for name, loop in LOOPS.items()}
        for seconds in LENGTHS_SECONDS
    }
    with tempfile.TemporaryDirectory() as home:
        live = poll_live(Path(home), LIVE_SECONDS)
    text = section(measured, live, arguments.jobs)
    write_section(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
