"""What the client must know: the endpoint behind the gateway, and the storage. Read at the edge, passed down."""

from dataclasses import dataclass
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from bes.errors import ConfigurationError


class EndpointSettings(BaseSettings):
    """One web service behind a gateway; environment names start with `BATCH_SCORING_ENDPOINT_`."""

    model_config = SettingsConfigDict(env_prefix="BATCH_SCORING_ENDPOINT_", frozen=True, extra="forbid")

    url: str | None = Field(None, description="Address of the gateway with the API's suffix.")
    workspace: str = Field("", description="Workspace id of the web service, 32 hexadecimal digits.")
    service: str = Field("", description="Service id of the web service, 32 hexadecimal digits.")
    api_key: SecretStr = Field(SecretStr(""), description="Key of the web service itself (Bearer).")
    subscription_key: SecretStr = Field(SecretStr(""), description="Key of the API Management subscription.")

    def check(self) -> None:
        """Refuse an endpoint of which a part is not set, or a key that cannot be sent.

        Raises:
            ConfigurationError: Names every variable that is missing or wrong.
        """
        values = {
            "URL": self.url,
            "WORKSPACE": self.workspace,
            "SERVICE": self.service,
            "API_KEY": self.api_key.get_secret_value(),
            "SUBSCRIPTION_KEY": self.subscription_key.get_secret_value(),
        }
        missing = [f"BATCH_SCORING_ENDPOINT_{name}" for name, value in values.items() if not value]
        if missing:
            raise ConfigurationError(f"The endpoint is not complete: {', '.join(missing)} not set.", "Set them.")
        keys = ("API_KEY", "SUBSCRIPTION_KEY")
        unsendable = [f"BATCH_SCORING_ENDPOINT_{name}" for name in keys if not _fits_header(values[name])]
        if unsendable:
            raise ConfigurationError(
                f"No header can carry what is set in {', '.join(unsendable)}.",
                "Set the key alone: no blank, no line end, nothing but ASCII.",
            )


class StorageSettings(BaseSettings):
    """The blob container that runs use; environment names start with `BATCH_SCORING_STORAGE_`."""

    model_config = SettingsConfigDict(env_prefix="BATCH_SCORING_STORAGE_", frozen=True, extra="forbid")

    connection_string: SecretStr | None = Field(None, description="Connection string of the storage account.")
    container: str = Field("batch-scoring", description="Container of all runs; made if it does not exist.")
    references: Literal["sas", "connection_string"] = Field(
        "sas",
        description="What the web service reaches a blob by: a link to it alone that ends, or the account's key.",
    )

    def require(self) -> SecretStr:
        """The connection string.

        Raises:
            ConfigurationError: It is not set.
        """
        if self.connection_string is None:
            raise ConfigurationError(
                "No storage is set: BATCH_SCORING_STORAGE_CONNECTION_STRING is missing.",
                "Set it to the connection string of the account that the web service reads.",
            )
        return self.connection_string


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """The web service and the storage of one run, resolved once. Kept in memory only: they hold keys."""

    endpoint: EndpointSettings
    storage: StorageSettings


def _fits_header(key: str | None) -> bool:
    return key is not None and key.isascii() and key.isprintable() and " " not in key
