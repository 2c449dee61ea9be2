"""What an error of the web service is about: the rows of a job, the job, or the service and what it stands on."""

import re

from bes.errors import NotFound

# Details are free text. These are words of its captured answers and of its documented error codes that do not speak of
# rows; a row that happens to hold one of them costs attempts in vain, and nothing else.
_NOT_THE_ROWS = re.compile(
    r"memory|ran longer|time[d]?[ -]?out|process that ran|unexpected error|internal error|storage|blob|"
    r"unavailable|throttl|quota|rate limit|unauthori[sz]ed|authenticat|access denied|forbidden|expired|"
    r"taskStatusCode=(?:401|403|408|429|5\d\d)",
    re.IGNORECASE,
)

_NOT_ABOUT_JOBS = {"WebServiceNotFound", "WebServiceIdNotFoundInWorkspace", "WorkspaceNotFound", "ModelPackageNotFound"}
"""The documented reasons of a 404 that say nothing about a job."""


def is_about_rows(details: str | None) -> bool:
    """True when another try with the same rows would end the same way."""
    return bool(details) and _NOT_THE_ROWS.search(details or "") is None


def is_job_gone(error: NotFound) -> bool:
    """Whether a 404 says that there is no such job: only the web service itself, asked for a job, can say so."""
    return bool(error.codes) and not _NOT_ABOUT_JOBS.intersection(error.codes)
