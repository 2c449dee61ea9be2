"""Brings the log lines of our own packages to the run's page, under any worker and without a setting; and no secret."""

import logging

from prefect.context import get_run_context
from prefect.exceptions import MissingContextError
from prefect.logging.handlers import APILogHandler

from bes.redaction import RedactingFilter

_PACKAGES = ("bes", "scoring", "tasks", "flows")
_OF_PREFECT = ("prefect", "prefect.flow_runs", "prefect.task_runs", "prefect.extra")
_REDACTING = RedactingFilter()


class _OfARun(logging.Filter):
    """Lets through what is said inside a run: threads without one, such as the lease's, have no page to say it on."""

    def filter(self, _record: logging.LogRecord) -> bool:
        try:
            get_run_context()
        except MissingContextError:
            return False
        return True


def bring_logs_to_runs() -> None:
    """From now on, INFO and above of our packages is on the run's page, and no line there has a secret. Harmless twice.

    A flow's module calls it when it is imported, after Prefect has made its handlers. Where
    PREFECT_LOGGING_EXTRA_LOGGERS names a package, Prefect does the same, and no handler is added.
    """
    for package in _PACKAGES:
        logger = logging.getLogger(package)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.INFO)
        if not any(isinstance(handler, APILogHandler) for handler in logger.handlers):
            handler = APILogHandler()
            handler.addFilter(_OfARun())
            logger.addHandler(handler)
    for name in (None, *_OF_PREFECT, *_PACKAGES):
        for present in logging.getLogger(name).handlers:
            present.addFilter(_REDACTING)
