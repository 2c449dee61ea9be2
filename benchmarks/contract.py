"""What the check of an input costs, beside a parse of the same file and beside Great Expectations on pandas.

    python -m benchmarks.contract [--megabytes 10 100 1000 4000]

Each way runs in a process of its own, on the same file, in turn; CPU seconds and memory are those of the whole process,
imports included. Writes the section "Input contract" of `benchmarks/RESULTS.md`.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.apart import Cost, run_apart
from benchmarks.results import machine, write_section
from benchmarks.reviews import contract_document, write_reviews

MEGABYTE = 1_000_000
# Where pandas needs more memory than a machine may have.
_MOST_FOR_PANDAS = 1000
_FLOOR_BLOCK_BYTES = 4 << 20
_FAULT_SHARE = 0.001
_OURS = "our pass, with quarantine"
_WITH_FAULTS = f"our pass, {_FAULT_SHARE:.1%} of the records wrong"


def floor(path: Path, _folder: Path) -> None:
    """Parse the file with Arrow, as text, streamed."""
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    columns = contract_document()["columns"]
    assert isinstance(columns, dict)  # noqa: S101
    with pa_csv.open_csv(
        path,
        read_options=pa_csv.ReadOptions(block_size=_FLOOR_BLOCK_BYTES),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(column_types=dict.fromkeys(columns, pa.string())),
    ) as batches:
        for _ in batches:
            pass


def only_pass(path: Path, folder: Path) -> None:
    """Read, judge, and write the quarantine."""
    from scoring.contract.evaluation import run_pass
    from scoring.contract.model import Contract
    from scoring.contract.quarantine import Quarantine
    from scoring.contract.reading.preflight import inspect_files
    from scoring.contract.rules.profile import Profile
    from scoring.contract.rules.rules import rules_of

    contract = Contract.model_validate(contract_document())
    rules = rules_of(contract)
    profile = Profile(contract.columns, rules, spill_dir=folder)
    with Quarantine(folder / "quarantine.csv") as quarantine:
        run_pass(inspect_files([path], contract), contract, rules, profile, quarantine)


def whole_check(path: Path, folder: Path) -> None:
    """The pass, then Great Expectations with Data Docs: what a run does before it uploads."""
    from scoring.contract.check import check_input
    from scoring.contract.model import Contract

    contract = Contract.model_validate(contract_document())
    quarantine_path = folder / "quarantine.csv"
    check_input([path], contract, docs_dir=folder / "docs", quarantine_path=quarantine_path, run_name="benchmark")


def gx_on_pandas(path: Path, _folder: Path) -> None:
    """Great Expectations as its tutorials have it: the whole file in a frame."""
    import logging

    import pandas as pd

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    import great_expectations as gx
    from great_expectations.core.expectation_suite import ExpectationSuite

    suite = contract_document()["suite"]
    assert isinstance(suite, dict)  # noqa: S101
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    expectations = context.suites.add(ExpectationSuite(name="reviews", expectations=suite["expectations"]))
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("reviews")
    batch = asset.add_batch_definition_whole_dataframe("file").get_batch(
        batch_parameters={"dataframe": pd.read_csv(path, keep_default_na=False, na_values=[""])}
    )
    batch.validate(expectations, result_format={"result_format": "COMPLETE", "unexpected_index_column_names": ["id"]})


def only_import(_path: Path, _folder: Path) -> None:
    """What any use of Great Expectations costs before the first row."""
    import great_expectations  # noqa: F401


WAYS: dict[str, Callable[[Path, Path], None]] = {
    "parse with Arrow, streamed (the floor)": floor,
    _OURS: only_pass,
    "our whole check, with GX and Data Docs": whole_check,
    "GX on pandas, whole file": gx_on_pandas,
    "import of GX alone": only_import,
}


def cost_of(way: str, path: Path) -> Cost:
    """One way in a process of its own."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        return run_apart([sys.executable, "-m", "benchmarks.contract", "--way", way, str(path), folder])


def measure(megabytes: int, repeats: int) -> dict[str, Cost]:
    """The median of each way over files of one size; our pass also over one with faults, which only we get through."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reviews.csv"
        write_reviews(path, megabytes * MEGABYTE)
        chosen = [way for way in WAYS if megabytes <= _MOST_FOR_PANDAS or WAYS[way] is not gx_on_pandas]
        costs: dict[str, list[Cost]] = {way: [] for way in chosen}
        for _ in range(repeats):
            for way in chosen:
                costs[way].append(cost_of(way, path))
        write_reviews(path, megabytes * MEGABYTE, fault_share=_FAULT_SHARE)
        costs[_WITH_FAULTS] = [cost_of(_OURS, path) for _ in range(repeats)]
    return {way: _median(of) for way, of in costs.items()}


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(
        cpu_seconds=statistics.median(cost.cpu_seconds for cost in costs),
        wall_seconds=statistics.median(cost.wall_seconds for cost in costs),
        peak_mib=max(cost.peak_mib for cost in costs),
        began_at=costs[0].began_at,
    )


def section(measured: dict[int, dict[str, Cost]], repeats: int) -> str:
    """The text for `RESULTS.md`."""
    lines = [
        "## Input contract",
        "",
        f"`python -m benchmarks.contract` on {machine()}. Book reviews of 8 columns",
        f"and about 600 bytes, 13 expectations. Median of {repeats}, each in a process of its own, imports included;",
        "memory is the highest.",
        "",
        "| file | way | CPU s | ratio to the floor | wall s | peak MiB |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for megabytes, costs in measured.items():
        base = next(iter(costs.values())).cpu_seconds
        lines += [
            f"| {megabytes:,} MB | {way} | {cost.cpu_seconds:.1f} | {cost.cpu_seconds / base:.1f} |"
            f" {cost.wall_seconds:.1f} | {cost.peak_mib:.0f} |"
            for way, cost in costs.items()
        ]
    return "\n".join([*lines, ""])


def main() -> None:
    """Measure and write, or be one of the ways."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--megabytes", type=int, nargs="+", default=[10, 100, 1000, 4000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--way", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        way, path, folder = arguments.way
        WAYS[way](Path(path), Path(folder))
        return
    measured = {size: measure(size, arguments.repeats) for size in arguments.megabytes}
    text = section(measured, arguments.repeats)
    write_section(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
