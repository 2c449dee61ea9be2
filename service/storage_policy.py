"""Which storage the service goes to: the hosts that requests may name, and its own account for everything else."""

from dataclasses import dataclass
from typing import Self

from bes.protocol import BlobReference
from service import error_codes
from service.places import Account, BlobPlace, host_of, is_allowed, locate, read_connection_string
from service.settings import ServiceSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class StoragePolicy:
    """Where blobs may lie."""

    allowed_hosts: tuple[str, ...]
    own_account: Account | None
    output_container: str

    @classmethod
    def from_settings(cls, settings: ServiceSettings) -> Self:
        """The policy that the settings describe.

        Raises:
            ServiceError: The connection string of the service's own storage is wrong.
        """
        secret = settings.storage_connection_string
        account = read_connection_string(secret.get_secret_value()) if secret else None
        allowed = settings.allowed_storage_hosts
        if allowed is None:
            allowed = (account.host,) if account else ()
        return cls(allowed_hosts=allowed, own_account=account, output_container=settings.output_container)

    def place(self, reference: BlobReference) -> BlobPlace:
        """The place that a request names.

        Raises:
            ServiceError: The reference is wrong or names a host that is not allowed.
        """
        place = locate(reference)
        host = host_of(place.account_url) or ""
        if not is_allowed(host, self.allowed_hosts):
            raise error_codes.INVALID_BLOB(place, hint=f"Storage host {host!r} is not among those that are allowed.")
        return place

    def output_place(self, reference: BlobReference | None, *, job_id: str, name: str) -> BlobPlace:
        """The place of an output: what the request names, or a blob of its own in the service's container."""
        if reference is not None:
            return self.place(reference)
        if self.own_account is None:
            raise error_codes.MISSING_REQUIRED_OUTPUT_OVERRIDES(name)
        return self.own_account.place(self.output_container, f"{job_id}/{name}.csv")
