"""A run from file to published result, beside the programs that people have, and beside the floor of its parts.

    python -m benchmarks.end_to_end [--sizes 10rows 10MB 100MB] [--repeats 2]
    python -m benchmarks.end_to_end --sizes 1GB --repeats 1

All on one machine, web service, gateway and storage, in turn on the same file, each in a process of its own. A file
stands for a night: ours has scored one before, as a pipeline of some days has, and that first night is told as well.
Writes the section "End to end" of `benchmarks/RESULTS.md`; for the largest size alone "End to end, 1 GB".
"""

import argparse
import csv
import json
import sys
import tempfile
from pathlib import Path

from benchmarks.apart import run_apart
from benchmarks.end_to_end_section import Bout, Night, Run, section
from benchmarks.peers import seed
from benchmarks.results import write_section
from benchmarks.reviews import write_reviews
from benchmarks.surroundings import Bench, running_bench

SIZES = {"10rows": 6_000, "10MB": 10_000_000, "100MB": 100_000_000, "1GB": 1_000_000_000}
_FEW_ROWS = 10


class Ways:
    """Each way on files of one size.

    Args:
        bench: What they run on.
        folder: For their files; a container of the storage is called like it.
    """

    def __init__(self, bench: Bench, folder: Path) -> None:
        self._bench = bench
        self._folder = folder
        self._container = bench.make_container(folder.name)

    def ours(self, source: Path) -> tuple[Run, Path]:
        """The command line, against a Prefect server that runs; and the manifest that it leaves."""
        command = [sys.executable, "-m", "deployments.cli", "run", str(source)]
        environment = {**self._environment(), "BATCH_SCORING_RUN_DATA_DIR": str(self._folder / "runs")}
        cost = run_apart([*command, "--contract", str(self._bench.contract), "--json"], environment=environment)
        path = Path(json.loads(cost.output)["manifest"])
        manifest = json.loads(path.read_text())
        split = Run.split_of(manifest, cost, published_at=path.stat().st_mtime)
        return Run(cost=cost, n_calls=sum(manifest["gateway_calls"].values()), split=split), path

    def seed(self, source: Path) -> Run:
        """The guide's sample program."""
        target, program = self._folder / "seed.csv", self._folder / "seed.py"
        seed.write_program(self._bench, self._container, source, target, program)
        cost = run_apart([sys.executable, str(program)], cwd=self._folder)
        _require_output(target, cost.output)
        return Run(cost=cost, n_calls=seed.n_calls(cost.output))

    def azmlclient(self, source: Path) -> Run:
        """The loop of azmlclient."""
        target, endpoint = self._folder / "azmlclient.csv", self._bench.endpoint
        environment = {
            **self._environment(),
            "PEER_API_KEY": endpoint.api_key.get_secret_value(),
            "PEER_SUBSCRIPTION_KEY": endpoint.subscription_key.get_secret_value(),
            "PEER_CONNECTION_STRING": self._bench.connection_string,
            "PEER_CONTAINER": self._container,
        }
        command = [sys.executable, "-m", "benchmarks.peers.azmlclient", self._bench.base_url, str(source), str(target)]
        cost = run_apart(command, environment=environment)
        _require_output(target, cost.output)
        return Run(cost=cost, n_calls=json.loads(cost.output)["n_calls"])

    def floor(self, manifest: Path) -> dict[str, float]:
        """Upload, service and download of the same jobs alone, in seconds."""
        command = [sys.executable, "-m", "benchmarks.floor", str(manifest)]
        told: dict[str, float] = json.loads(run_apart(command, environment=self._environment()).output)
        return told

    def _environment(self) -> dict[str, str | None]:
        return {**self._bench.environment, "BATCH_SCORING_STORAGE_CONTAINER": self._container}


def measure(bench: Bench, size: str, repeats: int) -> Bout:
    """A first night of ours alone, then nights with all ways, of which another one goes first each time."""
    folder = bench.home / f"size-{size.lower()}"
    folder.mkdir()
    ways, source = Ways(bench, folder), folder / "reviews.csv"
    write_night(source, size, number=0)
    first, _ = ways.ours(source)
    n_bytes, nights = source.stat().st_size, []
    for number in range(1, repeats + 1):
        write_night(source, size, number=number)
        nights.append(_night(ways, source, ours_first=number % 2 == 1))
        sys.stderr.write(f"{size}, night {number} of {repeats}: {nights[-1].in_short}\n")
    return Bout(size=size, n_bytes=n_bytes, first=first, nights=nights)


def _night(ways: Ways, source: Path, *, ours_first: bool) -> Night:
    if ours_first:
        ours, manifest = ways.ours(source)
    peers = {"seed": ways.seed(source), "azmlclient": ways.azmlclient(source)}
    if not ours_first:
        ours, manifest = ways.ours(source)
    return Night(ours=ours, floor=ways.floor(manifest), **peers)


def write_night(path: Path, size: str, *, number: int) -> None:
    """Reviews of one night: another content each time, and the same whenever it is measured."""
    write_reviews(path, SIZES[size], seed=100 + number)
    if size != "10rows":
        return
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row, _ in zip(csv.reader(file), range(_FEW_ROWS + 1), strict=False)]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def _require_output(path: Path, printed: str) -> None:
    if not path.exists() or not path.stat().st_size:
        raise RuntimeError(f"{path.name} has no output; the program said:\n{printed[-2000:]}")
    # Or the next night could pass with what is left of this one.
    path.unlink()


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), default=["10rows", "10MB", "100MB"])
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--note", default="", help="what else the machine was doing")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, running_bench(Path(home), with_prefect=True) as bench:
        bouts = [measure(bench, size, arguments.repeats) for size in arguments.sizes]
    heading = "End to end, 1 GB" if arguments.sizes == ["1GB"] else "End to end"
    text = section(heading, bouts, arguments.repeats, note=arguments.note)
    write_section(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
