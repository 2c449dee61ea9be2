"""What the end-to-end benchmark says: figures of each way, their ratios, and where the time of ours goes."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from benchmarks.apart import Cost
from benchmarks.results import machine

_AIM = 1.15
"""Of wall time to the floor."""

_LARGE_BYTES = 90_000_000
"""About 100 MB, from which on the aims hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One way on one file.

    Args:
        n_calls: Through the gateway.
        split: Seconds by stage; of ours only.
    """

    cost: Cost
    n_calls: int
    split: Mapping[str, float] = field(default_factory=dict)

    @staticmethod
    def split_of(manifest: Mapping[str, Any], cost: Cost, *, published_at: float) -> dict[str, float]:
        """The wall time of a run, divided: before the flow looks at the input, its stages, and what follows.

        Args:
            manifest: As the run left it.
            cost: Of its process.
            published_at: When the manifest was written, in seconds since the epoch.
        """
        began, ended = (datetime.fromisoformat(manifest[name]).timestamp() for name in ("started_at", "ended_at"))
        exited = cost.began_at + cost.wall_seconds
        return {
            "start": began - cost.began_at,
            **manifest["stages"],
            "publish": published_at - ended,
            "exit": exited - published_at,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """All ways on one file. `floor` has the seconds of upload, service and download."""

    ours: Run
    seed: Run
    azmlclient: Run
    floor: Mapping[str, float]

    @property
    def in_short(self) -> str:
        """Wall seconds, for whoever waits for the rest."""
        walls = {name: getattr(self, name).cost.wall_seconds for name in ("ours", "seed", "azmlclient")}
        told = ", ".join(f"{name} {wall:.1f} s" for name, wall in walls.items())
        return f"{told}, floor {sum(self.floor.values()):.1f} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bout:
    """All nights of one size; before the first of them, ours had scored one file."""

    size: str
    n_bytes: int
    first: Run
    nights: Sequence[Night]

    def seconds(self, of: Callable[[Night], float]) -> float:
        """The median of all nights."""
        return statistics.median(of(night) for night in self.nights)

    @property
    def is_large(self) -> bool:
        """Whether the aims hold for it: the fixed cost of a run is no part of them."""
        return self.n_bytes >= _LARGE_BYTES

    @property
    def ours(self) -> float:
        """Wall seconds."""
        return self.seconds(lambda night: night.ours.cost.wall_seconds)

    @property
    def seed(self) -> float:
        """Wall seconds."""
        return self.seconds(lambda night: night.seed.cost.wall_seconds)

    @property
    def floor(self) -> float:
        """Seconds of its three parts."""
        return self.seconds(lambda night: sum(night.floor.values()))


def section(heading: str, bouts: Sequence[Bout], repeats: int, *, note: str = "") -> str:
    """The text for `RESULTS.md`."""
    lines = [
        f"## {heading}",
        "",
        f"`python -m benchmarks.end_to_end` on {machine()}. Book reviews of about 600 bytes a row;",
        "the model is Feature Hashing of the review into 8 columns. Ours validates, shards, scores, proves and",
        "publishes, against a Prefect server that runs; the others upload, score and download one file. The web",
        "service, the gateway, Azurite and the Prefect server share the cores with all of them; the figures are of the",
        f"client's processes, memory that of the largest. Median of {repeats}, memory is the highest. The floor is",
        "upload, service time and download of our own jobs, each alone.",
        *(["", note] if note else []),
        "",
        "| file | way | wall s | to the floor | to the seed | CPU s | peak MiB | calls |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for bout in bouts:
        lines += _rows(bout)
    lines += ["", *_verdicts(bouts), "", "Where the wall time of ours goes, in seconds (median):", ""]
    stages = list(bouts[0].first.split)
    lines += [f"| file | {' | '.join(stages)} |", f"| --- |{' ---: |' * len(stages)}"]
    for bout in bouts:
        split = [bout.seconds(lambda night, stage=stage: night.ours.split[stage]) for stage in stages]
        lines.append(f"| {bout.size} | {' | '.join(f'{seconds:.1f}' for seconds in split)} |")
    return "\n".join([*lines, ""])


def _rows(bout: Bout) -> list[str]:
    parts = {name: bout.seconds(lambda night, name=name: night.floor[name]) for name in bout.nights[0].floor}
    told = ", ".join(f"{name} {seconds:.1f}" for name, seconds in parts.items())
    return [
        f"| {bout.size} | floor: {told} | {bout.floor:.1f} | {'1.00' if bout.is_large else ''} | | | | |",
        _row(bout, "ours", [night.ours for night in bout.nights]),
        _row(bout, "ours, first night", [bout.first]),
        _row(bout, "seed, 1 s polling", [night.seed for night in bout.nights]),
        _row(bout, "azmlclient, 5 s polling", [night.azmlclient for night in bout.nights]),
    ]


def _row(bout: Bout, way: str, runs: Sequence[Run]) -> str:
    wall = statistics.median(run.cost.wall_seconds for run in runs)
    cpu = statistics.median(run.cost.cpu_seconds for run in runs)
    calls = statistics.median(run.n_calls for run in runs)
    peak = max(run.cost.peak_mib for run in runs)
    # The floor of a small file is a moment, which nothing is to be divided by.
    to_floor = f"{wall / bout.floor:.2f}" if bout.is_large else ""
    ratios = f"{to_floor} | {wall / bout.seed:.2f}"
    return f"| {bout.size} | {way} | {wall:.1f} | {ratios} | {cpu:.1f} | {peak:.0f} | {calls:.0f} |"


def _verdicts(bouts: Sequence[Bout]) -> list[str]:
    lines = []
    for bout in bouts:
        if not bout.is_large:
            continue
        to_floor, to_seed = bout.ours / bout.floor, bout.ours / bout.seed
        lines.append(
            f"- {bout.size}: {to_floor:.2f} of the floor, {_met(to_floor <= _AIM)} (aim: {_AIM} or less);"
            f" {to_seed:.2f} of the seed's time, {_met(to_seed < 1)} (aim: below 1)."
        )
    return lines


def _met(is_met: bool) -> str:
    return "met" if is_met else "missed"
