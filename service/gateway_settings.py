"""The gateway's settings: read from the environment once, at the edge, and passed down."""

from pathlib import Path

from pydantic import AnyHttpUrl, Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ENVIRONMENT_PREFIX = "BATCH_SCORING_GATEWAY_"


class GatewaySettings(BaseSettings):
    """Everything that can be set, each as an environment variable `BATCH_SCORING_GATEWAY_<NAME>`."""

    model_config = SettingsConfigDict(frozen=True, env_prefix=ENVIRONMENT_PREFIX, extra="ignore")

    backend_url: AnyHttpUrl = Field(description="Address of the web service; a path in it is kept as a prefix.")
    subscriptions: Path = Field(description="TOML file of the subscriptions, with hashes of their keys.")
    suffix: str = Field(
        "azureml-demo",
        pattern=r"^([A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*)?$",
        description="First part of every public path, which the backend does not see; may be empty.",
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(0, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    # 300 s is the default of API Management's forward-request.
    backend_timeout_seconds: float = Field(
        300.0, gt=0, description="How long the backend may take until its first header, and between parts of a body."
    )

    @field_validator("backend_url")
    @classmethod
    def _is_an_address_only(cls, url: AnyHttpUrl) -> AnyHttpUrl:
        if url.username or url.password or url.query or url.fragment:
            raise ValueError("must have no user, password, query or fragment")
        return url
