"""The process that runs Great Expectations for another: loads it, and answers what it is asked until the other ends."""

import contextlib
import os
import pickle
import queue
import sys
import threading
import traceback
from multiprocessing.connection import Connection

from bes.errors import ScoringError
from scoring.contract.docs.asking import Evaluation, Question
from scoring.contract.rules.rules import rules_of


def _listen(connection: Connection, asked: "queue.SimpleQueue[bytes]") -> None:
    """Take up questions. When the asker has ended, so does this process, whatever it is doing at the time."""
    with contextlib.suppress(EOFError, OSError):
        while True:
            asked.put(connection.recv_bytes())
    os._exit(0)


def _answer(asked: bytes) -> Evaluation | Exception:
    from scoring.contract.docs.expectations import evaluate

    try:
        question: Question = pickle.loads(asked)  # noqa: S301 (from the process that began this one)
        rules = rules_of(question.contract)
        return evaluate(
            question.profile, rules, question.contract, docs_dir=question.docs_dir, run_name=question.run_name
        )
    except ScoringError as error:
        # Without its causes: what Great Expectations says may hold a cell that no log may show.
        return error
    except Exception as error:  # noqa: BLE001 (raised where it was asked, which does not bring along where it began)
        error.add_note("".join(traceback.format_exception(error)))
        return error


def main() -> None:
    """Serve the connection whose number is the first argument."""
    connection = Connection(int(sys.argv[1]))
    asked: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, asked), daemon=True).start()
    # Before it is asked: this is what takes long.
    import scoring.contract.docs.expectations  # noqa: F401

    while True:
        connection.send(_answer(asked.get()))


if __name__ == "__main__":
    main()
