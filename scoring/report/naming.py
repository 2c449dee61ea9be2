"""The report of a run that published nothing, named by the error that ended the run, whoever meets it."""

from pathlib import Path
from typing import Final

_NOTE: Final = "The report of the run: "


def name_report(error: BaseException, path: Path) -> None:
    """Note on the error where the report is; a traceback shows it as well."""
    error.add_note(f"{_NOTE}{path}")


def named_report(error: BaseException) -> Path | None:
    """The report that the error names, or one that it came of, as an interrupt does of a cancellation."""
    at: BaseException | None = error
    while at is not None:
        for note in getattr(at, "__notes__", ()):
            if note.startswith(_NOTE):
                return Path(note.removeprefix(_NOTE))
        at = at.__cause__ or at.__context__
    return None
