"""Runs that nobody is at any more: whether this machine can finish them, as all that they were begun with is there."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import ValidationError

from bes.errors import InputError
from bes.files import sha256_of
from scoring.contract.loading import load_contract
from scoring.gates.settings import GateSettings
from scoring.journal import RunRecord, Source
from scoring.validation import digest_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """What the flow is called with so that it takes a run up."""

    inputs: tuple[str, ...]
    contract: str
    rows_per_job: int
    bytes_per_job: int | None
    run_date: date
    gates: GateSettings


def unfinished(
    record: RunRecord, *, endpoint: tuple[str, str], contracts_dir: Path, bytes_per_job: int | None = None
) -> Unfinished:
    """The same work once more, as it was begun.

    Args:
        record: Of a run that is neither published nor in anybody's hands.
        endpoint: Workspace and service that are called from here.
        contracts_dir: Where contracts are looked for by name.
        bytes_per_job: What this machine gives a job at most where a run does not say.

    Raises:
        InputError: It cannot be the same work; says what is gone, has changed, or is another one.
    """
    plan, source = record.plan, record.source
    if (plan.workspace, plan.service) != endpoint:
        raise _no(f"it belongs to the web service {plan.service!r}", "Sweep where that one is set.")
    if plan.bytes_per_job is None and bytes_per_job is not None:
        raise _no(
            "its jobs had no limit of bytes, and here one is set",
            "Sweep where BATCH_SCORING_RUN_BYTES_PER_JOB is not set.",
        )
    if source is None:
        raise _no("its journal does not tell its input files", "Run the same work again, or requeue again.")
    contract = _contract(record, source, contracts_dir)
    if len(source.inputs) != len(plan.inputs_sha256):
        raise _no("its journal tells other input files than it was planned with", "Run the same work again.")
    for name, digest in zip(source.inputs, plan.inputs_sha256, strict=True):
        _require_input(Path(name), digest)
    return Unfinished(
        inputs=source.inputs,
        contract=contract,
        rows_per_job=plan.rows_per_job,
        bytes_per_job=plan.bytes_per_job,
        run_date=record.run_date,
        gates=_gates(source),
    )


def _gates(source: Source) -> GateSettings:
    """Those that its owner has chosen."""
    try:
        return GateSettings.model_validate(source.gates)
    except ValidationError:
        raise _no("its journal does not tell its gates", "Run the same work again.") from None


def _contract(record: RunRecord, source: Source, contracts_dir: Path) -> str:
    found = False
    for name in _names(record, source):
        try:
            contract = load_contract(name, contracts_dir)
        except InputError:
            continue
        if digest_of(contract) == record.plan.contract_sha256:
            return name
        found = True
    raise _no(
        f"the contract {record.plan.contract!r} {'has changed' if found else 'cannot be read'} ({source.contract})",
        "Put it back as it was, or run again with the one that there is, which is another run.",
    )


def _names(record: RunRecord, source: Source) -> Iterator[str]:
    # By its name first: the folder of the contracts may lie elsewhere on this machine.
    yield record.plan.contract
    yield source.contract


def _require_input(path: Path, digest: str) -> None:
    try:
        is_same = sha256_of(path) == digest
    except OSError as error:
        raise _no(f"the input {str(path)!r} cannot be read here ({error.strerror})", "Put it back.") from error
    if not is_same:
        raise _no(f"the input {str(path)!r} has changed", "Put it back as it was, or run again, which is another run.")


def _no(why: str, next_step: str) -> InputError:
    return InputError(f"It is left: {why}.", next_step)
