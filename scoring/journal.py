"""The journal of a run, in the blob container where every worker can reach it.

`runs/<run_key>/run.json` holds the plan, and its lease makes one process the writer. `runs/<run_key>/shards/00017.json`
holds the attempts of one shard; each write names the version that it replaces, before and after each remote effect.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from enum import StrEnum
from typing import TypeVar

from pydantic import Field, ValidationError
from pydantic_core import from_json

from bes.documents import Document, Documents
from bes.errors import IntegrityError
from scoring.attempts import SCHEMA_VERSION, Record, ShardRecord
from scoring.plan import RunPlan
from scoring.shards import Shard
from scoring.writer import Writer

ROOT = "runs/"

_JOURNAL_STEP = (
    "Nothing was overwritten: what is published stands, and each job has an output of its own. Restore the blob, or use"
    " the release that wrote it, and run again; or begin anew beside it: `batch-scoring run` with another"
    " --rows-per-job is another run."
)
_POINTER_STEP = (
    "Nothing was overwritten: each version stands in a folder of its own. Restore the blob, use the release that wrote"
    " it, or move it away; then run again, and the result is published and pointed at."
)

_Model = TypeVar("_Model", bound=Record)

_READERS = 8
"""As many as a run has threads: 200 shards over a wide-area link would take 200 round trips one after another."""


class PlannedShard(Record):
    """A shard as it was cut when the work was first begun.

    Args:
        first_row: Place of its first row among all accepted rows, from 0.
        first_record: Number of its first record in the file, from 1.
        last_record: Number of its last one.
    """

    index: int
    file: str
    first_row: int
    n_rows: int
    first_record: int
    last_record: int


class WorkPlan(Record):
    """What the work consists of; it never changes."""

    contract: str
    contract_sha256: str
    workspace: str
    service: str
    input_port: str
    output_port: str
    inputs_sha256: tuple[str, ...]
    rows_per_job: int
    bytes_per_job: int | None = None
    n_input: int
    n_quarantined: int
    shards: tuple[PlannedShard, ...]


class Source(Record):
    """How the work was last begun, so that a sweep can finish it: absolute paths on the writer's machine.

    Args:
        gates: What was to be asked before it is published; None in records of earlier releases.
    """

    inputs: tuple[str, ...]
    contract: str
    gates: dict[str, str | int | float] | None = None


class RunState(StrEnum):
    """Where a generation of a run stands."""

    OPEN = "open"
    STOPPED = "stopped"
    PUBLISHED = "published"
    SCORED = "scored"
    """Of mended rows: they are scored, and part of a version of the run that they belong to."""


class RunRecord(Record):
    """The journal's blob about the whole run.

    Args:
        generation: From 1; each `--rescore` of a published run makes another one.
        run_date: The date under which this generation is published.
        lease_seconds: For how long the writer holds the run each time that it renews its lease.
        published: Folder of the published version of this generation.
        cause: Why it was stopped.
        source: None where it was begun by an older release, or is about mended rows.
    """

    schema_version: int = SCHEMA_VERSION
    run_key: str
    plan: WorkPlan
    generation: int = Field(1, ge=1)
    run_date: date
    state: RunState = RunState.OPEN
    writer: Writer
    lease_seconds: int = Field(60, ge=15, le=60)
    created_at: datetime
    updated_at: datetime
    published: str | None = None
    cause: str | None = None
    source: Source | None = None


class Journal:
    """The journal of one run.

    Args:
        documents: The blobs of the container.
        run_key: Which run.
    """

    def __init__(self, documents: Documents, run_key: str) -> None:
        self.documents = documents
        self.run_key = run_key
        self.run_name = f"{ROOT}{run_key}/run.json"

    def read_run(self) -> tuple[RunRecord, str] | None:
        """The record and its etag; None when the work was never begun.

        Raises:
            IntegrityError: The blob is not a record of this run, or of a version that is not known here.
        """
        found = self.documents.read(self.run_name)
        if found is None:
            return None
        record = parse(RunRecord, found)
        self._require_mine(record.run_key, found)
        return record, found.etag

    def create_run(self, record: RunRecord) -> str:
        """Write the first record; returns its etag."""
        return self.documents.create(self.run_name, as_bytes(record))

    def replace_run(self, record: RunRecord, etag: str, *, lease_id: str) -> str:
        """Write the record in place of the one that `etag` names; returns the new etag."""
        return self.documents.replace(self.run_name, as_bytes(record), etag, lease_id=lease_id)

    def shard_name(self, shard: str) -> str:
        """The blob about a shard."""
        return f"{ROOT}{self.run_key}/shards/{shard}.json"

    def read_shard(self, shard: str) -> tuple[ShardRecord, str] | None:
        """The record of a shard and its etag; None when it was never tried."""
        found = self.documents.read(self.shard_name(shard))
        if found is None:
            return None
        record = parse(ShardRecord, found)
        self._require_mine(record.run_key, found)
        return record, found.etag

    def read_shards(self) -> dict[str, tuple[ShardRecord, str]]:
        """The records of all shards and parts that were ever tried, with their etags, by name; read side by side."""
        names = [blob.name for blob in self.documents.names(self.shard_name("").removesuffix(".json"))]
        shards = [name.rpartition("/")[2].removesuffix(".json") for name in names]
        with ThreadPoolExecutor(_READERS) as readers:
            found = list(readers.map(self.read_shard, shards))
        return {shard: record for shard, record in zip(shards, found, strict=True) if record is not None}

    def write_shard(self, record: ShardRecord, etag: str | None) -> str:
        """Write a shard's record in place of the one that `etag` names, or the first one; returns the new etag."""
        name = self.shard_name(record.shard)
        if etag is None:
            return self.documents.create(name, as_bytes(record))
        return self.documents.replace(name, as_bytes(record), etag)

    def _require_mine(self, run_key: str, found: Document) -> None:
        if run_key != self.run_key:
            raise _unusable(found.name, f"it is about the run {run_key!r}")


def input_name(run_key: str, shard: Shard) -> str:
    """The blob that the web service reads; the same for all attempts."""
    return f"{ROOT}{run_key}/input/{shard.name}.csv"


def output_name(run_key: str, shard: Shard, attempt: int) -> str:
    """The blob that one attempt writes, and no other."""
    return f"{ROOT}{run_key}/output/{shard.name}-a{attempt}.csv"


def work_plan(
    plan: RunPlan, *, workspace: str, service: str, rows_per_job: int, bytes_per_job: int | None = None
) -> WorkPlan:
    """The plan as the journal keeps it."""
    return WorkPlan(
        contract=plan.contract,
        contract_sha256=plan.contract_digest,
        workspace=workspace,
        service=service,
        input_port=plan.input_port,
        output_port=plan.output_port,
        inputs_sha256=tuple(file.sha256 for file in plan.inputs),
        rows_per_job=rows_per_job,
        bytes_per_job=bytes_per_job,
        n_input=plan.n_input,
        n_quarantined=plan.n_quarantined,
        shards=tuple(
            PlannedShard(
                index=shard.index,
                file=shard.file,
                first_row=shard.first_row,
                n_rows=shard.n_rows,
                first_record=shard.first_record,
                last_record=shard.last_record,
            )
            for shard in plan.shards
        ),
    )


def source(plan: RunPlan) -> Source | None:
    """Where the plan's files lie."""
    if plan.contract_file is None:
        return None
    return Source(
        inputs=tuple(file.path for file in plan.inputs),
        contract=str(plan.contract_file),
        gates=None if plan.gates is None else plan.gates.model_dump(),
    )


def parse(model: type[_Model], found: Document) -> _Model:
    """A record from its blob.

    Raises:
        IntegrityError: The blob is no such record, or one of a version that is not known here.
    """
    try:
        members = from_json(found.content)
    except ValueError as error:
        raise _unusable(found.name, f"it is not JSON ({error})") from error
    version = members.get("schema_version") if isinstance(members, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise _unusable(found.name, f"a newer release wrote it (version {version}, known here is {SCHEMA_VERSION})")
    try:
        return model.model_validate_json(found.content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        member = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise _unusable(found.name, f"{member}: {first['msg']}") from error


def as_bytes(record: Record) -> bytes:
    """A record as its blob holds it."""
    return record.model_dump_json(indent=1).encode() + b"\n"


def _unusable(name: str, why: str) -> IntegrityError:
    is_of_run = name.startswith(ROOT)
    return IntegrityError(
        f"The {'journal' if is_of_run else 'pointer'}'s blob {name!r} cannot be used: {why}.",
        _JOURNAL_STEP if is_of_run else _POINTER_STEP,
    )
