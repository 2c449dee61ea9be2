"""The service's settings: read from the environment once, at the edge, and passed down."""

import os
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AnyHttpUrl, Field, SecretStr, field_validator, model_validator
from pydantic.functional_validators import BeforeValidator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ENVIRONMENT_PREFIX = "BATCH_SCORING_SERVICE_"

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _split_hosts(value: object) -> object:
    if isinstance(value, str):
        return tuple(host.strip().lower() for host in value.split(",") if host.strip())
    return value


HostList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_hosts)]
"""Hosts separated by commas, as `host:port` or `host`; a leading `*.` stands for any sub-domain."""


class ServiceSettings(BaseSettings):
    """Everything that can be set, each as an environment variable `BATCH_SCORING_SERVICE_<NAME>`."""

    model_config = SettingsConfigDict(frozen=True, env_prefix=ENVIRONMENT_PREFIX, extra="ignore")

    definition: Path = Field(description="The file `service.toml` that declares the web services.")
    data_dir: Path = Field(description="Where the jobs live; created when missing, readable by its owner alone.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(0, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")

    storage_connection_string: SecretStr | None = Field(
        None, description="The service's own storage account, for outputs that the client gives no place for."
    )
    # The real service kept its outputs in a container of this name.
    output_container: str = Field("experimentoutput", description="Container of those outputs.")
    allowed_storage_hosts: HostList | None = Field(
        None, description="Hosts that blob references may name; by default the host of the service's own storage."
    )

    executor: Literal["processes", "dask"] = Field("processes", description="What runs the jobs.")
    worker_processes: int = Field(
        default_factory=lambda: os.cpu_count() or 1, ge=1, le=256, description="Processes that run jobs."
    )
    request_processes: int = Field(1, ge=1, le=64, description="Processes that answer RRS requests.")
    dask_scheduler: str | None = Field(None, description="Address of the Dask scheduler, with `executor=dask`.")

    # 40 at a time per endpoint is documented for BES, 20 for RRS (its default; at most 200).
    max_running_jobs: int = Field(40, ge=1, description="Jobs of one endpoint that run at the same time.")
    max_concurrent_requests: int = Field(20, ge=1, le=200, description="RRS requests of one endpoint at a time.")
    max_job_attempts: int = Field(3, ge=1, description="How often a job is begun when the service or a worker dies.")
    max_job_seconds: float = Field(86_400.0, gt=0, description="A job that runs longer fails.")
    keep_jobs_days: float = Field(30.0, gt=0, description="Jobs that ended longer ago are forgotten at start.")
    # Third parties measured 90 s; the documentation gives no number.
    request_timeout_seconds: float = Field(90.0, gt=0, description="An RRS request that takes longer gets 408.")
    max_request_bytes: int = Field(4 * 1024 * 1024, ge=1024, description="A larger request body gets 413.")
    integer_status_codes: bool = Field(
        False, description="Answer with the contract of 2015: integer status codes and a single `Result`."
    )
    faults: bool = Field(False, description="Offer `/faults`; only on a loopback address.")

    console: bool | None = Field(
        None,
        description="Offer the console page at `/`, which asks for no key; by default on a loopback address only.",
    )
    gateway_url: AnyHttpUrl | None = Field(
        None, description="Address of the gateway with the API's suffix, for the console; by default the service's own."
    )

    @property
    def has_console(self) -> bool:
        """Whether the console is served."""
        return self.host in LOOPBACK if self.console is None else self.console

    @field_validator("gateway_url")
    @classmethod
    def _is_an_address_only(cls, url: AnyHttpUrl | None) -> AnyHttpUrl | None:
        if url is not None and (url.username or url.password or url.query or url.fragment):
            raise ValueError("must have no user, password, query or fragment")
        return url

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.faults and self.host not in LOOPBACK:
            message = f"faults may be injected on a loopback address only, and host is {self.host!r}"
            raise ValueError(message)
        if self.executor == "dask" and not self.dask_scheduler:
            message = "executor is 'dask', but dask_scheduler is not set"
            raise ValueError(message)
        return self
