"""How the storage is reached: by account key, SAS token or Azure credential; and what of it a web service is given."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast
from urllib.parse import parse_qs

import requests
from azure.core.credentials import TokenCredential
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import BlobSasPermissions, BlobServiceClient, UserDelegationKey, generate_blob_sas
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from bes.errors import ConfigurationError
from bes.protocol import BlobReference
from bes.settings import StorageSettings
from bes.storage_errors import storage_errors
from bes.storage_retry import PatientRetry

# An upload of 8 blocks and two downloads of 8 ranges at a time, beside the journal. The SDK keeps 10, and what is
# beyond would be opened anew for each block.
_KEPT_CONNECTIONS = 32

LARGEST_PIECE_BYTES: Final = 4 << 20
"""What is read of an answer at a time: a whole range, which is neither copied together nor held twice then."""

_CLOCK_SKEW = timedelta(minutes=5)
# Azure's own limit for a user delegation key.
_DELEGATION = timedelta(days=7)


def connect(settings: StorageSettings, options: dict[str, Any]) -> BlobServiceClient:
    """A client of the account, which has asked for nothing yet.

    Args:
        settings: One way to reach the storage; checked here.
        options: For the SDK.

    Raises:
        ConfigurationError: The settings name no way or several, or what they name cannot be read.
    """
    settings.check()
    options = {**options, "retry_policy": PatientRetry(**options), "transport": _transport(options)}
    try:
        if settings.connection_string:
            return BlobServiceClient.from_connection_string(settings.connection_string.get_secret_value(), **options)
        credential = settings.sas or _azure_credential()
        return BlobServiceClient(settings.account_url or "", credential=credential, **options)
    except ValueError as error:
        what, names = (
            ("connection string", "CONNECTION_STRING") if settings.connection_string else ("URL", "ACCOUNT_URL")
        )
        raise ConfigurationError(
            f"The {what} of the storage cannot be read.", f"Set BATCH_SCORING_STORAGE_{names}, or mend it in the block."
        ) from error


def _transport(options: dict[str, Any]) -> RequestsTransport:
    """The SDK's own, but for the number of connections that are kept."""
    session = requests.Session()
    # The SDK signs requests itself; requests would replace that by a password of ~/.netrc, which it looks up each time.
    session.auth = _as_signed
    never = Retry(total=False, redirect=False, raise_on_status=False)  # It repeats on its own.
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=_KEPT_CONNECTIONS, max_retries=never))
    return RequestsTransport(session=session, connection_data_block_size=LARGEST_PIECE_BYTES, **options)


def _as_signed(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def address_of(service: BlobServiceClient) -> str:
    """The account's address, with a slash at its end and without the SAS token that the SDK puts there."""
    return str(service.url).partition("?")[0].rstrip("/") + "/"


def _azure_credential() -> TokenCredential:
    try:
        from azure.identity import DefaultAzureCredential
    except ImportError as error:
        raise ConfigurationError(
            "An account URL without a SAS token needs the package azure-identity, which is not installed.",
            "Install the extra: pip install 'bes-batch-scoring[azure]'; or set a SAS token, or a connection string.",
        ) from error
    return cast("TokenCredential", DefaultAzureCredential())


class References:
    """Makes what a web service is given to reach one blob.

    Args:
        service: The account.
        settings: The container, and which form references have.
    """

    def __init__(self, service: BlobServiceClient, settings: StorageSettings) -> None:
        self._service = service
        self._settings = settings
        self._lock = threading.Lock()
        self._delegation: tuple[UserDelegationKey, datetime] | None = None

    def reference(self, name: str, permission: BlobSasPermissions, lifetime: timedelta) -> BlobReference:
        """A reference to the blob `name`.

        Args:
            permission: What the web service may do with it.
            lifetime: For how long from now.

        Raises:
            ConfigurationError: The credential cannot give that.
        """
        location = f"{self._settings.container}/{name}"
        if self._settings.references == "connection_string":
            # All of the account, for ever: for services that take nothing else.
            return BlobReference(
                connection_string=self._settings.require().get_secret_value(), relative_location=location
            )
        if self._settings.references == "sas_token":
            token = self._given_token(permission, lifetime)
        else:
            token = self._signed_token(name, permission, lifetime)
        return BlobReference(
            base_location=address_of(self._service), relative_location=location, sas_blob_token=f"?{token}"
        )

    def _given_token(self, permission: BlobSasPermissions, lifetime: timedelta) -> str:
        token = self._settings.sas or ""
        told = {name: values[0] for name, values in parse_qs(token).items()}
        # With a stored access policy (`si`), rights and end may stand there, where they cannot be seen.
        missing = set(str(permission)) - set(told["sp"]) if "sp" in told else set()
        if missing:
            raise ConfigurationError(
                f"The SAS token of the storage lacks {', '.join(sorted(missing))!r}, which the web service needs.",
                "Make one with the rights r, c, w, d and l.",
            )
        ends_at = datetime.fromisoformat(told["se"]) if "se" in told else None
        if ends_at and _in_utc(ends_at) < datetime.now(UTC) + lifetime:
            raise ConfigurationError(
                f"The SAS token of the storage ends at {told['se']}; a job that is submitted now may need it longer.",
                "Make one that lasts longer, or shorten BATCH_SCORING_RUN_JOB_TIMEOUT_SECONDS.",
            )
        return token

    def _signed_token(self, name: str, permission: BlobSasPermissions, lifetime: timedelta) -> str:
        now = datetime.now(UTC)
        if self._service.credential is None:
            raise ConfigurationError(
                "The storage's connection string holds no account key, so no reference can be signed.",
                "Set BATCH_SCORING_STORAGE_CONNECTION_STRING to one with AccountKey.",
            )
        account_key = getattr(self._service.credential, "account_key", None)
        by = {"account_key": account_key} if account_key else {"user_delegation_key": self._delegated(now + lifetime)}
        return generate_blob_sas(
            account_name=str(self._service.account_name),
            container_name=self._settings.container,
            blob_name=name,
            permission=permission,
            start=now - _CLOCK_SKEW,
            expiry=now + lifetime,
            **by,
        )

    def _delegated(self, until: datetime) -> UserDelegationKey:
        """A key of Azure's that signs as this process's identity; one serves all references for days."""
        now = datetime.now(UTC)
        if until > now + _DELEGATION:
            raise ConfigurationError(
                "References that are signed with an Azure credential last 7 days at most.",
                "Shorten BATCH_SCORING_RUN_JOB_TIMEOUT_SECONDS.",
            )
        with self._lock, storage_errors(address_of(self._service), "user delegation key"):
            if self._delegation is None or self._delegation[1] < until:
                ends_at = now + _DELEGATION
                key = self._service.get_user_delegation_key(now - _CLOCK_SKEW, ends_at)
                self._delegation = key, ends_at
            return self._delegation[0]


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
