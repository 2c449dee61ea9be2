"""Takes jobs from the queue and sees each through: score elsewhere, publish here, write down how it ended."""

import logging
import threading
import time
from concurrent.futures import BrokenExecutor, CancelledError, Future
from datetime import timedelta

from service.declaration import Declaration
from service.errors import RowRefused, ScoringFailed, ServiceError, StagedBlocksLost
from service.failure_details import failure_details
from service.faults import FailFault, FaultBook, HangFault, OutputFault, RefuseRowsFault
from service.jobs import Job, JobPhase, JobStore
from service.scoring import BlockIds, ScoringTask, score_job
from service.settings import ServiceSettings
from service.storage import ensure_container, publish
from service.storage_policy import StoragePolicy
from service.workers import Workers

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.2
"""Between two looks into the queue for jobs that wait for a time; what is started is seen at once."""

STOP_SECONDS = 3


class JobRunner:
    """Runs started jobs, as many at a time as there are workers and as the settings allow for each service.

    Args:
        declaration: The web services whose jobs are run.
        store: Where the jobs are written down.
        workers: What does the scoring.
        policy: Where blobs may lie.
        settings: Limits.
        faults: What is to go wrong on request.
    """

    def __init__(
        self,
        declaration: Declaration,
        store: JobStore,
        workers: Workers,
        policy: StoragePolicy,
        settings: ServiceSettings,
        faults: FaultBook,
    ) -> None:
        self._services = {service.service_id: service for service in declaration.services}
        self._store = store
        self._workers = workers
        self._policy = policy
        self._settings = settings
        self._faults = faults
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._futures: dict[str, Future[BlockIds]] = {}
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Put the jobs that a dead service left running back into the queue, and begin to run jobs."""
        n_jobs = self._store.recover(counts_as_attempt=True)
        if n_jobs:
            logger.warning("%d jobs were running when the service ended; they run again", n_jobs)
        n_jobs = self._store.forget_ended_before(timedelta(days=self._settings.keep_jobs_days))
        if n_jobs:
            logger.info("%d jobs that ended long ago are forgotten", n_jobs)
        for index in range(self._workers.capacity):
            thread = threading.Thread(target=self._work, name=f"job-runner-{index}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Stop at once. Jobs that run go back into the queue, for the next service on this data."""
        self._stopping.set()
        self._wake.set()
        self._workers.shutdown()
        for thread in self._threads:
            thread.join(STOP_SECONDS)
        n_jobs = self._store.recover(counts_as_attempt=False)
        if n_jobs:
            logger.warning("%d jobs were running; they run again when the service is back", n_jobs)

    def wake(self) -> None:
        """Look into the queue now."""
        self._wake.set()

    def cancel(self, job_id: str) -> None:
        """Cancel a job unless it has ended, and free the worker that it keeps busy."""
        if self._store.cancel(job_id):
            logger.info("job %s: cancelled", job_id)
            future = self._futures.get(job_id)
            if future is not None:
                self._workers.end(future)

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            job = self._store.claim(self._services, max_running_jobs=self._settings.max_running_jobs)
            if job is None:
                self._wake.wait(POLL_SECONDS)
                continue
            try:
                self._see_through(job)
            except Exception:
                logger.exception("job %s: unexpected error", job.job_id)
                self._fail(job, "The service met an unexpected error; its log has the reason")
            self._wake.set()

    def _see_through(self, job: Job) -> None:
        logger.info("job %s: running, attempt %d", job.job_id, job.attempts)
        try:
            task = self._task(job)
            self._hang(job)
            block_ids = self._score(job, task)
            if not self._store.begin_publishing(job.job_id):
                return
            self._publish(job, task, block_ids)
        except (BrokenExecutor, CancelledError):
            self._try_again(job, "The process that ran the job ended")
        except StagedBlocksLost as error:
            self._try_again(job, f"Storage lost parts of the output {error}")
        except TimeoutError:
            self._fail(job, f"The job ran longer than {self._settings.max_job_seconds:.0f} seconds")
        except (ScoringFailed, ServiceError) as error:
            self._fail(job, error.message)

    def _task(self, job: Job) -> ScoringTask:
        order = job.order
        outputs = {
            name: self._policy.output_place(reference, job_id=job.job_id, name=name)
            for name, reference in order.outputs.items()
        }
        for name, reference in order.outputs.items():
            if reference is None:
                ensure_container(outputs[name])
        fault = self._faults.take(OutputFault, job.job_id)
        refusal = self._faults.armed(RefuseRowsFault)
        return ScoringTask(
            attempt=f"{job.job_id[:24]}{job.attempts:08d}",
            service=self._services[job.service_id],
            inputs={name: self._policy.place(reference) for name, reference in order.inputs.items()},
            outputs=outputs,
            parameters=order.parameters,
            spoil=fault.kind if fault else None,
            refuse=refusal.marker if refusal else None,
        )

    def _hang(self, job: Job) -> None:
        fault = self._faults.take(HangFault, job.job_id)
        end = time.monotonic() + (fault.seconds if fault else 0)
        while time.monotonic() < end and not self._is_cancelled(job):
            if self._stopping.wait(POLL_SECONDS):
                return

    def _is_cancelled(self, job: Job) -> bool:
        return self._store.get(job.service_id, job.job_id).phase is JobPhase.CANCELLED

    def _score(self, job: Job, task: ScoringTask) -> BlockIds:
        fault = self._faults.take(FailFault, job.job_id)
        if fault:
            raise ScoringFailed(fault.details)
        future = self._workers.submit(score_job, task)
        self._futures[job.job_id] = future
        try:
            # A cancellation that came before the future was known did not find it.
            if self._is_cancelled(job):
                self._workers.end(future)
            return future.result(timeout=self._settings.max_job_seconds)
        except RowRefused:
            # Only now it is known that the fault has hit.
            self._faults.take(RefuseRowsFault, job.job_id)
            raise
        except TimeoutError:
            self._workers.end(future)
            raise
        finally:
            self._futures.pop(job.job_id, None)

    def _publish(self, job: Job, task: ScoringTask, block_ids: BlockIds) -> None:
        for name, ids in block_ids.items():
            publish(task.outputs[name], ids)
        self._store.finish(job.job_id)
        logger.info("job %s: finished", job.job_id)

    def _try_again(self, job: Job, why: str) -> None:
        if self._stopping.is_set():
            return
        if job.attempts >= self._settings.max_job_attempts:
            self._fail(job, f"{why}, {job.attempts} times; the job is not tried again")
        elif self._store.requeue(job.job_id):
            logger.warning("job %s: %s; it runs again", job.job_id, why)

    def _fail(self, job: Job, message: str) -> None:
        details = failure_details(job.job_id, message)
        if self._store.fail(job.job_id, details):
            logger.warning("job %s: failed: %s", job.job_id, message)
