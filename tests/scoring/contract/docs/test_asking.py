"""Great Expectations in a process of its own: it answers as this one would, and is never left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bes.errors import InputError
from scoring.contract.docs import asking, expectations
from scoring.contract.docs.asking import EvaluatorFailed, begin_evaluator, evaluate
from scoring.contract.model import Contract
from scoring.contract.rules import uniqueness
from tests.scoring.contract.finished_pass import contract_of, expectation, pass_over

CONTRACT = contract_of(
    {"n": "integer", "word": "string"},
    expectation("expect_column_values_to_be_between", column="n", max_value=5),
    expectation("expect_column_values_to_be_unique", column="word"),
    expectation("expect_column_unique_value_count_to_be_between", column="n", min_value=1, max_value=2),
    expectation("expect_column_median_to_be_between", column="n", min_value=7),
    expectation("expect_column_most_common_value_to_be_in_set", column="word", value_set=["a"]),
)
ROWS = [("1", "a"), ("9", "b"), ("9", "a"), ("x", None), ("4", "c")]
UNANSWERED = contract_of(
    {"n": "integer"},
    expectation("expect_column_values_to_be_between", column="n", max_value=2**53),
    expectation("expect_column_values_to_be_between", column="n", max_value=2**53 + 1),
)


@pytest.fixture
def nothing_begun(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    begun: list[asking._Evaluator] = []
    monkeypatch.setattr(asking, "_begun", begun)
    monkeypatch.setattr(asking, "_HERE", "not loaded")
    yield
    for evaluator in begun:
        evaluator.end()


def ask(contract: Contract, folder: Path) -> asking.Evaluation:
    profile, rules = pass_over(contract, [row[: len(contract.columns)] for row in ROWS], folder / "spill")
    return evaluate(profile, rules, contract, docs_dir=folder / "docs", run_name="nightly")


def process() -> subprocess.Popen[bytes]:
    return asking._begun[-1]._process


def pages(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.html"))


def test_it_answers_as_this_process_would_and_ends_as_an_error_that_can_be_mended(
    nothing_begun: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(uniqueness, "MAX_PAIRS_IN_MEMORY", 2)
    here = ask(CONTRACT, tmp_path / "here")
    with pytest.raises(InputError) as told_here:
        ask(UNANSWERED, tmp_path / "unanswered")
    begin_evaluator()

    apart = ask(CONTRACT, tmp_path / "apart")

    assert apart.results == here.results
    assert [one.success for one in apart.results] == [False, False, False, False, False, True]
    assert apart.docs_index == tmp_path / "apart" / "docs" / "index.html"
    assert len(pages(tmp_path / "apart")) == len(pages(tmp_path / "here")) > 1
    with pytest.raises(InputError) as told_apart:
        ask(UNANSWERED, tmp_path / "unanswered")
    assert str(told_apart.value) == str(told_here.value)


def test_where_great_expectations_is_loaded_already_no_process_is_begun(tmp_path: Path, monkeypatch):
    begun: list[asking._Evaluator] = []
    monkeypatch.setattr(asking, "_begun", begun)
    asked = []
    monkeypatch.setattr(expectations, "evaluate", lambda *_, run_name, **__: asked.append(run_name))

    begin_evaluator()
    ask(CONTRACT, tmp_path)

    assert (begun, asked) == ([], ["nightly"])


def test_one_that_was_killed_is_told_and_another_is_begun_in_its_place(nothing_begun: None, tmp_path: Path):
    begin_evaluator()
    killed = process()
    begin_evaluator()
    assert process() is killed

    killed.kill()
    with pytest.raises(EvaluatorFailed, match=r"ended with code -9 .* memory ran out, and run again"):
        ask(CONTRACT, tmp_path)

    begin_evaluator()
    assert process().pid != killed.pid
    assert process().poll() is None


def test_one_that_does_not_answer_is_ended_at_the_deadline(nothing_begun: None, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(asking, "_LOADING_SECONDS", 0.2)
    monkeypatch.setattr(asking, "_LEAVING_SECONDS", 0.2)
    monkeypatch.setattr(asking, "_EXPECTATION_SECONDS", 0.0)
    begin_evaluator()
    silent = process()
    os.kill(silent.pid, signal.SIGSTOP)

    with pytest.raises(EvaluatorFailed, match="did not evaluate 'reviews' in 0 s"):
        ask(CONTRACT, tmp_path)

    assert silent.returncode == -signal.SIGKILL


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_the_process_that_began_it_however_that_ends(end: signal.Signals):
    program = (
        "import time\n"
        "from scoring.contract.docs import asking\n"
        "asking.begin_evaluator()\n"
        "print(asking._begun[-1]._process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as asker:
        assert asker.stdout is not None
        evaluator = Path(f"/proc/{int(asker.stdout.readline())}")
        assert evaluator.exists()
        asker.send_signal(end)

    # A process that ended, and that nobody has waited for, has no memory left.
    wait_until = time.monotonic() + 20
    while evaluator.exists() and (evaluator / "statm").read_text() != "0 0 0 0 0 0 0\n":
        assert time.monotonic() < wait_until, f"{evaluator} lives on"
        time.sleep(0.05)


def test_a_process_that_ends_by_itself_does_not_wait_for_it():
    program = "from scoring.contract.docs import asking; asking.begin_evaluator()"

    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], check=False, capture_output=True, text=True, timeout=60
    )

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
