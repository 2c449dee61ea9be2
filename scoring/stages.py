"""What an execution spends its time on: of all that is under way at a moment, the stage that comes first in a list.

The end of a stage is also where its memory is given back.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from bes.pacing import seconds_between
from scoring.attempts import Attempt
from scoring.memory import give_back


class Stage(StrEnum):
    """Stages of a run. Where several are under way, time counts for the first of them in this order.

    Scoring comes first, since it cannot be hastened from here; a job in the queue comes late, since it waits for those
    that run. What is none of the others is orchestration.
    """

    SERVICE = "service"
    UPLOAD = "upload"
    DOWNLOAD = "download"
    NOTICING = "noticing"
    QUEUE = "queue"
    VALIDATE = "validate"
    MERGE = "merge"
    GATES = "gates"
    ORCHESTRATION = "orchestration"


class Stages:
    """Stretches of the stages of one execution. Safe in any thread."""

    def __init__(self) -> None:
        self._stretches: list[tuple[Stage, datetime, datetime]] = []

    @contextmanager
    def during(self, stage: Stage) -> Iterator[None]:
        """Note what is done inside, and give back what memory it took."""
        began = datetime.now(UTC)
        try:
            yield
        finally:
            self.note(stage, began, datetime.now(UTC))
            give_back()

    def note(self, stage: Stage, began: datetime, ended: datetime) -> None:
        """Note a stretch."""
        self._stretches.append((stage, began, ended))

    def note_jobs(self, attempts: Iterable[Attempt]) -> None:
        """Note how jobs were queued, run and noticed, by our own clock; one whose end is not known so is left out."""
        for attempt in attempts:
            ran = seconds_between(attempt.service_start_time, attempt.service_end_time)
            late = attempt.noticed_after_seconds
            if attempt.started_at is None or attempt.ended_at is None or ran is None or late is None:
                continue
            end = attempt.ended_at - timedelta(seconds=late)
            began = max(end - timedelta(seconds=ran), attempt.started_at)
            self.note(Stage.QUEUE, attempt.started_at, began)
            self.note(Stage.SERVICE, began, end)
            self.note(Stage.NOTICING, end, attempt.ended_at)

    def seconds(self, began: datetime, ended: datetime) -> dict[str, float]:
        """The time from `began` to `ended`, divided among the stages."""
        spent = dict.fromkeys(Stage, 0.0)
        changes = [
            change
            for stage, first, last in self._stretches
            if first < last
            for change in ((first, 1, stage), (last, -1, stage))
        ]
        under_way: Counter[Stage] = Counter()
        now = began
        for moment, change, stage in [*sorted(changes), (ended, 0, Stage.ORCHESTRATION)]:
            until = min(max(moment, now), ended)
            first_stage = next((one for one in Stage if under_way[one] > 0), Stage.ORCHESTRATION)
            spent[first_stage] += (until - now).total_seconds()
            now = until
            under_way[stage] += change
        return {stage.value: round(seconds, 3) for stage, seconds in spent.items()}
