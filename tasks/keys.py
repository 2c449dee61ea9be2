"""Keys of artifacts: the same every night, so that the UI shows what they were before."""

import re


def artifact_key(dataset: str, what: str) -> str:
    """Key of one artifact of a dataset. Prefect takes lowercase letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", f"{dataset} {what}".lower()).strip("-")
