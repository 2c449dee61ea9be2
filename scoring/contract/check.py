"""The check of an input against its contract, before a byte of it is uploaded."""

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scoring.contract.breaker import exceeded
from scoring.contract.docs.asking import evaluate
from scoring.contract.evaluation import PassOutcome, run_pass
from scoring.contract.findings import Finding, find, first_of
from scoring.contract.model import Contract
from scoring.contract.quarantine import Quarantine
from scoring.contract.reading.accepted import AcceptedFile
from scoring.contract.reading.cutting import CHUNK_BYTES
from scoring.contract.reading.preflight import inspect_files
from scoring.contract.refusal import InputRefused
from scoring.contract.rules.profile import Profile
from scoring.contract.rules.rules import Rule, rules_of
from scoring.contract.spelling import listed, listed_names, one_line
from scoring.counted import be

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CheckedInput:
    """What the check says about an input that may be scored.

    Args:
        files: The accepted rows of each file, in the order of the input.
        findings: Rules that rows break, the most frequent first. Rows that break a critical one are not accepted.
        unmet: Rules that do not hold as a whole and are not critical, in words.
        n_input: Number of records; `n_accepted` and `n_quarantined` add up to it.
        quarantine_path: The records that are not scored; always written, if only with its header.
        docs_index: The first page of the Data Docs.
    """

    files: tuple[AcceptedFile, ...]
    findings: tuple[Finding, ...]
    unmet: tuple[str, ...]
    n_input: int
    n_quarantined: int
    quarantine_path: Path
    docs_index: Path

    @property
    def n_accepted(self) -> int:
        """Number of rows to score."""
        return self.n_input - self.n_quarantined


def check_input(
    paths: Sequence[Path],
    contract: Contract,
    *,
    docs_dir: Path,
    quarantine_path: Path,
    run_name: str,
    bytes_per_job: int | None = None,
    chunk_bytes: int = CHUNK_BYTES,
) -> CheckedInput:
    """Check one or more files, taken together as one input.

    Record and line numbers count in each file; a key must be unique across all of them, and every copy of one that is
    not is quarantined, since none can be told from the other. The quarantine is written before any error about the rows
    is raised, so that the error can name it.

    Args:
        paths: The CSV files, in the order in which they are scored.
        contract: What they must look like.
        docs_dir: Folder of the Data Docs.
        quarantine_path: Where the records that are not scored are written.
        run_name: What the run is called in the Data Docs.
        bytes_per_job: Most bytes of a file that one job is given.
        chunk_bytes: About how much is read at once; the result does not depend on it.

    Raises:
        InputError: A file is no CSV of this contract, or a record alone has more bytes than a job is given.
        InputRefused: More rows are bad than the contract bears, none is left, or a critical rule does not hold as a
            whole.
    """
    inputs = inspect_files(paths, contract)
    rules = rules_of(contract)
    quarantine_path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".keys-", dir=quarantine_path.parent) as spill_dir:
        profile = Profile(contract.columns, rules, spill_dir=Path(spill_dir))
        with Quarantine(quarantine_path) as quarantine:
            outcome = run_pass(
                inputs, contract, rules, profile, quarantine, bytes_per_job=bytes_per_job, chunk_bytes=chunk_bytes
            )
        findings = find(rules, profile, outcome.faults, sensitive=contract.sensitive)
        _refuse_stopped(outcome, findings, [file.name for file in inputs], quarantine_path)
        docs_index, unmet = _docs(profile, rules, contract, docs_dir, run_name)
    checked = CheckedInput(
        files=outcome.files,
        findings=tuple(findings),
        unmet=tuple(what for rule, what in unmet if rule.severity != "critical"),
        n_input=sum(file.file.n_records for file in outcome.files),
        n_quarantined=outcome.n_rejected,
        quarantine_path=quarantine_path,
        docs_index=docs_index,
    )
    _refuse_rows(checked, contract)
    _refuse_whole([what for rule, what in unmet if rule.severity == "critical"], checked)
    return checked


def _docs(
    profile: Profile, rules: Sequence[Rule], contract: Contract, docs_dir: Path, run_name: str
) -> tuple[Path, list[tuple[Rule, str]]]:
    """The Data Docs, and the rules that do not hold as a whole, each in words."""
    evaluation = evaluate(profile, rules, contract, docs_dir=docs_dir, run_name=run_name)
    unmet = []
    for rule, result in zip(rules, evaluation.results, strict=True):
        if not result.success and not rule.is_about_rows:
            unmet.append((rule, f"{rule.message}, but {result.observed}"))
        elif not result.success and rule.mostly < 1:
            tally = profile.tally(rule)
            holding = f"{tally.n_judged - tally.n_broken:,} of {tally.n_judged:,} rows do"
            unmet.append((rule, f"{rule.message} in {rule.mostly:.2%} of the rows, but only {holding}"))
    return evaluation.docs_index, [(rule, f"{one_line(what)} ({_called(rule)})") for rule, what in unmet]


def _called(rule: Rule) -> str:
    return f"{rule.name} of {listed_names(rule.columns)}" if rule.columns else rule.name


def _refuse_stopped(
    outcome: PassOutcome, findings: Sequence[Finding], names: Sequence[str], quarantine_path: Path
) -> None:
    if outcome.stopped is not None:
        critical = [finding.count for finding in findings if finding.severity == "critical"]
        raise InputRefused(
            f"{outcome.stopped}. {_first(findings, names)}",
            f"Nothing was sent, and the rest was not read; what was found is in {quarantine_path}.",
            findings,
            max(critical),
            None,
        )


def _refuse_rows(checked: CheckedInput, contract: Contract) -> None:
    names = [file.file.name for file in checked.files]
    n_bad, n_input = checked.n_quarantined, checked.n_input
    told = exceeded(contract.tolerance, n_bad=n_bad, n_records=n_input)
    what = told and f"{n_bad:,} of {n_input:,} records {be(n_bad)} bad ({n_bad / n_input:.2%}), and {told}"
    if not checked.n_accepted:
        what = f"Not one of the {n_input:,} rows of {', '.join(names)} is accepted"
        if n_input == 1:
            what = f"The only row of {', '.join(names)} is not accepted"
    if what is not None:
        raise InputRefused(
            f"{what}. {_first(checked.findings, names)}",
            f"Nothing was sent. Mend the extract, then run again: the rows and what they break are in"
            f" {checked.quarantine_path}, the Data Docs are {checked.docs_index}.",
            checked.findings,
            n_bad,
            n_input,
        )


def _first(findings: Sequence[Finding], names: Sequence[str]) -> str:
    critical = [finding for finding in findings if finding.severity == "critical"]
    return f"The first is {first_of(critical, names)}."


def _refuse_whole(unmet: Sequence[str], checked: CheckedInput) -> None:
    if unmet:
        broken = listed(unmet, separator="; ")
        raise InputRefused(
            f"The input as a whole breaks its contract: {broken}.",
            f"The Data Docs are {checked.docs_index}.",
            checked.findings,
            checked.n_quarantined,
            checked.n_input,
        )
