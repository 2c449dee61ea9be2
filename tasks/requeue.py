"""Requeue mended rows: take a published run up, merge what was scored, publish the run anew."""

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from bes.settings import Connections
from scoring.counted import be, counted
from scoring.gates.settings import GateSettings
from scoring.manifest import Manifest
from scoring.plan import Outcome
from scoring.requeue import requeueing
from scoring.requeue.merging import Merged
from scoring.requeue.requeueing import Order, Requeue
from scoring.requeue.summary import RequeueSummary
from scoring.settings import RunSettings
from scoring.stopping import Stop
from scoring.writer import Writer
from tasks.events import tell_published
from tasks.evidence import bearing_outages
from tasks.keys import artifact_key


# No retries: the storage's client has its own, and who holds the run is waited for inside. Not cached: it is a lease.
@task(task_run_name="take up run {order.run_key}", cache_policy=NO_CACHE)
def take_up_run(order: Order, connections: Connections, settings: RunSettings, stop: Stop, writer: Writer) -> Requeue:
    """The run, held by this process, and the journal of its mended rows unless they are published."""
    return requeueing.take_up(order, connections=connections, settings=settings, writer=writer, stop=stop)


# Not cached: it reads and writes files.
@task(task_run_name="merge mended rows", cache_policy=NO_CACHE)
def merge_rows(outcome: Outcome, taken: Requeue) -> Merged:
    """The next version of the run, whose books balance by number, by place and by key; it is written aside."""
    return requeueing.merge(taken, outcome)


# Not cached: it writes blobs and files.
@task(task_run_name="publish version", cache_policy=NO_CACHE)
def publish_version(taken: Requeue, merged: Merged) -> RequeueSummary:
    """Publish the run anew, and leave its evidence."""
    manifest = requeueing.publish(taken, merged, GateSettings())
    tell_published(manifest)
    return _leave_evidence(manifest, taken)


# Not cached: it writes files.
@task(task_run_name="fetch published version", cache_policy=NO_CACHE)
def fetch_version(taken: Requeue) -> RequeueSummary:
    """Bring the version home that holds the rows already, and leave its evidence."""
    return _leave_evidence(requeueing.fetch(taken), taken).model_copy(update={"published_before": True})


def _leave_evidence(manifest: Manifest, taken: Requeue) -> RequeueSummary:
    summary = requeueing.summarise(taken, manifest)
    with bearing_outages():
        create_markdown_artifact(
            key=artifact_key(manifest.contract, "requeue"),
            markdown=_markdown(summary, manifest),
            description="What became of the mended rows, and the versions that they were added to.",
        )
    return summary


def _markdown(summary: RequeueSummary, manifest: Manifest) -> str:
    steps = "\n".join(
        f"| `{step.folder}` | {step.n_rows:,} | {step.n_refused_again:,} | {len(step.jobs):,} |"
        for step in manifest.requeued_from
    )
    quarantined = f"{counted(summary.n_quarantined, 'row')} {be(summary.n_quarantined)} quarantined"
    return f"""# {manifest.contract}: {summary.n_scored:,} of {summary.n_input:,} rows scored

Version `{summary.published}` of run `{summary.run_key}`; {quarantined}.

| added to | rows | refused again | jobs |
| --- | --: | --: | --: |
{steps}

- predictions: `{summary.predictions}`
- quarantine: `{summary.quarantine}`
- manifest: `{summary.manifest}`
"""
