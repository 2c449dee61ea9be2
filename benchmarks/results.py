"""Where results are written: one section a benchmark, replaced when it is measured anew."""

import os
import platform
import re
from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.md"


def write_section(text: str, path: Path = RESULTS) -> None:
    """Replace the section of the same heading, or add it at the end."""
    heading = text.partition("\n")[0]
    existing = path.read_text(encoding="utf-8") if path.exists() else "# Results\n"
    pattern = re.compile(rf"^{re.escape(heading)}\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)
    if pattern.search(existing):
        written = pattern.sub(lambda _: text.rstrip() + "\n\n", existing)
    else:
        written = f"{existing.rstrip()}\n\n{text}"
    path.write_text(written.rstrip() + "\n", encoding="utf-8")


def machine() -> str:
    """What was measured on, in words."""
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
