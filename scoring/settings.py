"""How runs are made on this machine: folders, size of jobs, deadlines."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

# A month is longer than any job; dates that far off would not fit into a SAS token's clock.
Seconds = Annotated[float, Field(gt=0, le=30 * 86400.0, allow_inf_nan=False)]


class RunSettings(BaseSettings):
    """Settings of a run; environment names start with `BATCH_SCORING_RUN_`."""

    model_config = SettingsConfigDict(env_prefix="BATCH_SCORING_RUN_", frozen=True, extra="forbid")

    data_dir: Path = Field(Path("data/runs"), description="Folder of all results; one folder below it for each run.")
    contracts_dir: Path = Field(Path("data/contracts"), description="Folder of the contracts.")
    # BES took 10 and 10,000 rows in about the same time: small jobs buy nothing and cost calls through the gateway.
    rows_per_job: int = Field(100_000, ge=1, description="Most rows that one BES job is given.")
    bytes_per_job: int | None = Field(
        None, ge=1, description="Most bytes of an input file that one BES job is given; a longer record is refused."
    )
    queued_timeout_seconds: Seconds = Field(3600.0, description="A started job must run by then.")
    # The service tells no progress of its own, so this is the time for a job that runs as it should.
    progress_timeout_seconds: Seconds = Field(2 * 3600.0, description="A running job must have changed by then.")
    job_timeout_seconds: Seconds = Field(4 * 3600.0, description="Each job must have ended by then.")
    timeout_seconds: Seconds = Field(12 * 3600.0, description="All jobs of a run must have ended by then.")
    max_attempts: int = Field(3, ge=1, description="Most jobs that one execution gives one shard.")
    # One refused row among 100,000 costs 34 jobs (two halves, 17 times), so that two in different jobs are found at
    # once. At the 5 calls a minute of API Management's Starter product, that many jobs take three quarters of an hour.
    max_isolation_jobs: int = Field(
        70, ge=0, description="Most jobs that one execution spends, beyond one a shard, on finding refused rows."
    )
    # The contract's `tolerance` stops a run; this is for what a person should hear of although it was published.
    quarantine_alarm_share: float = Field(
        0.05, ge=0, le=1, description="A published run with a larger share of quarantined rows raises an alarm."
    )
    max_jobs: int | None = Field(None, ge=1, description="A run that would take more jobs is not begun.")
    max_gateway_calls: int | None = Field(
        None, ge=1, description="A run that would take more calls through the gateway is not begun."
    )
    # Azure takes 15 to 60; longer bears longer outages, shorter lets another machine take over sooner.
    lease_seconds: int = Field(60, ge=15, le=60, description="How long a run is held by a process that has died.")
    when_held: Literal["wait", "leave"] = Field(
        "wait", description="What to do when another process is at the same work: wait for its end, or leave at once."
    )
