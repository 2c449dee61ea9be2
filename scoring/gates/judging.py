"""The judgement before a run is published: its output is profiled, and the gates let it through or stop it."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from bes.documents import Documents
from bes.errors import GateStopped
from bes.files import replacing
from scoring.books import Books
from scoring.counted import counted
from scoring.gates.rules import ask_gates
from scoring.gates.settings import GateSettings
from scoring.last_good import LastGood, last_good
from scoring.manifest import GateResult
from scoring.open_run import OpenRun
from scoring.output_profile import OutputProfile, profile_predictions
from scoring.plan import RunFolder
from scoring.versions import read_manifest

logger = logging.getLogger(__name__)

_NAMED: Final = 5
"""Gates that an error or a log names; the rest is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What is known of a run's output before it is published.

    Args:
        profile: Its output columns; published with it, for the run after it.
        compared: The same, counted between the edges of the last good run, so that both compare bin by bin.
        last: The last good run.
        results: What the gates say.
    """

    profile: OutputProfile
    compared: OutputProfile
    last: LastGood | None
    results: tuple[GateResult, ...]


class Evidence(BaseModel):
    """What `gates.json` in the folder of a run holds."""

    model_config = ConfigDict(frozen=True)

    run_key: str
    last_good: str | None
    gates: tuple[GateResult, ...]


def judge_run(run: OpenRun, books: Books, golden: Sequence[GateResult], settings: GateSettings) -> Judged:
    """Judge a run whose books balance.

    Args:
        run: Its predictions are written aside.
        books: Of the run.
        golden: What the golden rows have shown.
        settings: Actions and thresholds.

    Raises:
        GateStopped: A gate does not hold and stops the run; its evidence is in the folder of the run.
    """
    plan, documents = run.plan, run.journal.documents
    judged = judge_output(
        plan.folder.predictions_aside,
        n_kept=plan.n_kept,
        n_scored=books.n_scored,
        documents=documents,
        dataset=plan.contract,
        run_key=plan.run_key,
        settings=settings,
    )
    judged = replace(judged, results=(*golden, *judged.results))
    leave_evidence(plan.folder, judged.results, run_key=plan.run_key, last=judged.last)
    # Where a process died behind its manifest, it was decided: what is left is to let readers find it.
    if read_manifest(documents, run.version_folder) is None:
        require_open(plan.folder, judged.results)
    return judged


def judge_output(
    predictions: Path,
    *,
    n_kept: int,
    n_scored: int,
    documents: Documents,
    dataset: str,
    run_key: str,
    settings: GateSettings,
) -> Judged:
    """Profile the predictions and ask the gates; nothing follows from it yet.

    Args:
        predictions: The file as it will be published.
        n_kept: Its first columns, which are not outputs.
        n_scored: Its rows.
        documents: The container, where the last good run is found.
        dataset: Name of the contract.
        run_key: Of the run, which is never compared with itself.
        settings: Actions and thresholds.
    """
    last = last_good(documents, dataset, other_than=run_key)
    profiled = profile_predictions(predictions, n_kept=n_kept, last=last.profile if last else None)
    results = ask_gates(profiled.compared, n_scored, last, settings)
    return Judged(profile=profiled.own, compared=profiled.compared, last=last, results=tuple(results))


def leave_evidence(
    folder: RunFolder, results: Sequence[GateResult], *, run_key: str, last: LastGood | None = None
) -> None:
    """Write what the gates say into the folder of the run, whatever becomes of it; warn of those that do not hold."""
    evidence = Evidence(run_key=run_key, last_good=last.version.folder if last else None, gates=tuple(results))
    with replacing(folder.gates) as part:
        part.write_text(evidence.model_dump_json(indent=2) + "\n", encoding="utf-8")
    failed = _failed(results, "warn")
    for result in failed[:_NAMED]:
        logger.warning("%s", told(result))
    if len(failed) > _NAMED:
        n_more = len(failed) - _NAMED
        do = "does" if n_more == 1 else "do"
        logger.warning("%s %s not hold: see %s", counted(n_more, "more gate"), do, folder.gates)


def require_open(folder: RunFolder, results: Iterable[GateResult]) -> None:
    """Go on if no gate stops the run.

    Raises:
        GateStopped: One does; names each with what was measured, and how to go on.
    """
    failed = _failed(results, "stop")
    if not failed:
        return
    others = f" And {len(failed) - _NAMED} others." if len(failed) > _NAMED else ""
    names = list(dict.fromkeys(result.name for result in failed))
    options = " ".join(f"--gate {name}=warn" for name in names)
    raise GateStopped(
        f"Nothing is published, since {len(failed)} gate{'s do' if len(failed) > 1 else ' does'} not hold."
        f" {' '.join(told(result) for result in failed[:_NAMED])}{others}",
        f"All is in {str(folder.gates)!r}. What is scored is kept. If it is as it should be, run the same again with"
        f" {options} (the parameter `gates` of the flow): what is scored is not scored again.",
        names,
    )


def told(result: GateResult) -> str:
    """A result in one line: the gate, what was found, and what was measured."""
    measured = (
        ""
        if result.value is None or result.threshold is None
        else (f" ({result.value:.4g}, at most {result.threshold:g})")
    )
    return f"Gate {result.name}: {result.message.removesuffix('.')}{measured}."


def _failed(results: Iterable[GateResult], action: str) -> list[GateResult]:
    return [result for result in results if not result.passed and result.action == action]
