"""The first step of a run: check the input against its contract, and plan what is sent."""

import hashlib
import logging
from collections.abc import Iterable
from datetime import UTC, datetime

from bes.errors import InputError
from bes.files import sha256_of
from bes.settings import EndpointSettings
from scoring.contract.check import check_input
from scoring.contract.findings import summarise
from scoring.contract.loading import find_contract, load_contract
from scoring.contract.model import Contract, Tolerance
from scoring.inputs import find_inputs
from scoring.manifest import InputFile, run_key
from scoring.plan import RunFolder, RunPlan
from scoring.settings import RunSettings
from scoring.shards import cut_shards

logger = logging.getLogger(__name__)


def validate_and_plan(
    inputs: Iterable[str], contract_name: str, *, settings: RunSettings, endpoint: EndpointSettings, attempt: str
) -> RunPlan:
    """Check every row, write the quarantine and the Data Docs, and cut the accepted rows into shards.

    Args:
        inputs: Paths, folders or glob patterns.
        contract_name: Name or path of the contract.
        settings: Folders and the size of jobs.
        endpoint: The web service that will score; part of the run's key.
        attempt: Names this execution.

    Raises:
        InputError: The contract, a file, or the input as a whole is refused.
    """
    started_at = datetime.now(UTC)
    contract = load_contract(contract_name, settings.contracts_dir)
    port, sent = input_port(contract)
    paths = find_inputs(inputs)
    files = [InputFile(path=str(path), size_bytes=path.stat().st_size, sha256=sha256_of(path)) for path in paths]
    digest = digest_of(contract)
    key = run_key(
        input_digests=[file.sha256 for file in files],
        contract_digest=digest,
        service=[endpoint.workspace, endpoint.service],
        rows_per_job=settings.rows_per_job,
    )
    folder = RunFolder(path=(settings.data_dir / key).resolve(), attempt=attempt)
    logger.info("validating %d file(s) against the contract %s", len(paths), contract.name)
    checked = check_input(
        paths, contract, docs_dir=folder.data_docs, quarantine_path=folder.quarantine, run_name=attempt
    )
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
        run_key=key,
        contract=contract.name,
        contract_digest=digest,
        input_port=port,
        output_port=contract.output,
        key=contract.key,
        shows_keys=contract.key not in contract.sensitive,
        folder=folder,
        inputs=files,
        n_input=checked.n_input,
        n_quarantined=checked.n_quarantined,
        accepted=checked.files,
        shards=shards,
        data_docs_index=checked.docs_index,
        findings_by_rule=summarise(checked.findings),
        started_at=started_at,
        contract_file=find_contract(contract_name, settings.contracts_dir).resolve(),
        tolerance=contract.tolerance,
        golden=contract.golden,
    )


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
