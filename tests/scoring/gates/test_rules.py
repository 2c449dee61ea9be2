"""What each gate says of an output beside the last good run: holds, does not hold, or does not apply."""

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest

from bes.errors import GateStopped
from scoring.gates.judging import leave_evidence, require_open
from scoring.gates.psi import EPSILON, population_stability_index
from scoring.gates.rules import ask_gates
from scoring.gates.settings import GateSettings
from scoring.last_good import LastGood
from scoring.manifest import GateResult, Manifest
from scoring.output_profile import ColumnProfile, OutputProfile, profile_predictions
from scoring.plan import RunFolder
from scoring.versions import Version
from tests.scoring.accepting import write_csv

MANY = 1000
RANDOM = np.random.default_rng(11)


def last_good(profile: OutputProfile | None, n_scored: int = MANY) -> LastGood:
    version = Version(
        run_key="0" * 16,
        generation=1,
        run_date=date(2024, 5, 1),
        folder="published/reviews/2024-05-01/before",
        predictions_sha256="",
        n_scored=n_scored,
        published_at=datetime.now(UTC),
    )
    manifest = Manifest.model_construct(n_scored=n_scored)
    return LastGood(version=version, manifest=manifest, profile=profile)


def profile(tmp_path: Any, cells: Any, last: OutputProfile | None = None) -> OutputProfile:
    path = write_csv(tmp_path / "predictions.csv", [["key", "score"], *[["R", str(cell)] for cell in cells]])
    return profile_predictions(path, n_kept=1, last=last).compared


def asked(tmp_path: Any, now: Any, before: Any = None, **settings: Any) -> dict[str, GateResult]:
    """The gates by name, for one output column now and in the last good run."""
    last = None if before is None else last_good(profile(tmp_path, before), len(before))
    output = profile(tmp_path, now, last.profile if last else None)
    return {result.name: result for result in ask_gates(output, len(now), last, GateSettings(**settings))}


def test_without_a_last_good_run_nothing_is_compared_and_everything_holds(tmp_path: Any):
    results = asked(tmp_path, RANDOM.normal(size=MANY))
    assert {result.passed for result in results.values()} == {True}
    for name in ("row_count", "psi"):
        assert (results[name].value, results[name].message) == (None, "Not applicable: there is no last good run.")


def test_a_last_good_run_of_a_release_without_profiles_is_compared_by_its_rows_alone(tmp_path: Any):
    output = profile(tmp_path, [1, 2])
    results = {result.name: result for result in ask_gates(output, 2, last_good(None), GateSettings())}
    assert not results["row_count"].passed
    assert (results["psi"].passed, "has no profile" in results["psi"].message) == (True, True)


@pytest.mark.parametrize(("n_now", "passed"), [(50, True), (49, False), (150, True), (151, False), (100, True)])
def test_the_row_count_may_change_by_a_share_of_what_it_was(tmp_path: Any, n_now: int, passed: bool):
    result = asked(tmp_path, range(n_now), range(100))["row_count"]
    assert (result.passed, result.value) == (passed, pytest.approx(abs(n_now - 100) / 100))


@pytest.mark.parametrize(
    ("cells", "share"),
    [(["", "1", "2", "3"], 0.25), (["NaN", "1", "2", "3"], 0.25), ([""] * 4, 1), (["1"], 0), (["x", "", "", "y"], 0.5)],
)
def test_the_null_share_counts_empty_cells_and_numbers_that_are_none(tmp_path: Any, cells: list[str], share: float):
    result = asked(tmp_path, cells, null_share_limit=0.1)["null_share"]
    assert (result.column, result.value, result.passed) == ("score", share, share <= 0.1)


@pytest.mark.parametrize(
    ("now", "before", "passed"),
    [
        pytest.param(["7"] * MANY, None, False, id="never seen before"),
        pytest.param(["7"] * MANY, range(MANY), False, id="varied before"),
        pytest.param(["7"] * MANY, ["1"] * MANY, True, id="constant before"),
        pytest.param(["7"] * 100, range(MANY), True, id="few rows"),
        pytest.param(["7", "7.0"] * 500, range(MANY), False, id="one number in two spellings"),
        pytest.param(["no"] * MANY, ["no", "yes"] * 500, False, id="text"),
        pytest.param([*["7"] * MANY, ""], range(MANY), False, id="missing cells beside"),
        pytest.param([*["7"] * MANY, "8"], range(MANY), True, id="one other"),
        pytest.param([""] * MANY, range(MANY), True, id="nothing, which is for the null share to tell"),
    ],
)
def test_a_constant_column_is_told_unless_it_was_so_before(tmp_path: Any, now: Any, before: Any, passed: bool):
    assert asked(tmp_path, now, before)["constant_output"].passed is passed


def oracle(before: Any, now: Any, edges: Any) -> float:
    """The index by numpy's own histogram, whose bins are closed on the other side; so the values are turned round."""
    bounds = [-np.inf, *-np.asarray(edges)[::-1], np.inf]
    shares = [np.maximum(np.histogram(-np.asarray(v), bounds)[0] / len(v), EPSILON) for v in (before, now)]
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())


@pytest.mark.parametrize(
    ("now", "passed"),
    [
        pytest.param(RANDOM.normal(size=MANY), True, id="the same population"),
        pytest.param(RANDOM.normal(0.3, size=MANY), True, id="a little higher"),
        pytest.param(RANDOM.normal(1, size=MANY), False, id="higher"),
        pytest.param(RANDOM.normal(0, 3, size=MANY), False, id="wider"),
        pytest.param(np.full(MANY, -50.0), False, id="below all"),
        pytest.param(np.full(MANY, 1e300), False, id="beyond all"),
    ],
)
def test_the_stability_index_is_what_numpy_makes_of_the_values(tmp_path: Any, now: Any, passed: bool):
    before = RANDOM.normal(size=MANY)
    result = asked(tmp_path, now, before)["psi"]
    edges = profile(tmp_path, before).columns[0].edges
    assert result.value == pytest.approx(oracle(before, now, edges), rel=1e-9)
    assert (result.passed, result.threshold) == (passed, 0.25)


def test_equal_shares_have_the_index_0_and_an_empty_bin_a_finite_one():
    assert population_stability_index([10, 20, 0], [100, 200, 0]) == 0
    assert population_stability_index([50, 50], [100, 0]) == pytest.approx(
        0.5 * np.log(2) + (EPSILON - 0.5) * np.log(EPSILON / 0.5)
    )


@pytest.mark.parametrize(
    ("now", "before", "passed"),
    [
        pytest.param(range(499), range(MANY), True, id="too few rows"),
        pytest.param(range(MANY), ["x"] * MANY, True, id="text before"),
        pytest.param(["x"] * MANY, range(MANY), False, id="text now"),
        pytest.param([""] * MANY, range(MANY), True, id="no value now"),
        pytest.param(["inf"] * MANY, range(MANY), False, id="infinite now"),
        pytest.param(range(MANY), ["inf"] * MANY, False, id="infinite before"),
    ],
)
def test_where_there_are_no_numbers_to_compare_there_is_no_index(tmp_path: Any, now: Any, before: Any, passed: bool):
    assert asked(tmp_path, now, before, row_count="off")["psi"].passed is passed


def test_a_column_of_numbers_that_is_gone_is_told(tmp_path: Any):
    before = profile(tmp_path, range(MANY))
    gone = OutputProfile(columns=(before.columns[0].model_copy(update={"name": "other"}),))
    results = [result for result in ask_gates(gone, MANY, last_good(before), GateSettings()) if result.name == "psi"]
    assert [(result.column, result.passed) for result in results] == [("other", True), ("score", False)]


def test_a_gate_that_is_off_says_nothing(tmp_path: Any):
    assert set(asked(tmp_path, [1], psi="off", null_share="off")) == {"row_count", "constant_output"}


def test_what_stops_a_run_is_named_with_its_values_and_in_the_evidence(tmp_path: Any, caplog: pytest.LogCaptureFixture):
    columns = tuple(
        ColumnProfile(name=f"c{n}", is_numeric=False, n_rows=10, n_null=4, is_constant=False) for n in range(12)
    )
    settings = GateSettings(null_share="stop")
    results = ask_gates(OutputProfile(columns=columns), 10, last_good(None, 40), settings)
    folder = RunFolder(path=tmp_path, attempt="a")
    leave_evidence(folder, results, run_key="0" * 16)
    with pytest.raises(GateStopped) as stopped:
        require_open(folder, results)
    assert stopped.value.gates == ("null_share",)
    assert "12 gates do not hold. Gate null_share: 4 of the 10 cells of 'c0' are missing (0.4, at most 0.05)." in str(
        stopped.value
    )
    assert "And 7 others." in str(stopped.value)
    assert "--gate null_share=warn" in stopped.value.next_step
    assert [record.message.partition(":")[0] for record in caplog.records] == ["Gate row_count"]
    assert folder.gates.read_text().count('"null_share"') == 12


def test_a_gate_on_warn_stops_nothing(tmp_path: Any):
    results = ask_gates(OutputProfile(columns=()), 10, last_good(None, 40), GateSettings(row_count="stop"))
    with pytest.raises(GateStopped):
        require_open(RunFolder(path=tmp_path, attempt="a"), results)
    lenient = GateSettings(row_count="stop").never_stopping()
    require_open(RunFolder(path=tmp_path, attempt="a"), ask_gates(OutputProfile(columns=()), 10, None, lenient))
