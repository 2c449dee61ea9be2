"""The one seam where an error of the storage SDK becomes one of ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from azure.core.exceptions import AzureError, ClientAuthenticationError, ResourceNotFoundError
from requests.exceptions import RequestException

from bes.errors import AccessDenied, NotFound, ScoringError, Unavailable
from bes.redaction import redact


@contextmanager
def storage_errors(place: str, name: str) -> Iterator[None]:
    """Convert the errors of the block.

    Args:
        place: Address of the container.
        name: The blob that the block is about.

    Raises:
        NotFound: The blob or its container does not exist.
        AccessDenied: The storage refuses the key or the reference.
        Unavailable: Anything else.
    """
    try:
        yield
    except (AzureError, RequestException) as error:
        raise _converted(error, place, name) from error


def _converted(error: AzureError | RequestException, place: str, name: str) -> ScoringError:
    code = getattr(error, "error_code", None)
    why = str(getattr(code, "value", code) or redact(str(error)).splitlines()[0])
    if why == "ContainerNotFound":
        return NotFound(
            f"The container {place!r} does not exist, and so neither does {name!r} ({why}).",
            "Nothing was written. Restore the container and run again; without it, a run begins anew in a new one.",
        )
    if isinstance(error, ResourceNotFoundError):
        return NotFound(f"The storage at {place!r} has no {name!r} ({why}).", "Look whether the job wrote its output.")
    denied = isinstance(error, ClientAuthenticationError) or getattr(error, "status_code", None) in (401, 403)
    if denied:
        return AccessDenied(
            f"The storage at {place!r} denies access to {name!r} ({why}).",
            "Check BATCH_SCORING_STORAGE_CONNECTION_STRING, or what else reaches it: a SAS token, a block.",
        )
    return Unavailable(f"The storage at {place!r} failed on {name!r}: {why}.", "Run again later.", True)
