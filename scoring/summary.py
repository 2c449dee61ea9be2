"""What a run tells at its end, to people and to programs."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict


class RunSummary(BaseModel):
    """The result of a run. Paths are absolute and exist.

    Args:
        published_before: Nothing was scored, since the result was there.
        n_jobs: Jobs for the input whose outputs are its result, as the manifest lists them: one for each shard, or part
            of one, that is scored. Jobs in vain and that of the golden rows are not among them.
        report: None for versions of releases that wrote none.
        latest: Folder of the version that readers have, where it is another one than this.
    """

    model_config = ConfigDict(frozen=True)

    run_key: str
    status: str
    n_input: int
    n_scored: int
    n_quarantined: int
    n_refused: int
    n_failed: int
    n_jobs: int
    duration_seconds: float
    predictions: Path
    quarantine: Path
    manifest: Path
    data_docs: Path
    report: Path | None = None
    published_before: bool = False
    latest: str | None = None
