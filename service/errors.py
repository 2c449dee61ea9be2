"""Every error the web service answers with, spelled as documented, and the one place that makes their bodies.

```
ServiceError            an answer other than 200: a documented class and detail, and the sentence that helps
DeclarationError        `service.toml` or a model file says something that cannot be served: the service does not start
ScoringFailed           a job's data or model is at fault: the job ends `Failed`, `Details` says why
StagedBlocksLost        storage forgot blocks between staging and publishing: the job runs again
```
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from bes.protocol import ErrorDetail, ServiceErrorBody, ServiceErrorContent


@dataclass(frozen=True, slots=True)
class ErrorClass:
    """What kind of error it is: the envelope's `code` and `message`, and the HTTP status."""

    code: str
    status: int
    message: str


@dataclass(frozen=True, slots=True)
class DocumentedError:
    """One detail code of a class. `text` has the documented placeholders `{0}`, `{1}`."""

    error_class: ErrorClass
    code: str
    text: str

    def __call__(self, *values: object, hint: str = "") -> "ServiceError":
        """The error to raise, its placeholders filled; `hint` goes to the message's tail."""
        message = self.text.format(*values)
        return ServiceError(self.error_class, self.code, f"{message} {hint}" if hint else message)


class ServiceError(Exception):
    """An answer other than 200.

    Args:
        error_class: Class of the envelope, with its HTTP status.
        code: Detail code, which programs compare.
        message: Detail message; never holds a credential.
    """

    def __init__(self, error_class: ErrorClass, code: str, message: str) -> None:
        super().__init__(error_class, code, message)
        self.error_class = error_class
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    @property
    def envelope(self) -> ServiceErrorBody:
        """The body of the answer."""
        detail = ErrorDetail(code=self.code, message=self.message)
        content = ServiceErrorContent(code=self.error_class.code, message=self.error_class.message, details=[detail])
        return ServiceErrorBody(error=content)


class DeclarationError(Exception):
    """The declaration of a web service cannot be served.

    Args:
        file: The file at fault.
        member: Path of the member inside it, or the empty text for the whole file.
        what: What is wrong with it, and what to do.
    """

    def __init__(self, file: str, member: str, what: str) -> None:
        super().__init__(file, member, what)
        self.file = file
        self.member = member
        self.what = what

    def __str__(self) -> str:
        return f"{self.file}: {self.member}: {self.what}" if self.member else f"{self.file}: {self.what}"


class ScoringFailed(Exception):
    """A job's data or model is at fault, and running it again would not help."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class RowRefused(ScoringFailed):
    """A row holds what a fault that was asked for refuses."""


class StagedBlocksLost(Exception):
    """Storage forgot blocks between staging and publishing, so the job must run again."""


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """A sentence with the known name nearest to `wrong`, or the empty text when none is near."""
    near = get_close_matches(wrong, list(known), n=1, cutoff=0.6)
    return f"Did you mean {near[0]!r}?" if near else ""
