"""What the client must know: the endpoint behind the gateway, and the storage. Read at the edge, passed down."""

from dataclasses import dataclass
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from bes.errors import ConfigurationError


class EndpointSettings(BaseSettings):
    """One web service behind a gateway; environment names start with `BATCH_SCORING_ENDPOINT_`."""

    model_config = SettingsConfigDict(
        env_prefix="BATCH_SCORING_ENDPOINT_", frozen=True, extra="forbid", hide_input_in_errors=True
    )

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
            raise ConfigurationError(
                f"The endpoint is not complete: {', '.join(missing)} not set.",
                "Set them, or name a block of the type BES Web Service.",
            )
        keys = ("API_KEY", "SUBSCRIPTION_KEY")
        unsendable = [f"BATCH_SCORING_ENDPOINT_{name}" for name in keys if not fits_header(values[name])]
        if unsendable:
            raise ConfigurationError(
                f"No header can carry what is set in {', '.join(unsendable)}.",
                "Set the key alone: no blank, no line end, nothing but ASCII.",
            )


References = Literal["sas", "sas_token", "connection_string"]
"""What the web service reaches a blob by: a link to it alone that ends, the given SAS token, or the account's key."""

_SET_STORAGE = (
    "Set BATCH_SCORING_STORAGE_CONNECTION_STRING, or BATCH_SCORING_STORAGE_ACCOUNT_URL with or without"
    " BATCH_SCORING_STORAGE_SAS_TOKEN; or name a block of the type BES Blob Container."
)

_SIGN_OR_GIVE = (
    "Reach it by a connection string with AccountKey or by an Azure credential; or let the web service have the token"
    " itself, with all its rights: set `references` (BATCH_SCORING_STORAGE_REFERENCES) to sas_token."
)


class StorageSettings(BaseSettings):
    """The blob container that runs use; environment names start with `BATCH_SCORING_STORAGE_`."""

    model_config = SettingsConfigDict(
        env_prefix="BATCH_SCORING_STORAGE_",
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
    )

    connection_string: SecretStr | None = Field(None, description="Connection string of the storage account.")
    account_url: str | None = Field(None, description="Address of the account's blob service.")
    sas_token: SecretStr | None = Field(None, description="SAS token of the container or of the account.")
    container: str = Field("batch-scoring", description="Container of all runs; made if it does not exist.")
    references: References = Field("sas", description="What the web service reaches a blob by.")

    @property
    def sas(self) -> str | None:
        """The SAS token by which the storage is reached; None for other credentials."""
        token = self.sas_token.get_secret_value() if self.sas_token else ""
        if self.connection_string:
            parts = (part.partition("=") for part in self.connection_string.get_secret_value().split(";"))
            told = {name.upper(): value for name, _, value in parts}
            token = "" if "ACCOUNTKEY" in told else told.get("SHAREDACCESSSIGNATURE", "")
        return token.strip().removeprefix("?") or None

    def require(self) -> SecretStr:
        """The connection string.

        Raises:
            ConfigurationError: It is not set.
        """
        if not self.connection_string:
            raise ConfigurationError("The storage has no connection string.", _SET_STORAGE)
        return self.connection_string

    def check(self) -> None:
        """Refuse a storage that is not set, that is set in two ways, or that cannot give references of that form.

        Raises:
            ConfigurationError: Names what is missing or contradicts.
        """
        problem = self._problem_of_access() or self._problem_of_references()
        if problem:
            raise ConfigurationError(*problem)

    def _problem_of_access(self) -> tuple[str, str] | None:
        if not self.connection_string and not self.account_url:
            token = "a SAS token without an account URL" if self.sas_token else "no connection string, no account URL"
            return f"The storage is not complete: {token}.", _SET_STORAGE
        if self.connection_string and (self.account_url or self.sas_token):
            return (
                "The storage has a connection string and an account URL or SAS token as well.",
                "Leave out the one or the other: a connection string says it all.",
            )
        url = self.account_url or "https://"
        if not url.startswith("https://" if not self.sas_token else ("https://", "http://")) or "?" in url:
            return (
                f"{url.partition('?')[0]!r} is no account URL.",
                "Name the blob service, such as https://ACCOUNT.blob.core.windows.net; a SAS token stands by itself.",
            )
        return None

    def _problem_of_references(self) -> tuple[str, str] | None:
        if self.references == "connection_string" and not self.connection_string:
            return "References by connection string need a connection string.", "Take `sas` or `sas_token` instead."
        if self.references == "sas_token" and not self.sas:
            return "References by the SAS token need a SAS token.", "Take `sas` instead."
        if self.references == "sas" and self.sas:
            return (
                "The storage is reached by a SAS token, with which no reference to a single blob can be signed.",
                _SIGN_OR_GIVE,
            )
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """The web service and the storage of one run, resolved once. Kept in memory only: they hold keys."""

    endpoint: EndpointSettings
    storage: StorageSettings


def fits_header(key: str | None) -> bool:
    """Whether an HTTP header can carry the key."""
    return key is not None and key.isascii() and key.isprintable() and " " not in key
