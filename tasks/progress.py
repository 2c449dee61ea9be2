"""A run's progress artifact: made once, then moved while the jobs are waited for."""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from uuid import UUID

import httpx
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.context import SettingsContext, get_settings_context
from prefect.exceptions import PrefectException

from scoring.open_run import OpenRun
from scoring.progress import Progress, ProgressMeter
from scoring.report.figures import seconds
from tasks.keys import artifact_key

logger = logging.getLogger(__name__)

_LEAST_SECONDS = 5.0
"""Between two updates. Each is a request to the server, and nobody reads faster."""

_SILENT_SECONDS = 60.0
"""After a server that did not answer: the jobs are waited for on the same thread."""


class ProgressBar:
    """The progress of one run in Prefect. A server that is away costs the artifact, and never the run.

    Args:
        run: It is held.
        clock: Monotonic seconds.
    """

    def __init__(self, run: OpenRun, clock: Callable[[], float] = time.monotonic) -> None:
        self._key = artifact_key(run.plan.contract, "progress")
        self._meter = ProgressMeter(run, clock)
        self._clock = clock
        self._artifact: UUID | None = None
        self._next = clock()

    def move(self, *, at_once: bool = False) -> None:
        """Show how far the run is, unless it was shown a moment ago. Called inside of a task.

        Args:
            at_once: Show it in any case.
        """
        if not at_once and self._clock() < self._next:
            return
        progress = self._meter.read()
        try:
            # Repeating is what the next call does; after the last there is none.
            with _retrying(1 if at_once else 0):
                self._show(progress)
        except (httpx.HTTPError, PrefectException) as error:
            logger.info("the progress artifact is not up to date: %s", type(error).__name__)
            self._next = self._clock() + _SILENT_SECONDS
            return
        self._next = self._clock() + _LEAST_SECONDS

    def _show(self, progress: Progress) -> None:
        if self._artifact is None:
            made = create_progress_artifact(progress.percent, key=self._key, description=_words(progress))
            self._artifact = made if isinstance(made, UUID) else None
        else:
            update_progress_artifact(self._artifact, progress.percent, description=_words(progress))


def _retrying(times: int) -> AbstractContextManager[SettingsContext]:
    # Not by `temporary_settings`, which takes 0.2 s: it reads every setting of Prefect's anew.
    now = get_settings_context()
    client = now.settings.client.model_copy(update={"max_retries": times})
    return SettingsContext(profile=now.profile, settings=now.settings.model_copy(update={"client": client}))


def _words(progress: Progress) -> str:
    left = progress.seconds_left
    done = f"{progress.n_jobs_done:,} of {progress.n_jobs:,} jobs, {progress.n_rows_done:,} of {progress.n_rows:,} rows"
    return done if not left else f"{done}, about {seconds(left)} left"
