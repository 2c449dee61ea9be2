"""Prefect blocks for what a flow talks to; registered by `prefect block register -m tasks.blocks`."""

from typing import Annotated, ClassVar, TypeVar

from prefect.blocks.core import Block
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import ObjectNotFound
from pydantic import AfterValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator

from bes.errors import ConfigurationError
from bes.settings import EndpointSettings, References, StorageSettings, fits_header

_REGISTER = "prefect block register -m tasks.blocks"


def _sendable(key: SecretStr) -> SecretStr:
    if not key.get_secret_value() or not fits_header(key.get_secret_value()):
        raise ValueError("it must be the key alone: no blank, no line end, nothing but ASCII")
    return key


_Key = Annotated[SecretStr, AfterValidator(_sendable)]
_HexId = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{32}$")]


class WebService(Block):
    """A web service that speaks RRS and BES, behind a gateway that takes subscription keys."""

    _block_type_name: ClassVar[str | None] = "BES Web Service"
    _block_type_slug: ClassVar[str | None] = "bes-web-service"
    _description: ClassVar[str | None] = (
        "A web service behind Azure API Management: its address, its ids and both keys."
    )
    # A misspelt member is refused, and what is refused is not shown: it may be a key.
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    gateway: str = Field(
        title="Gateway",
        description="Address of the gateway, such as https://NAME.azure-api.net.",
        pattern=r"^https?://[^\s?#]+$",
    )
    suffix: str = Field(
        "", title="Suffix", description="The API's suffix in the gateway; may be empty.", pattern=r"^[^\s?#]*$"
    )
    workspace: _HexId = Field(title="Workspace", description="Workspace id of the web service, 32 hexadecimal digits.")
    service: _HexId = Field(title="Service", description="Service id of the web service, 32 hexadecimal digits.")
    api_key: _Key = Field(title="API key", description="Key of the web service itself (Bearer).")
    subscription_key: _Key = Field(title="Subscription key", description="Key of the API Management subscription.")

    def settings(self) -> EndpointSettings:
        """The endpoint; nothing of it is taken from the environment."""
        return EndpointSettings(
            url="/".join(part for part in (self.gateway.rstrip("/"), self.suffix.strip("/")) if part),
            workspace=self.workspace,
            service=self.service,
            api_key=self.api_key,
            subscription_key=self.subscription_key,
        )


class BlobContainer(Block):
    """The blob container of all runs. It is reached in one of three ways.

    By a connection string; by an account URL with a SAS token; or by an account URL alone, with the identity that
    Azure's `DefaultAzureCredential` finds where the flow runs.
    """

    _block_type_name: ClassVar[str | None] = "BES Blob Container"
    _block_type_slug: ClassVar[str | None] = "bes-blob-container"
    _description: ClassVar[str | None] = (
        "A container of Azure Storage, and the connection string, SAS token or account."
    )
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    container: str = Field(
        "batch-scoring",
        title="Container",
        description="Made if it does not exist.",
        # Azure's rule for names of containers.
        pattern=r"^[a-z0-9](-?[a-z0-9]){2,62}$",
    )
    connection_string: SecretStr | None = Field(
        None, title="Connection string", description="Connection string of the storage account; says all by itself."
    )
    account_url: str | None = Field(
        None,
        title="Account URL",
        description="Address of the account's blob service, such as https://ACCOUNT.blob.core.windows.net.",
    )
    sas_token: SecretStr | None = Field(
        None, title="SAS token", description="Of the container or the account; without one, Azure's identity is used."
    )
    references: References = Field(
        "sas",
        title="References",
        description="What the web service reaches a blob by: a link to it alone (sas), the SAS token above, or the"
        " connection string.",
    )

    @model_validator(mode="after")
    def _check(self) -> "BlobContainer":
        try:
            self.settings().check()
        except ConfigurationError as error:
            raise ValueError(str(error)) from error
        return self

    def settings(self) -> StorageSettings:
        """The storage; nothing of it is taken from the environment."""
        # The form of the UI sends an empty text for what is left out.
        return StorageSettings(
            connection_string=_given(self.connection_string),
            account_url=self.account_url or None,
            sas_token=_given(self.sas_token),
            container=self.container,
            references=self.references,
        )


_Block = TypeVar("_Block", WebService, BlobContainer)


def load_block(kind: type[_Block], name: str) -> _Block:
    """The block of that type and name.

    Raises:
        ConfigurationError: There is none, the type is not registered, or what the block holds is refused.
    """
    # Not by `Block.load`, which gives a coroutine to the thread of an async flow.
    with get_client(sync_client=True) as client:
        try:
            document = client.read_block_document_by_name(name, kind.get_block_type_slug())
        except ObjectNotFound as error:
            raise _not_found(client, kind, name) from error
    try:
        return kind(**document.data)
    except ValidationError as error:
        raise _refused(kind, name, error) from error


def _refused(kind: type[Block], name: str, error: ValidationError) -> ConfigurationError:
    told = [f"{'.'.join(map(str, each['loc'])) or 'as a whole'}: {each['msg']}" for each in error.errors()]
    return ConfigurationError(
        f"The block {name!r} of the type {kind.get_block_type_name()!r} cannot be used: {'; '.join(told)}.",
        "Mend it in Prefect's UI under Blocks.",
    )


def _not_found(client: SyncPrefectClient, kind: type[Block], name: str) -> ConfigurationError:
    wanted = kind.get_block_type_name()
    names = {block_type.id: block_type.name for block_type in client.read_block_types()}
    if wanted not in names.values():
        return ConfigurationError(
            f"The block {name!r} cannot be loaded: its type {wanted!r} is not registered at this Prefect server.",
            f"Register it: {_REGISTER}",
        )
    blocks = client.read_block_documents(include_secrets=False)
    others = [names[block.block_type_id] for block in blocks if block.name == name]
    if others:
        return ConfigurationError(
            f"The block {name!r} is of the type {others[0]!r}, and {wanted!r} is needed.",
            "Name a block of that type; `prefect block ls` shows them.",
        )
    there = [str(block.name) for block in blocks if names[block.block_type_id] == wanted]
    return ConfigurationError(
        f"There is no block {name!r} of the type {wanted!r}; there are: {', '.join(sorted(there)) or 'none'}.",
        f"Create it in Prefect's UI, or with: prefect block create {kind.get_block_type_slug()}",
    )


def _given(secret: SecretStr | None) -> SecretStr | None:
    return secret if secret and secret.get_secret_value() else None
