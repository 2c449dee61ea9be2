"""What the orchestration of a run costs: per run, per shard and per task run, over a web service that answers at once.

    python -m benchmarks.orchestration [--shards 1 10 40 200]

Real parts: a Prefect server, Azurite and the gateway, as the local stack starts them. Each run is a process of its own,
once as the flow and once as the same steps without Prefect; the difference is Prefect's. Writes the section
"Orchestration" of `benchmarks/RESULTS.md`.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks.measured_runs import ROWS_PER_JOB, Bench, Figures
from benchmarks.results import machine, write_section


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All runs: of each size as a flow and without Prefect, and the small ones whose cost is fixed."""

    flows: list[Figures]
    direct: list[Figures]
    fresh: list[Figures]
    warm: list[Figures]


def measure(sizes: Sequence[int], repeats: int) -> Measured:
    """Start everything, measure, stop everything."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        bench = Bench(folder, stack)
        # The first run of a server and of an emulator is slower than any other.
        bench.run("flow", 1)
        fresh, warm = [], []
        for _ in range(repeats):
            fresh += bench.run("flow", 1)
            warm += bench.run("flow", 1, times=2)[1:]
        # In turn, so that what else the machine does meets both alike.
        pairs = [(bench.run("direct", size)[0], bench.run("flow", size)[0]) for size in sizes]
        return Measured(flows=[flow for _, flow in pairs], direct=[one for one, _ in pairs], fresh=fresh, warm=warm)


def section(measured: Measured) -> str:
    """The text of the results."""
    lines = [
        "## Orchestration",
        "",
        f"`python -m benchmarks.orchestration` on {machine()}. Shards of {ROWS_PER_JOB} rows over a service that has",
        "finished a job when it answers the start; Prefect server, Azurite and gateway are on the same cores. Each",
        "run is a process of its own; `plain` is the same steps without Prefect, also in a process of its own.",
        "",
        "| shards | flow s | each more ms | plain s | each more ms | task runs | Prefect ms each, CPU | caught up s |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        *(_size_row(measured, place) for place in range(len(measured.flows))),
        "",
        "| shards | requests to Prefect, busy s | to Azurite, busy s | to the gateway, busy s | events | artifacts |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
        *(_traffic_row(figures) for figures in measured.flows),
        "",
        "`Prefect ms each` is the flow's time above the plain one by task run, then that of CPU time; caught up:",
        "from the end of the process until the server showed all task runs ended, events and artifacts. Busy seconds",
        f"are those of all threads together, waiting for answers. {_slopes(measured.flows)}",
        "",
        f"The fixed cost: {ROWS_PER_JOB} rows, median of {len(measured.fresh)}; warm is the second run in a process.",
        "",
        "| seconds of | fresh process | warm |",
        "| --- | ---: | ---: |",
        *_fixed_rows(measured.fresh, measured.warm),
        "",
    ]
    return "\n".join(lines)


def _size_row(measured: Measured, place: int) -> str:
    flow, plain, first = measured.flows[place], measured.direct[place], measured.flows[0]
    added_wall, added_cpu = flow.seconds - plain.seconds, flow.cpu_seconds - plain.cpu_seconds
    per_task_run = f"{1000 * added_wall / flow.n_task_runs:.0f}, {1000 * added_cpu / flow.n_task_runs:.0f}"
    return (
        f"| {flow.n_shards} | {flow.seconds:.1f} | {_further(flow, first)} | {plain.seconds:.1f}"
        f" | {_further(plain, measured.direct[0])} | {flow.n_task_runs} | {per_task_run}"
        f" | {flow.caught_up_seconds:.1f} |"
    )


def _further(one: Figures, first: Figures) -> str:
    n_more = one.n_shards - first.n_shards
    return f"{1000 * (one.seconds - first.seconds) / n_more:.0f}" if n_more else "-"


def _traffic_row(figures: Figures) -> str:
    to = (figures.traffic.get(name, (0, 0.0)) for name in ("prefect", "storage", "gateway"))
    cells = " | ".join(f"{n:,}, {seconds:.1f}" for n, seconds in to)
    return f"| {figures.n_shards} | {cells} | {figures.n_events:,} | {figures.n_artifacts} |"


def _slopes(flows: Sequence[Figures]) -> str:
    """Whether it is linear: what a shard more costs between one size and the next."""
    between = [
        f"{1000 * (more.seconds - fewer.seconds) / (more.n_shards - fewer.n_shards):.0f} ms from {fewer.n_shards} to"
        f" {more.n_shards} shards"
        for fewer, more in pairwise(flows)
    ]
    return f"A shard more costs {', '.join(between)}." if between else ""


def _fixed_rows(fresh: Sequence[Figures], warm: Sequence[Figures]) -> list[str]:
    def both(name: str, of: Callable[[Figures], float]) -> str:
        return f"| {name} | {_median(fresh, of):.2f} | {_median(warm, of):.2f} |"

    def around(figures: Figures) -> float:
        inside = figures.import_seconds + figures.seconds
        return figures.wall_seconds - inside if figures.wall_seconds is not None else 0.0

    return [
        both("the process begins and ends", around),
        both("imports before the flow", lambda figures: figures.import_seconds),
        *(both(stage, lambda figures, stage=stage: figures.stages[stage]) for stage in fresh[0].stages),  # type: ignore[misc]
        both("**in all**", lambda figures: around(figures) + figures.import_seconds + figures.seconds),
    ]


def _median(of: Sequence[Figures], what: Callable[[Figures], float]) -> float:
    return statistics.median(what(figures) for figures in of)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--shards", type=int, nargs="+", default=[1, 10, 40, 200])
    parser.add_argument("--repeats", type=int, default=3, help="of the run of one shard")
    arguments = parser.parse_args()
    text = section(measure(arguments.shards, arguments.repeats))
    write_section(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
