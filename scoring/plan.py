"""What the steps of a run hand to each other."""

import shutil
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bes.blobs import StoredBlob
from bes.protocol import JobState
from scoring.contract.model import GoldenRow, Tolerance
from scoring.contract.reading.accepted import AcceptedFile
from scoring.gates.settings import GateSettings
from scoring.manifest import InputFile
from scoring.shards import Shard

if TYPE_CHECKING:
    import pandas as pd


_WORK = ".work-"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFolder:
    """Where one run keeps its files.

    Args:
        path: One folder for each run key, `<data_dir>/<run_key>`.
        attempt: Names this execution; its working files are apart from those of any other.
    """

    path: Path
    attempt: str

    @property
    def predictions(self) -> Path:
        """The result."""
        return self.path / "predictions.csv"

    @property
    def quarantine(self) -> Path:
        """Rows that were not sent, with the reason."""
        return self.path / "quarantine.csv"

    @property
    def manifest(self) -> Path:
        """What ran on what, and what came out."""
        return self.path / "manifest.json"

    @property
    def gates(self) -> Path:
        """What the gates before publishing say, whatever became of the run."""
        return self.path / "gates.json"

    @property
    def report(self) -> Path:
        """The page about the run."""
        return self.path / "report.html"

    @property
    def data_docs(self) -> Path:
        """Folder of the validation report."""
        return self.path / "data_docs"

    @property
    def work(self) -> Path:
        """Files that the steps hand to each other; removed when the run ends."""
        return self.path / f"{_WORK}{self.attempt}"

    @property
    def predictions_aside(self) -> Path:
        """The predictions before they are published."""
        return self.work / "predictions.csv"

    @property
    def report_aside(self) -> Path:
        """The page before it is published."""
        return self.work / "report.html"

    @property
    def quarantine_aside(self) -> Path:
        """The quarantine before it is published, with the rows that the web service refuses."""
        return self.work / "quarantine.csv"

    def discard_work(self) -> None:
        """Remove the working files of this attempt."""
        shutil.rmtree(self.work, ignore_errors=True)

    def discard_abandoned(self) -> None:
        """Remove the working files of all other attempts; for the one that holds the run, since theirs were killed."""
        for work in self.path.glob(f"{_WORK}*"):
            if work != self.work:
                shutil.rmtree(work, ignore_errors=True)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunPlan:
    """What validation decided: which rows are sent, in which shards.

    Args:
        key: The column that a row is known by; None where it is known by its place.
        shows_keys: Whether pages and logs may show keys.
        sensitive: Columns whose cells no page and no log shows.
        accepted: The input files, and which of their records are scored.
        findings_by_rule: Columns severity, column, rule, message, count and example; one row for each broken rule.
        contract_file: Path of the contract; None where a run is made of others' rows.
        tolerance: How many rows that are not scored the run bears; those that the web service refuses count as well.
        golden: The contract's rows whose output is known.
        gates: What is asked before it is published; None where nobody has said.
        planned_at: When it was made; None where it was not made from input files.
    """

    run_key: str
    contract: str
    contract_digest: str
    input_port: str
    output_port: str
    key: str | None
    shows_keys: bool
    folder: RunFolder
    inputs: list[InputFile]
    n_input: int
    n_quarantined: int
    accepted: tuple[AcceptedFile, ...]
    shards: list[Shard]
    data_docs_index: Path
    findings_by_rule: "pd.DataFrame"
    started_at: datetime
    planned_at: datetime | None = None
    contract_file: Path | None = None
    tolerance: Tolerance = field(default_factory=Tolerance)
    golden: tuple[GoldenRow, ...] = ()
    gates: GateSettings | None = None
    sensitive: tuple[str, ...] = ()

    @property
    def sent(self) -> tuple[str, ...]:
        """Columns that the web service is given, in the order of its input port."""
        return self.shards[0].sent

    @property
    def n_kept(self) -> int:
        """How many columns of the predictions come from the rows themselves; they are the first ones."""
        return len(self.shards[0].kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A shard whose input is uploaded and whose job is registered."""

    shard: Shard
    job_id: str
    input_blob: str
    output_blob: str
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRow:
    """A row that the web service refuses, found alone in its shard.

    Args:
        shard: Of this one row.
        words: What the service said of it, without credentials.
    """

    shard: Shard
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredShard:
    """A shard whose job is finished and whose output is home and complete."""

    job: Job
    state: JobState
    output: StoredBlob
    output_path: Path
    n_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of the accepted rows; both are in the order of the rows, and each row is in one of them.

    Args:
        scored: Shards, and parts of those that were halved.
        refused: Rows that the web service does not score.
    """

    scored: list[ScoredShard]
    refused: list[RefusedRow]
