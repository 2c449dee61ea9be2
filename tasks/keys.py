"""Keys of artifacts: the same every night, so that the UI shows what they were before."""

import re
from pathlib import PurePath


def artifact_key(contract: str, what: str) -> str:
    """Key of one artifact of a data set. Prefect takes lowercase letters, digits and dashes.

    Args:
        contract: Name of the contract, or path of its YAML file.
        what: What the artifact is.
    """
    return re.sub(r"[^a-z0-9]+", "-", f"{PurePath(contract).stem} {what}".lower()).strip("-")
