"""Mended rows as work of their own: one input file, judged by the contract and cut into shards as any other."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from bes.errors import InputError
from bes.files import replacing
from scoring.contract.evaluation import PassOutcome, run_pass
from scoring.contract.model import Contract, Tolerance
from scoring.contract.quarantine import Quarantine
from scoring.contract.reading.accepted import CheckedFile
from scoring.contract.reading.preflight import inspect_files
from scoring.contract.rules.profile import Profile
from scoring.contract.rules.rules import rules_of
from scoring.manifest import InputFile, run_key
from scoring.plan import RunFolder, RunPlan
from scoring.requeue.base import Base
from scoring.requeue.mended import MendedRow, Refusal, as_input, cells_of
from scoring.requeue.quarantined import read_lines
from scoring.shards import cut_shards
from scoring.validation import digest_of, input_port

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MendedWork:
    """What is scored, and where its rows belong.

    Args:
        plan: Of the file of mended rows.
        rows: Its records in order.
        illegible: Mended rows that are no record of the contract and do not stand in it, and why.
        files: The input files of the run.
        data_docs_index: The first page of the run's Data Docs.
    """

    contract: Contract
    plan: RunPlan
    rows: tuple[MendedRow, ...]
    illegible: dict[MendedRow, Refusal]
    files: list[CheckedFile]
    data_docs_index: Path


def plan_work(
    changes: Sequence[MendedRow],
    base: Base,
    contract: Contract,
    files: list[CheckedFile],
    *,
    folder: RunFolder,
    rows_per_job: int,
    bytes_per_job: int | None,
    data_docs_index: Path,
) -> MendedWork:
    """Judge the mended rows, and cut those that the contract accepts now into shards.

    Args:
        changes: The mended rows.
        base: The version that they are added to.
        contract: Of the run.
        files: Its input files.
        folder: Of the run; the mended rows get a folder in it.
        rows_per_job: Of the run.
        bytes_per_job: Of the run.
        data_docs_index: Of the run.

    Raises:
        InputError: The contract accepts none of them; tells about the first.
    """
    started_at = datetime.now(UTC)
    rows, illegible = _told_apart(changes, contract, files)
    content = as_input(rows, contract)
    digest = hashlib.sha256(content).hexdigest()
    key = run_key(
        input_digests=[base.manifest.run_key, str(base.scored_generation), digest],
        contract_digest=digest_of(contract),
        service=[base.manifest.workspace, base.manifest.service],
        rows_per_job=rows_per_job,
        bytes_per_job=bytes_per_job,
    )
    own = RunFolder(path=folder.path / "requeued" / key, attempt=folder.attempt)
    path = own.path / "mended.csv"
    with replacing(path) as part:
        part.write_bytes(content)
    outcome = _judge(path, contract, own.quarantine, bytes_per_job)
    logger.info("%d of %d mended rows accepted", len(rows) - outcome.n_rejected, len(changes))
    if outcome.n_rejected == len(rows):
        _, (record, rule, message) = next(read_lines(own.quarantine, ("record", "rule", "message")))
        raise _none_accepted(len(changes), rows[int(record) - 1], message, rule)
    plan = _plan(
        key,
        contract,
        outcome,
        folder=own,
        input_file=InputFile(path=str(path), size_bytes=len(content), sha256=digest),
        rows_per_job=rows_per_job,
        data_docs_index=data_docs_index,
        started_at=started_at,
    )
    return MendedWork(
        contract=contract,
        plan=plan,
        rows=rows,
        illegible=illegible,
        files=files,
        data_docs_index=data_docs_index,
    )


def _told_apart(
    changes: Sequence[MendedRow], contract: Contract, files: list[CheckedFile]
) -> tuple[tuple[MendedRow, ...], dict[MendedRow, Refusal]]:
    """Those that are a record of the contract, in the order of the input, and why the others are none."""
    order = {file.name: place for place, file in enumerate(files)}
    in_order = sorted(changes, key=lambda row: (order[row.file], row.record))
    judged = {row: cells_of(row.raw, contract) for row in in_order}
    illegible = {row: found for row, found in judged.items() if isinstance(found, Refusal)}
    rows = tuple(row for row in in_order if row not in illegible)
    if not rows:
        first, refusal = next(iter(illegible.items()))
        raise _none_accepted(len(in_order), first, refusal.message, refusal.rule)
    return rows, illegible


def _plan(
    key: str,
    contract: Contract,
    outcome: PassOutcome,
    *,
    folder: RunFolder,
    input_file: InputFile,
    rows_per_job: int,
    data_docs_index: Path,
    started_at: datetime,
) -> RunPlan:
    port, sent = input_port(contract)
    shards = cut_shards(
        outcome.files, key=contract.key, sent=sent, passthrough=contract.passthrough, rows_per_job=rows_per_job
    )
    return RunPlan(
        run_key=key,
        contract=contract.name,
        contract_digest=digest_of(contract),
        input_port=port,
        output_port=contract.output,
        key=contract.key,
        shows_keys=contract.key not in contract.sensitive,
        folder=folder,
        inputs=[input_file],
        n_input=sum(file.file.n_records for file in outcome.files),
        n_quarantined=outcome.n_rejected,
        accepted=outcome.files,
        shards=shards,
        data_docs_index=data_docs_index,
        findings_by_rule=pd.DataFrame(),
        started_at=started_at,
        sensitive=contract.sensitive,
    )


def _judge(path: Path, contract: Contract, quarantine_path: Path, bytes_per_job: int | None) -> PassOutcome:
    # Rules about rows alone: how many rows a table must have, and how many bad ones a run bears, is said of a whole
    # input and was judged then.
    lenient = contract.model_copy(update={"tolerance": Tolerance()})
    rules = rules_of(lenient)
    with TemporaryDirectory(prefix=".keys-", dir=path.parent) as spill_dir:
        profile = Profile(lenient.columns, rules, spill_dir=Path(spill_dir))
        with Quarantine(quarantine_path) as quarantine:
            inputs = inspect_files([path], lenient)
            return run_pass(inputs, lenient, rules, profile, quarantine, bytes_per_job=bytes_per_job)


def _none_accepted(n_rows: int, row: MendedRow, message: str, rule: str) -> InputError:
    none = "The mended row is not accepted" if n_rows == 1 else f"Not one of the {n_rows:,} mended rows is accepted"
    return InputError(
        f"{none}. The first is {row.file!r}, record {row.record}: {message} ({rule}).",
        "Nothing was sent; mend it again in the fixed file.",
    )
