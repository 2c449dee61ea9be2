"""The search for rows that the web service refuses: a shard that fails because of its rows is scored in halves.

What was found is in the journal, so that the next execution goes on from there; what it may cost is counted here.
"""

import logging
from collections.abc import Iterable

from bes.errors import JobFailed
from bes.redaction import redact
from scoring.attempts import Attempt, AttemptState, Verdict
from scoring.counted import be, counted
from scoring.open_run import OpenRun
from scoring.plan import RefusedRow
from scoring.shards import Shard

logger = logging.getLogger(__name__)

_NAMED = 5
"""Parts that an error names; the rest is counted."""


class Isolation:
    """The search in one execution of a run.

    Args:
        run: Its journal knows what was found before, and its settings how many jobs may be spent.
    """

    def __init__(self, run: OpenRun) -> None:
        self._run = run
        self._refused: dict[str, RefusedRow] = {}
        self._left: list[Shard] = []
        self._n_jobs = 0
        self._last: Attempt | None = None

    @property
    def refused(self) -> list[RefusedRow]:
        """The rows that were found, in their order."""
        return sorted(self._refused.values(), key=lambda row: row.shard.first_row)

    def parts_of(self, shard: Shard) -> list[Shard]:
        """What is to be scored in place of a shard, as the journal has it.

        Returns:
            The shard itself; or the parts into which it was halved; or nothing for a refused row, which is taken down.
        """
        last = self._run.journal_of(shard).last
        if last is None or last.verdict is None:
            return [shard]
        self._last = last
        if last.verdict is Verdict.REFUSED:
            self._refused[shard.name] = RefusedRow(shard=shard, words=redact(last.details or "no details given"))
            return []
        return [part for half in shard.halves() for part in self.parts_of(half)]

    def affordable(self, parts: Iterable[Shard]) -> list[Shard]:
        """Those that this execution may still score; the others are left for the next one."""
        chosen: list[Shard] = []
        for part in parts:
            if not self._takes_a_job(part):
                chosen.append(part)
            elif self._n_jobs < self._run.settings.max_isolation_jobs:
                self._n_jobs += 1
                chosen.append(part)
            else:
                self._left.append(part)
        return chosen

    def require_end(self, *, is_any_scored: bool) -> None:
        """Refuse to go on when rows are left, or when there is nothing to publish.

        Args:
            is_any_scored: Whether the run has any output.

        Raises:
            JobFailed: Says what is left and how to go on, and quotes the service.
        """
        if self._left:
            raise self._limit_reached(is_any_scored=is_any_scored)
        if not is_any_scored:
            # What refuses every row is the service or the contract: once it is mended, verdicts of today mean nothing.
            self._run.change(generation=self._run.record.generation + 1)
            raise self._failure(
                f"The web service refuses {_all_of(len(self._refused))}, so there is nothing to publish.",
                "Mend what the service names in the contract or in the service, then run again, which begins anew.",
            )

    def _takes_a_job(self, part: Shard) -> bool:
        if not part.part:
            return False
        last = self._run.journal_of(part).last
        return last is None or last.state.is_over or last.state is AttemptState.INTENT

    def _limit_reached(self, *, is_any_scored: bool) -> JobFailed:
        named = ", ".join(part.label for part in self._left[:_NAMED])
        others = f" and {len(self._left) - _NAMED} others" if len(self._left) > _NAMED else ""
        nothing = "" if is_any_scored else " No row of this run has been scored: look first whether the contract fits."
        n_found, n_left = len(self._refused), sum(part.n_rows for part in self._left)
        return self._failure(
            f"Finding the rows that the web service refuses took {counted(self._n_jobs, 'job')}, as many as one"
            f" execution may spend. {counted(n_found, 'row')} {be(n_found)} isolated so far;"
            f" {counted(n_left, 'row')} {be(n_left)} still suspicious, in {named}{others}.",
            f"Nothing was published. Run again, which goes on from there; raise BATCH_SCORING_RUN_MAX_ISOLATION_JOBS,"
            f" now {self._run.settings.max_isolation_jobs}, to get further at once.{nothing}",
        )

    def _failure(self, what: str, next_step: str) -> JobFailed:
        if self._last is None or self._last.job_id is None:
            raise RuntimeError("rows are refused that no job has failed on")
        details = self._last.details
        return JobFailed(f"{what} Job {self._last.job_id} said: {details}", next_step, self._last.job_id, details)


def _all_of(n_rows: int) -> str:
    return "the only row" if n_rows == 1 else f"each of the {n_rows:,} rows"
