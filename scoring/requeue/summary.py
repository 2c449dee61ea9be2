"""What a requeue tells at its end, to people and to programs."""

from scoring.summary import RunSummary


class RequeueSummary(RunSummary):
    """The run as it is published now.

    Args:
        n_jobs: Jobs of the mended rows.
        n_requeued: Mended rows that are scored.
        n_refused_again: Those that stay in the quarantine, with their new reasons.
        published: Folder of the version in the container.
    """

    n_requeued: int
    n_refused_again: int
    published: str
