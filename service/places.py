"""Where blobs lie: references of requests turned into places that the service may go to, or refused.

Nothing here talks to storage. A place holds exactly the address that is used later, so what was checked is what is
called.
"""

import base64
import binascii
import re
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

from bes.protocol import BlobReference
from service import error_codes

DELIMITERS = {".csv": ",", ".tsv": "\t"}
"""What separates cells, by file extension."""

CONTAINER_NAME = re.compile(r"^(\$root|(?=.{3,63}$)[a-z0-9](-?[a-z0-9])+)$")
BLOB_NAME_LENGTH = 1024
NETLOC = re.compile(r"^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$")
SAS_TOKEN = re.compile(r"^[A-Za-z0-9%=&:._~+/,!*-]+$")
DEFAULT_PORTS = {"http": 80, "https": 443}

DEVELOPMENT_ENDPOINT = "http://127.0.0.1:10000/devstoreaccount1"
"""What `UseDevelopmentStorage=true` stands for; the emulator's published account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobPlace:
    """The place of one blob, with what it takes to go there. Its text shows no credential."""

    account_url: str
    container: str
    name: str
    account_name: str | None = None
    account_key: str | None = field(default=None, repr=False)
    sas_token: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.container}/{self.name}"

    @property
    def url(self) -> str:
        """Address without any credential."""
        return f"{self.account_url}/{self.container}/{quote(self.name)}"

    @property
    def delimiter(self) -> str:
        """What separates the cells of the table in this blob."""
        return DELIMITERS[_extension(self.name)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A storage account, as a connection string gives it."""

    url: str
    name: str | None
    key: str | None = field(repr=False)
    sas_token: str | None = field(repr=False)

    @property
    def host(self) -> str:
        """Host and port of the account's blob endpoint."""
        return host_of(self.url) or ""

    def place(self, container: str, name: str) -> BlobPlace:
        """The place of a blob in this account."""
        return BlobPlace(
            account_url=self.url,
            container=container,
            name=name,
            account_name=self.name,
            account_key=self.key,
            sas_token=self.sas_token,
        )


def host_of(url: str) -> str | None:
    """`host:port` of an address in lower case, or None when it is no plain http(s) address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in DEFAULT_PORTS or not NETLOC.match(parts.netloc) or parts.query or parts.fragment:
        return None
    return f"{(parts.hostname or '').lower()}:{DEFAULT_PORTS[parts.scheme] if port is None else port}"


def is_allowed(host: str, allowed: tuple[str, ...]) -> bool:
    """Whether `host:port` matches an entry. One without a port stands for the ports of http and https."""
    name, _, port = host.rpartition(":")
    for entry in allowed:
        has_port = re.search(r":\d+$", entry) is not None
        if not has_port and int(port) not in DEFAULT_PORTS.values():
            continue
        target = host if has_port else name
        if target == entry or (entry.startswith("*.") and target.endswith(entry[1:])):
            return True
    return False


def read_connection_string(text: str) -> Account:
    """The account that a connection string names.

    Raises:
        ServiceError: `InvalidBlobConnectionString`; its message says what is wrong and holds nothing of the text.
    """
    pairs = [part.split("=", 1) for part in text.strip().rstrip(";").split(";")]
    if any(len(pair) != 2 for pair in pairs):  # noqa: PLR2004 - a key and a value
        raise error_codes.INVALID_BLOB_CONNECTION_STRING("it is not a list of key=value separated by semicolons")
    parts = {key.strip().lower(): value.strip() for key, value in pairs}
    url = _blob_endpoint(parts).rstrip("/")
    if host_of(url) is None:
        raise error_codes.INVALID_BLOB_CONNECTION_STRING("the blob endpoint is no http or https address")
    key, sas_token = parts.get("accountkey"), parts.get("sharedaccesssignature")
    if key is not None and not (parts.get("accountname") and _is_base64(key)):
        raise error_codes.INVALID_BLOB_CONNECTION_STRING("AccountKey must be base64 and come with an AccountName")
    if key is None and sas_token is None:
        raise error_codes.INVALID_BLOB_CONNECTION_STRING("it has neither AccountKey nor SharedAccessSignature")
    return Account(url=url, name=parts.get("accountname"), key=key, sas_token=_checked_token(sas_token, "the account"))


def _blob_endpoint(parts: dict[str, str]) -> str:
    if parts.get("usedevelopmentstorage", "").lower() == "true":
        return DEVELOPMENT_ENDPOINT
    if parts.get("blobendpoint"):
        return parts["blobendpoint"]
    if not parts.get("accountname"):
        raise error_codes.INVALID_BLOB_CONNECTION_STRING("it has neither BlobEndpoint nor AccountName")
    scheme = parts.get("defaultendpointsprotocol", "https")
    return f"{scheme}://{parts['accountname']}.blob.{parts.get('endpointsuffix', 'core.windows.net')}"


def _is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode(text, validate=True))
    except binascii.Error:
        return False


def locate(reference: BlobReference) -> BlobPlace:
    """The place that a reference of a request names, in either of its two forms.

    Raises:
        ServiceError: The reference is incomplete or malformed.
    """
    if not (reference.connection_string or reference.base_location):
        raise error_codes.MISSING_INPUT_BLOB_INFORMATION()
    place = _by_connection_string(reference) if reference.connection_string else _by_address(reference)
    _check_names(place)
    return place


def _by_connection_string(reference: BlobReference) -> BlobPlace:
    account = read_connection_string(reference.connection_string or "")
    container, name = _split(reference.relative_location or "")
    return account.place(container, name)


def _by_address(reference: BlobReference) -> BlobPlace:
    base = (reference.base_location or "").rstrip("/")
    path = (reference.relative_location or "").lstrip("/")
    if "/" not in path:
        # `https://account/container/` + `blob.csv` is the same address, cut elsewhere.
        base, _, container = base.rpartition("/")
        path = f"{container}/{path}" if path else ""
    if host_of(base) is None:
        raise error_codes.INVALID_BLOB(reference.relative_location, hint="BaseLocation is no http or https address.")
    container, name = (unquote(part) for part in _split(path))
    token = _checked_token(reference.sas_blob_token, f"{container}/{name}")
    if token is None:
        raise error_codes.INVALID_BLOB(f"{container}/{name}", hint="SasBlobToken is missing.")
    return BlobPlace(account_url=base, container=container, name=name, sas_token=token)


def _split(path: str) -> tuple[str, str]:
    if not path.strip("/"):
        raise error_codes.INPUT_BLOB_RELATIVE_LOCATION_INVALID()
    container, slash, name = path.removeprefix("/").partition("/")
    if not container:
        raise error_codes.CONTAINER_IS_EMPTY()
    if not slash:
        raise error_codes.CONTAINER_SEGMENT_INVALID(hint=f"{path!r} must read 'container/blob'.")
    return container, name


def _checked_token(token: str | None, owner: str) -> str | None:
    text = (token or "").removeprefix("?")
    if text and not SAS_TOKEN.match(text):
        raise error_codes.INVALID_BLOB(owner, hint="SasBlobToken holds characters that no SAS token has.")
    return text or None


def _check_names(place: BlobPlace) -> None:
    if not CONTAINER_NAME.match(place.container):
        raise error_codes.CONTAINER_SEGMENT_INVALID(hint=f"{place.container!r} is no container name.")
    if not place.name:
        raise error_codes.INPUT_BLOB_RELATIVE_LOCATION_INVALID()
    segments = place.name.split("/")
    if len(place.name) > BLOB_NAME_LENGTH or "." in segments or ".." in segments or not place.name.isprintable():
        raise error_codes.INVALID_BLOB(place, hint="This is no blob name.")
    if _extension(place.name) not in DELIMITERS:
        raise error_codes.INVALID_BLOB_EXTENSION(place, ", ".join(DELIMITERS))


def _extension(name: str) -> str:
    dot = name.rfind(".")
    return name[dot:].lower() if dot > name.rfind("/") else ""


def same_blob(one: BlobPlace, other: BlobPlace) -> bool:
    """Whether two places are one blob, however they are reached."""
    return (host_of(one.account_url), one.url) == (host_of(other.account_url), other.url)
