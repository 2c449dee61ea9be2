"""The manifest of a run: what ran on what, and what came out, as one JSON file that is written last."""

import hashlib
import json
from datetime import date, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from bes.files import replacing

SCHEMA_VERSION = 1


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InputFile(_Entry):
    """One input file as it was read."""

    path: str
    size_bytes: int
    sha256: str


class JobEntry(_Entry):
    """One shard and the job that scored it.

    Args:
        part: Which part of the shard it is, where that was halved.
        status_calls: How often its status was asked for.
        noticed_after_seconds: From the job's end to the moment at which its status told of it.
    """

    index: int
    part: str = ""
    file: str
    first_row: int
    n_rows: int
    job_id: str
    status: str
    input_blob: str
    output_blob: str
    output_sha256: str
    attempt: int = 1
    created_at: str | None
    start_time: str | None
    end_time: str | None
    status_calls: int | None = None
    noticed_after_seconds: float | None = None


class RequeuedFrom(_Entry):
    """A version to which mended rows of its quarantine were added.

    Args:
        folder: Of that version, in the container.
        fixed_sha256: Of the file in which they were mended.
        run_key: Of the journal under which they were scored.
        n_rows: Mended rows that were scored.
        n_refused_again: Those that broke the contract again, or that the web service refused.
        jobs: One for each shard of the mended rows.
    """

    folder: str
    generation: int
    fixed_sha256: str
    run_key: str
    n_rows: int
    n_refused_again: int
    jobs: list[JobEntry]


class GateResult(_Entry):
    """One gate before publishing, for the run as a whole or for one output column.

    Args:
        name: Of the gate, as its setting is called.
        column: None where it is about the whole run.
        value: What was measured; None where there is nothing to measure.
        threshold: What `value` may be at most; None where nothing is measured.
        action: What follows when it does not hold.
        passed: Whether it holds. A gate that does not apply does.
        message: What was found, in words.
    """

    name: str
    column: str | None = None
    value: float | None = None
    threshold: float | None = None
    action: Literal["warn", "stop"]
    passed: bool
    message: str


class Manifest(_Entry):
    """Everything about a finished run. Paths are absolute; times are ISO 8601 in UTC.

    Args:
        jobs: Of the run itself; those of requeued rows stand in `requeued_from`.
        n_quarantined: Records that are not scored: they break the contract, or the web service refuses them.
        n_refused: The latter alone.
        generation: 1, and one more each time the same work was scored again on request.
        run_date: The date under which it is published.
        published: Folder of its version in the container.
        requeued_from: The versions that it was made from by `requeue`, the oldest first.
        gates: What was asked before it was published.
        gateway_calls: Through the gateway, by the execution that published it, by what they were for.
        stages: Seconds of that execution by stage, in all its duration; see `scoring.stages`.
    """

    schema_version: int = SCHEMA_VERSION
    run_key: str
    status: str
    contract: str
    contract_sha256: str
    endpoint: str
    workspace: str
    service: str
    inputs: list[InputFile]
    n_input: int
    n_scored: int
    n_quarantined: int
    n_refused: int = 0
    n_failed: int
    jobs: list[JobEntry]
    started_at: datetime
    ended_at: datetime
    duration_seconds: float
    predictions: str
    predictions_sha256: str
    quarantine: str
    data_docs: str
    generation: int = 1
    run_date: date | None = None
    published: str | None = None
    requeued_from: tuple[RequeuedFrom, ...] = ()
    gates: tuple[GateResult, ...] = ()
    gateway_calls: dict[str, int] | None = None
    stages: dict[str, float] | None = None

    def write(self, path: Path) -> None:
        """Write to `path`, whole or not at all."""
        with replacing(path) as part:
            part.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")


def run_key(
    *,
    input_digests: list[str],
    contract_digest: str,
    service: list[str],
    rows_per_job: int,
    bytes_per_job: int | None = None,
) -> str:
    """What names a piece of work: the same inputs, contract, web service and cut have the same key.

    Returns:
        16 hexadecimal digits.
    """
    parts = [input_digests, contract_digest, service, rows_per_job, *([bytes_per_job] if bytes_per_job else [])]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
