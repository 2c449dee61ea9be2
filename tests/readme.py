"""What the README shows, for tests that compare it with what is printed."""

import re
from pathlib import Path


def blocks(repository: Path, language: str) -> list[str]:
    """The fenced blocks of one language, in their order."""
    text = (repository / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def without_what_differs(text: str) -> str:
    """Run keys, durations and absolute paths differ from run to run and from machine to machine."""
    text = re.sub(r"\b[0-9a-f]{16}\b", "<run_key>", text)
    text = re.sub(r'"duration_seconds":[0-9.]+|[0-9.]+ s\b', "<duration>", text)
    return re.sub(r"(?<![\w.])/\S*?/(?=<run_key>)", "<folder>/", text).strip()
