"""What of a run's log reaches its page and the terminal: lines of our own packages as well, and nobody's secrets."""

import logging

from bes.redaction import RedactingFilter

_OURS = ("bes", "scoring", "tasks", "flows")
_REDACTING = RedactingFilter()


def prepare_log_lines() -> None:
    """Let the lines of our packages through at INFO, and redact what Prefect's handlers are given. Harmless twice.

    A flow's module calls it when it is imported, after Prefect has made its handlers. Lines of our own reach the run's
    page only where PREFECT_LOGGING_EXTRA_LOGGERS names the packages.
    """
    for package in _OURS:
        logging.getLogger(package).setLevel(logging.INFO)
    for name in (None, "prefect", "prefect.flow_runs", "prefect.task_runs", "prefect.extra", *_OURS):
        for handler in logging.getLogger(name).handlers:
            handler.addFilter(_REDACTING)
