"""How runs are made on this machine: folders, size of jobs, deadlines."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class RunSettings(BaseSettings):
    """Settings of a run; environment names start with `BATCH_SCORING_RUN_`."""

    model_config = SettingsConfigDict(env_prefix="BATCH_SCORING_RUN_", frozen=True, extra="forbid")

    data_dir: Path = Field(Path("data/runs"), description="Folder of all results; one folder below it for each run.")
    contracts_dir: Path = Field(Path("data/contracts"), description="Folder of the contracts.")
    # BES took 10 and 10,000 rows in about the same time: small jobs buy nothing and cost calls through the gateway.
    rows_per_job: int = Field(100_000, ge=1, description="Most rows that one BES job is given.")
    job_timeout_seconds: float = Field(
        4 * 3600.0, gt=0, le=30 * 86400.0, allow_inf_nan=False, description="All jobs of a run must have ended by then."
    )
