"""The gateway's settings: read from the environment once, at the edge, and passed down."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.gateway_configuration import SUFFIX_PATTERN, BackendUrl

ENVIRONMENT_PREFIX = "BATCH_SCORING_GATEWAY_"

SHIPPED_CONFIGURATION = Path(__file__).parent.parent / "deployments" / "apim" / "gateway.toml"
"""What is deployed to API Management; it is installed beside this package."""


class GatewaySettings(BaseSettings):
    """Everything that can be set, each as an environment variable `BATCH_SCORING_GATEWAY_<NAME>`."""

    model_config = SettingsConfigDict(frozen=True, env_prefix=ENVIRONMENT_PREFIX, extra="ignore")

    backend_url: BackendUrl = Field(description="Address of the web service; a path in it is kept as a prefix.")
    subscriptions: Path = Field(description="TOML file of the subscriptions, with hashes of their keys.")
    configuration: Path | None = Field(
        None, description="TOML file of APIs, products and policies; by default `deployments/apim/gateway.toml`."
    )
    data_dir: Path | None = Field(
        None, description="Folder in which the use of quotas is kept; by default it is forgotten at the end."
    )
    named_values: dict[str, SecretStr] = Field(
        default_factory=dict, description='What `{{name}}` in policies stands for, as JSON: `{"name": "value"}`.'
    )
    suffix: str | None = Field(
        None,
        pattern=SUFFIX_PATTERN,
        description="First part of every public path, in place of the configuration's; may be empty.",
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(0, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    # 300 s is the default of API Management's forward-request.
    backend_timeout_seconds: float = Field(
        300.0,
        gt=0,
        description="How long the backend may take until its first header, and between parts of a body; "
        "the `timeout` of a policy's `forward-request` goes first.",
    )
