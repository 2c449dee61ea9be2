"""Write the run's artifacts: predictions and manifest on disk, a summary and a table of jobs in Prefect."""

from pathlib import Path

from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from scoring.books import Books
from scoring.manifest import Manifest
from scoring.open_run import OpenRun
from scoring.plan import Outcome, RunPlan
from scoring.publishing import fetch_published, publish_run
from scoring.summary import RunSummary
from tasks.events import tell_published, tell_quarantined


# Not cached: it writes files.
@task(task_run_name="write artifacts", cache_policy=NO_CACHE)
def write_artifacts(run: OpenRun, outcome: Outcome, books: Books) -> RunSummary:
    """Publish the run and leave its evidence."""
    manifest = publish_run(run, outcome, books)
    _tell(manifest, run)
    return _leave_evidence(manifest, run.plan)


# Not cached: it writes files.
@task(task_run_name="fetch published result", cache_policy=NO_CACHE)
def fetch_result(run: OpenRun) -> RunSummary:
    """Bring the result of a run that is published already home, and leave its evidence."""
    manifest = fetch_published(run)
    if run.record.writer.flow_run == flow_run.id:
        # This very flow run published it and was interrupted, perhaps before it could tell.
        _tell(manifest, run)
    return _leave_evidence(manifest, run.plan)


def _tell(manifest: Manifest, run: OpenRun) -> None:
    tell_published(manifest)
    tell_quarantined(manifest, run.plan, high_share=run.settings.quarantine_alarm_share)


def _leave_evidence(manifest: Manifest, plan: RunPlan) -> RunSummary:
    key = plan.contract.replace("_", "-").lower()
    create_markdown_artifact(
        key=f"{key}-summary",
        markdown=_markdown(manifest, plan),
        description="The books of the run, and where its files are.",
    )
    create_table_artifact(
        key=f"{key}-jobs",
        table=[job.model_dump(exclude={"input_blob", "output_blob", "output_sha256"}) for job in manifest.jobs],
        description="One line for each BES job.",
    )
    if not plan.findings_by_rule.empty:
        create_table_artifact(
            key=f"{key}-findings",
            table={str(name): column.tolist() for name, column in plan.findings_by_rule.items()},
            description="Which rules the rows of the input break.",
        )
    return RunSummary(
        **manifest.model_dump(include=set(RunSummary.model_fields) & set(Manifest.model_fields)),
        n_jobs=len(manifest.jobs),
        manifest=plan.folder.manifest,
    )


def _markdown(manifest: Manifest, plan: RunPlan) -> str:
    files = "\n".join(f"- `{Path(entry.path).name}`, {entry.size_bytes:,} bytes" for entry in manifest.inputs)
    return f"""# {manifest.contract}: {manifest.n_scored:,} of {manifest.n_input:,} rows scored

| | |
| --- | --: |
| rows in | {manifest.n_input:,} |
| scored | {manifest.n_scored:,} |
| quarantined | {manifest.n_quarantined:,} |
| of them refused by the web service | {manifest.n_refused:,} |
| failed | {manifest.n_failed:,} |
| jobs | {len(manifest.jobs):,} |
| seconds | {manifest.duration_seconds:.1f} |

**Input**

{files}

**Results**

- predictions: `{manifest.predictions}`
- quarantine: `{manifest.quarantine}`
- manifest: `{plan.folder.manifest}`
- Data Docs: `{manifest.data_docs}`
"""
