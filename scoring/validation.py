"""The first step of a run: check the input against its contract, and plan what is sent."""

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bes.errors import InputError
from bes.files import sha256_of
from bes.settings import EndpointSettings
from scoring.contract.check import check_input
from scoring.contract.findings import summarise
from scoring.contract.loading import find_contract, load_contract
from scoring.contract.model import Contract, Tolerance
from scoring.counted import counted
from scoring.inputs import find_inputs
from scoring.manifest import InputFile, run_key
from scoring.memory import give_back
from scoring.plan import RunFolder, RunPlan
from scoring.settings import RunSettings
from scoring.shards import cut_shards

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is to be scored by what, before a row was looked at.

    Args:
        paths: The input files; `inputs` has them with their digests.
        folder: Of the run, which the key names.
    """

    contract: Contract
    contract_file: Path
    contract_digest: str
    paths: list[Path]
    inputs: list[InputFile]
    run_key: str
    folder: RunFolder
    started_at: datetime


def find_work(
    inputs: Iterable[str], contract_name: str, *, settings: RunSettings, endpoint: EndpointSettings, attempt: str
) -> Work:
    """The files and the contract, and the key of the run that they make.

    Args:
        inputs: Paths, folders or glob patterns.
        contract_name: Name or path of the contract.
        settings: Folders and the size of jobs.
        endpoint: The web service that will score; part of the run's key.
        attempt: Names this execution.

    Raises:
        InputError: The contract or a file is refused.
    """
    started_at = datetime.now(UTC)
    contract = load_contract(contract_name, settings.contracts_dir)
    input_port(contract)
    paths = find_inputs(inputs)
    files = [InputFile(path=str(path), size_bytes=path.stat().st_size, sha256=sha256_of(path)) for path in paths]
    digest = digest_of(contract)
    key = run_key(
        input_digests=[file.sha256 for file in files],
        contract_digest=digest,
        service=[endpoint.workspace, endpoint.service],
        rows_per_job=settings.rows_per_job,
        bytes_per_job=settings.bytes_per_job,
    )
    return Work(
        contract=contract,
        contract_file=find_contract(contract_name, settings.contracts_dir).resolve(),
        contract_digest=digest,
        paths=paths,
        inputs=files,
        run_key=key,
        folder=RunFolder(path=(settings.data_dir / key).resolve(), attempt=attempt),
        started_at=started_at,
    )


def plan_run(work: Work, settings: RunSettings) -> RunPlan:
    """Check every row, write the quarantine and the Data Docs, and cut the accepted rows into shards.

    Args:
        work: What is to be scored.
        settings: The size of jobs, as the work was found with.

    Raises:
        InputError: A file, its rows, or the input as a whole is refused.
    """
    contract, folder = work.contract, work.folder
    port, sent = input_port(contract)
    logger.info("validating %s against the contract %s", counted(len(work.paths), "file"), contract.name)
    checked = check_input(
        work.paths,
        contract,
        docs_dir=folder.data_docs,
        quarantine_path=folder.quarantine,
        run_name=folder.attempt,
        bytes_per_job=settings.bytes_per_job,
    )
    give_back()
    logger.info("%d of %d rows accepted, %d quarantined", checked.n_accepted, checked.n_input, checked.n_quarantined)
    for unmet in checked.unmet:
        logger.warning("the input as a whole: %s", unmet)
    shards = cut_shards(
        checked.files,
        key=contract.key,
        sent=sent,
        passthrough=contract.passthrough,
        rows_per_job=settings.rows_per_job,
    )
    return RunPlan(
        run_key=work.run_key,
        contract=contract.name,
        contract_digest=work.contract_digest,
        input_port=port,
        output_port=contract.output,
        key=contract.key,
        shows_keys=contract.key not in contract.sensitive,
        folder=folder,
        inputs=work.inputs,
        n_input=checked.n_input,
        n_quarantined=checked.n_quarantined,
        accepted=checked.files,
        shards=shards,
        data_docs_index=checked.docs_index,
        findings_by_rule=summarise(checked.findings),
        started_at=work.started_at,
        planned_at=datetime.now(UTC),
        contract_file=work.contract_file,
        tolerance=contract.tolerance,
        sensitive=contract.sensitive,
        golden=contract.golden,
    )


def validate_and_plan(
    inputs: Iterable[str], contract_name: str, *, settings: RunSettings, endpoint: EndpointSettings, attempt: str
) -> RunPlan:
    """Both in one: the plan of a run from names of files and of a contract.

    Raises:
        InputError: The contract, a file, or the input as a whole is refused.
    """
    work = find_work(inputs, contract_name, settings=settings, endpoint=endpoint, attempt=attempt)
    return plan_run(work, settings)


def digest_of(contract: Contract) -> str:
    """What names a contract, as it is read: comments and the spelling of its YAML do not matter.

    Nor does the tolerance, which changes no row: with another one, a run that it has stopped goes on where it stands.
    """
    judging = contract.model_copy(update={"tolerance": Tolerance()})
    return hashlib.sha256(judging.model_dump_json().encode()).hexdigest()


def input_port(contract: Contract) -> tuple[str, list[str]]:
    """The input port that is fed, and its columns.

    Raises:
        InputError: There are several.
    """
    if len(contract.inputs) > 1:
        raise InputError(
            f"The contract {contract.name!r} feeds {len(contract.inputs)} input ports: {', '.join(contract.inputs)}.",
            "Feed one port; services with several are not scored yet.",
        )
    ((port, columns),) = contract.inputs.items()
    return port, list(columns)
