"""Every error a user can meet, split by what can be done about it.

```
ScoringError                       the root: what happened, to which object, what to do next
├── InputError                     the input or the contract is wrong: mend it, run again
├── ConfigurationError             a setting is missing or contradicts another
├── GateStopped                    a gate before publishing does not hold: what is scored is kept, and not published
└── RemoteError                    the gateway, the web service or the storage
    ├── Unavailable                may pass by itself; `was_sent` tells whether the request can have had an effect
    │   └── Throttled              the gateway refuses the call, and may say when to come back (`retry_after_seconds`)
    ├── AccessDenied               a key is missing or wrong
    ├── NotFound                   no such web service, job, container or blob
    ├── Conflict                   another process was faster; nothing was overwritten
    │   └── RunHeld                another process is at the same work
    ├── Rejected                   the service understood the request and refuses it
    ├── ProtocolError              the answer is not what the protocol allows
    ├── JobFailed                  a job ended Failed or Cancelled
    ├── JobTimedOut                a job did not end in time; it is named so that it can be taken up again
    └── IntegrityError             what came back is not what must come back: length, digest or row count
```
"""

from collections.abc import Sequence

from bes.redaction import redact


class ScoringError(Exception):
    """Root of all errors that a user can meet.

    Args:
        what: What happened, to which object.
        next_step: What to do about it.
    """

    exit_code = 1

    def __init__(self, what: str, next_step: str, *fields: object) -> None:
        # What a service or a storage said is quoted, and it ends in logs, on pages and in databases.
        what = redact(what)
        # Every field goes to Exception's args, so that the error survives pickling between processes.
        super().__init__(what, next_step, *fields)
        self.what = what
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.what} {self.next_step}"


class InputError(ScoringError):
    """The input or the contract is wrong."""

    exit_code = 2


class ConfigurationError(ScoringError):
    """A setting is missing or contradicts another."""

    exit_code = 2


class GateStopped(ScoringError):
    """A gate before publishing does not hold, and its setting says to stop.

    Args:
        gates: The names of those that stopped the run.
    """

    exit_code = 3

    def __init__(self, what: str, next_step: str, gates: Sequence[str]) -> None:
        super().__init__(what, next_step, tuple(gates))
        self.gates = tuple(gates)


class RemoteError(ScoringError):
    """The gateway, the web service or the storage did not do what was asked."""


class Unavailable(RemoteError):
    """No answer, or one that may be different in a moment.

    Args:
        was_sent: False when the request surely never reached the service, so that even a submit may be repeated.
    """

    def __init__(self, what: str, next_step: str, was_sent: bool) -> None:
        super().__init__(what, next_step, was_sent)
        self.was_sent = was_sent


class Throttled(Unavailable):
    """The gateway refused the call before the service saw it.

    Args:
        retry_after_seconds: When to come back; None where the gateway does not say.
    """

    def __init__(self, what: str, next_step: str, retry_after_seconds: float | None) -> None:
        RemoteError.__init__(self, what, next_step, retry_after_seconds)
        self.was_sent = False
        self.retry_after_seconds = retry_after_seconds


class AccessDenied(RemoteError):
    """A key is missing, wrong, or not allowed to do this."""


class NotFound(RemoteError):
    """The named object does not exist.

    Args:
        codes: The error's class and detail codes when the web service says so; empty when a gateway or storage does.
    """

    def __init__(self, what: str, next_step: str, codes: Sequence[str] = ()) -> None:
        super().__init__(what, next_step, tuple(codes))
        self.codes = tuple(codes)


class Conflict(RemoteError):
    """Another process was faster; nothing of it was overwritten."""


class RunHeld(Conflict):
    """Another process is at the same work."""


class Rejected(RemoteError):
    """The service understood the request and refuses it.

    Args:
        status: HTTP status.
        codes: The error's class and detail codes, as the service spells them.
    """

    def __init__(self, what: str, next_step: str, status: int, codes: Sequence[str]) -> None:
        super().__init__(what, next_step, status, tuple(codes))
        self.status = status
        self.codes = tuple(codes)


class ProtocolError(RemoteError):
    """The answer is not what the protocol allows."""


class JobFailed(RemoteError):
    """A job ended `Failed` or `Cancelled`."""

    def __init__(self, what: str, next_step: str, job_id: str, details: str | None) -> None:
        details = redact(details) if details else details
        super().__init__(what, next_step, job_id, details)
        self.job_id = job_id
        self.details = details


class JobTimedOut(RemoteError):
    """Jobs did not end in time.

    Args:
        job_ids: Those that are still alive, needed to take them up again.
    """

    def __init__(self, what: str, next_step: str, job_ids: Sequence[str]) -> None:
        super().__init__(what, next_step, tuple(job_ids))
        self.job_ids = tuple(job_ids)


class IntegrityError(RemoteError):
    """What came back is not what must come back: length, digest or row count."""
