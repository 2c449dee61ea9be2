"""Great Expectations in a process of its own: it answers as this one would, and is never left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bes.errors import InputError
from scoring.contract.docs import asking, expectations
from scoring.contract.docs.asking import EvaluatorFailed, Question, begin_evaluator, evaluate
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
    # What Great Expectations itself says may hold a cell.
    assert not hasattr(told_apart.value, "__notes__")


def test_where_great_expectations_is_loaded_already_no_process_is_begun(tmp_path: Path, monkeypatch):
    begun: list[asking._Evaluator] = []
    monkeypatch.setattr(asking, "_begun", begun)
    asked = []
    monkeypatch.setattr(expectations, "evaluate", lambda *_, run_name, **__: asked.append(run_name))

    begin_evaluator()
    ask(CONTRACT, tmp_path)

    assert (begun, asked) == ([], ["nightly"])


def test_where_the_process_is_gone_it_is_asked_here_and_another_is_begun_in_its_place(
    nothing_begun: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked = []
    monkeypatch.setattr(expectations, "evaluate", lambda *_, run_name, **__: asked.append(run_name))
    begin_evaluator()
    killed = process()
    begin_evaluator()
    assert process() is killed
    killed.kill()
    killed.wait()

    ask(CONTRACT, tmp_path)

    assert asked == ["nightly"]
    begin_evaluator()
    assert process().pid != killed.pid
    assert process().poll() is None


@pytest.mark.parametrize(
    ("end", "says"),
    [(signal.SIGKILL, "was killed, perhaps because memory ran out"), (signal.SIGTERM, "ended with code -15")],
)
def test_one_that_ends_while_it_is_asked_is_told(nothing_begun: None, tmp_path: Path, end: signal.Signals, says: str):
    begin_evaluator()
    asked = process()
    # Sooner it could be taken for one that ended before.
    ending = threading.Timer(0.5, asked.send_signal, [end])
    ending.start()

    with pytest.raises(EvaluatorFailed, match=says):
        ask(CONTRACT, tmp_path)

    assert asked.returncode == -end


def test_one_that_does_not_even_take_the_question_is_ended_at_the_deadline(nothing_begun: None, tmp_path: Path):
    begin_evaluator()
    silent = process()
    os.kill(silent.pid, signal.SIGSTOP)
    profile, _ = pass_over(CONTRACT, ROWS, tmp_path)
    # More than the system takes for a reader who does not read.
    question = Question(profile=profile, contract=CONTRACT, docs_dir=tmp_path, run_name="long " * 1_000_000)

    with pytest.raises(EvaluatorFailed, match="did not evaluate 'reviews' in 1 s"):
        asking._begun[-1].ask(question, limit_seconds=1)

    assert silent.returncode == -signal.SIGKILL


def test_an_error_of_the_disk_is_told_as_it_is_and_the_process_serves_on(nothing_begun: None, tmp_path: Path):
    begin_evaluator()
    (tmp_path / "docs").write_text("no folder")

    with pytest.raises(OSError, match="docs") as told:
        ask(CONTRACT, tmp_path)

    assert "datadocs.py" in "".join(told.value.__notes__)
    (tmp_path / "docs").unlink()
    assert ask(CONTRACT, tmp_path).docs_index.exists()


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
    # Were it waited for, it would be until the test's own time is over.
    program = (
        "from scoring.contract.docs import asking\n"
        "asking._LEAVING_SECONDS = 1000\n"
        "asking.begin_evaluator()\n"
        "evaluator = asking._begun[-1]\n"
        "asking.atexit.register(lambda: print(evaluator._process.returncode))\n"
        "asking.atexit.unregister(evaluator.end)\n"
        "asking.atexit.register(evaluator.end)\n"
    )

    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], check=False, capture_output=True, text=True, timeout=60
    )

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "0\n", "")
