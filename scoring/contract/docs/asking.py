"""Great Expectations, asked about a finished pass: in a process of its own where one was begun, and else in this one.

Loading Great Expectations takes three seconds of a core and 100 MiB. A process that is begun early has it loaded when
the pass is over, and neither delays the run nor adds to the memory of its process.
"""

import atexit
import contextlib
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Pipe
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bes.errors import ScoringError

if TYPE_CHECKING:
    # The process is begun before they are loaded.
    from scoring.contract.model import Contract
    from scoring.contract.rules.profile import Profile
    from scoring.contract.rules.rules import Rule

logger = logging.getLogger(__name__)

# Loading takes 3 s and an expectation 0.03 s of a core; cores are shared, and memory may be short.
_LOADING_SECONDS: Final = 120.0
_EXPECTATION_SECONDS: Final = 0.6
_LEAVING_SECONDS: Final = 5.0
_HERE: Final = "scoring.contract.docs.expectations"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Question:
    """A finished pass, whose contract is to be evaluated.

    Args:
        profile: What the pass has counted, duplicates included.
        contract: Whose suite it is.
        docs_dir: The pages come here.
        run_name: The run in the pages.
    """

    profile: "Profile"
    contract: "Contract"
    docs_dir: Path
    run_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleResult:
    """What Great Expectations says of one rule.

    Args:
        success: Whether it holds, with GX's reading of `mostly`.
        observed: What a rule about a column or the table found, in words to follow "but"; no cell of a sensitive
            column. Empty for a rule about rows.
    """

    success: bool
    observed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What Great Expectations says of a contract.

    Args:
        results: One per rule, in the order of the rules.
        docs_index: The first page of the Data Docs.
    """

    results: tuple[RuleResult, ...]
    docs_index: Path


class EvaluatorFailed(ScoringError):
    """The process that evaluates contracts ended, or does not answer."""


class _Evaluator:
    """The process; it ends when this one does, however that ends.

    Raises:
        OSError: The system cannot start another process.
    """

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._connection, theirs = Pipe()
        with theirs:
            number = theirs.fileno()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "scoring.contract.docs.answering", str(number)],
                pass_fds=[number],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # Ctrl-C in the terminal is for this process to act upon.
                start_new_session=True,
            )

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, question: Question, *, limit_seconds: float) -> Evaluation:
        is_late = threading.Event()

        def give_up() -> None:
            is_late.set()
            self._process.kill()

        # A process that is stopped does not even take the question: it is ended, whatever is waited for.
        deadline = threading.Timer(limit_seconds, give_up)
        with self._asking:
            deadline.start()
            try:
                self._connection.send(question)
                answer: Evaluation | Exception = self._connection.recv()
            except (EOFError, OSError) as error:
                self.end()
                name = question.contract.name
                raise self._late(name, limit_seconds) if is_late.is_set() else self._ended() from error
            except BaseException:
                # An answer that nobody took would be given to the next question.
                self.end()
                raise
            finally:
                deadline.cancel()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _late(self, contract: str, limit_seconds: float) -> EvaluatorFailed:
        return EvaluatorFailed(
            f"Great Expectations did not evaluate {contract!r} in {limit_seconds:.0f} s.",
            "Nothing was sent. Make the suite smaller, or run again when the machine has less to do.",
        )

    def _ended(self) -> EvaluatorFailed:
        if self._process.returncode == -signal.SIGKILL:
            return EvaluatorFailed(
                "The process that runs Great Expectations was killed, perhaps because memory ran out.",
                "Nothing was sent. Run again.",
            )
        return EvaluatorFailed(
            f"The process that runs Great Expectations ended with code {self._process.returncode}.",
            "Nothing was sent. Mend what it wrote to standard error, and run again.",
        )

    def end(self) -> None:
        self._connection.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_LEAVING_SECONDS)
        self._process.kill()
        self._process.wait()


_beginning = threading.Lock()
_begun: list[_Evaluator] = []


def begin_evaluator() -> None:
    """Begin a process that loads Great Expectations, unless there is one; it serves until this process ends.

    Where it is loaded in this process already, there is nothing to gain.
    """
    with _beginning:
        if _HERE in sys.modules or _living() is not None:
            return
        try:
            evaluator = _Evaluator()
        except OSError as error:
            logger.warning("Great Expectations is loaded in this process: no other can be started (%s)", error)
            return
        atexit.register(evaluator.end)
        _begun[:] = [evaluator]


def _living() -> _Evaluator | None:
    return next((evaluator for evaluator in _begun if evaluator.is_alive), None)


def evaluate(
    profile: "Profile", rules: Sequence["Rule"], contract: "Contract", *, docs_dir: Path, run_name: str
) -> Evaluation:
    """Run the contract's expectations on what a pass has counted, and write the Data Docs.

    Args:
        profile: The finished pass, duplicates included.
        rules: All rules of the contract, in their order.
        contract: Whose suite it is.
        docs_dir: The pages come here, and the stored results under `results`; the last 50 runs stay in it.
        run_name: The run in the pages; cut to 200 characters, all but ASCII letters, digits, `_` and `-` become `-`.

    Raises:
        InputError: GX could not evaluate a rule.
        EvaluatorFailed: Its process ended, or does not answer.
    """
    evaluator = _living()
    if evaluator is not None:
        question = Question(profile=profile, contract=contract, docs_dir=docs_dir, run_name=run_name)
        return evaluator.ask(question, limit_seconds=_LOADING_SECONDS + len(rules) * _EXPECTATION_SECONDS)
    from scoring.contract.docs import expectations

    return expectations.evaluate(profile, rules, contract, docs_dir=docs_dir, run_name=run_name)
