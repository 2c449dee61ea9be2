"""Data Docs that can be opened anywhere: no page runs a script or asks the network for anything.

Great Expectations writes cells into its pages as they are: a review that holds a script would run in the browser of
whoever looks into the quarantine. So what is stored, and what pages are made from, holds a few escaped examples.

It also writes its pages for a browser with access to some seventeen addresses of others. Here scripts,
foreign style sheets and pictures are taken out, a small style sheet is put in, and a Content Security Policy forbids
the rest. Its index page draws the list of runs with a script, so the list is written anew.
"""

import html
import importlib.resources
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scoring.contract.findings import Finding

RESULTS_FOLDER: Final = "results"
_PAGES_FOLDER: Final = "validations"

# Cells shown per rule: enough to see what is wrong; the quarantine has all of them.
MAX_EXAMPLES: Final = 20
# A review can be pages long, and a page is for reading.
MAX_EXAMPLE_CHARACTERS: Final = 200

_POLICY: Final = (
    '<meta http-equiv="Content-Security-Policy"'
    " content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">"
)
_SCRIPT: Final = re.compile(r"<script\b.*?</script\s*>", re.DOTALL | re.IGNORECASE)
_FOREIGN: Final = re.compile(r"<(?:link|img)\b[^>]*>", re.DOTALL | re.IGNORECASE)
_FOREIGN_IN_STYLE: Final = re.compile(r"url\([^)]*\)", re.IGNORECASE)
_HEAD: Final = re.compile(r"<head>", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    name: str
    time: str
    suite: str
    success: bool
    page: str


def published(result: Mapping[str, Any], findings: Sequence[Finding]) -> dict[str, Any]:
    """Return what is stored of one expectation's result: its figures and a few examples, HTML-escaped.

    Args:
        result: GX's result, COMPLETE and without values.
        findings: The rows that break the rule, with where they stand.
    """
    figures = {name: value for name, value in result.items() if "index" not in name}
    return {name: _escaped(value) for name, value in (figures | _examples(findings)).items()}


def make_safe(docs_dir: Path) -> None:
    """Take everything out of the pages that runs or loads something, and forbid it. Doing it twice changes nothing."""
    # 4 MB of pictures and fonts that no page refers to any more.
    shutil.rmtree(docs_dir / "static", ignore_errors=True)
    style = _style()
    for page in sorted(docs_dir.rglob("*.html")):
        before = page.read_text(encoding="utf-8")
        if _POLICY in before:
            continue
        text = _FOREIGN_IN_STYLE.sub("none", _FOREIGN.sub("", _SCRIPT.sub("", before)))
        text = _HEAD.sub(lambda _: f"<head>{_POLICY}", text, count=1)
        page.write_text(text.replace("</head>", f"<style>{style}</style></head>", 1), encoding="utf-8")


def write_index(docs_dir: Path) -> Path:
    """Write the page that lists the validation runs of the folder, the latest first, and return its path."""
    rows = "\n".join(
        f"<tr><td>{'passed' if run.success else '<strong>failed</strong>'}</td><td>{html.escape(run.time)}</td>"
        f'<td><a href="{html.escape(run.page)}">{html.escape(run.name)}</a></td><td>{html.escape(run.suite)}</td></tr>'
        for run in sorted(_runs(docs_dir), key=lambda run: run.time, reverse=True)
    )
    index = docs_dir / "index.html"
    index.write_text(
        f'<!DOCTYPE html>\n<html lang="en"><head>{_POLICY}<meta charset="utf-8"><title>Data Docs</title>'
        f"<style>{_style()}</style></head><body>\n<h1>Data Docs</h1>\n"
        f"<table><tr><th>Status</th><th>Time</th><th>Run</th><th>Expectation suite</th></tr>\n{rows}\n</table>\n"
        "</body></html>\n",
        encoding="utf-8",
    )
    return index


def _runs(docs_dir: Path) -> Iterator[_Run]:
    """Yield the stored results; result and page bear the same path below their folders."""
    results = docs_dir / RESULTS_FOLDER
    for path in results.rglob("*.json"):
        result = json.loads(path.read_text(encoding="utf-8"))
        page = Path(_PAGES_FOLDER) / path.relative_to(results).with_suffix(".html")
        run_id = result["meta"]["run_id"]
        yield _Run(
            name=run_id["run_name"],
            time=run_id["run_time"],
            suite=result["suite_name"],
            success=result["success"],
            page=page.as_posix(),
        )


def _style() -> str:
    return (importlib.resources.files("scoring.contract") / "datadocs.css").read_text(encoding="utf-8")


def _examples(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return what GX's pages show of single rows: the value, and where it stands."""
    examples = findings[:MAX_EXAMPLES]
    if not examples:
        return {}
    values = [finding.value[:MAX_EXAMPLE_CHARACTERS] or None for finding in examples]
    places = [
        {"value": value, "file": finding.file, "record": finding.record, "line": finding.line}
        for value, finding in zip(values, examples, strict=True)
    ]
    return {
        "partial_unexpected_list": values,
        "partial_unexpected_counts": [{"value": value, "count": n} for value, n in Counter(values).items()],
        "unexpected_index_list": places,
        "unexpected_index_column_names": ["file", "record", "line"],
    }


def _escaped(value: Any) -> Any:  # noqa: ANN401
    match value:
        case str():
            return html.escape(value)
        case Mapping():
            return {name: _escaped(item) for name, item in value.items()}
        case list() | tuple():
            return [_escaped(item) for item in value]
        case _:
            return value
