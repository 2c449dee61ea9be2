"""Data Docs that can be opened anywhere: no page runs a script, asks the network for anything or shows a secret.

Great Expectations writes cells and column names into its pages as they are: a review that holds a script would run in
the browser of whoever looks into the quarantine. Some places it escapes, most it does not. So what it is given holds
stand-ins for the five characters that mean something in HTML (and for `$`, by which it fills in its templates), and
they become entities when the page is finished: every text is escaped exactly once, wherever GX puts it.

It also writes its pages for a browser with access to some seventeen addresses of others. Here scripts, foreign style
sheets and pictures are taken out, a small style sheet is put in, and a Content Security Policy forbids the rest. Its
index draws the list of runs with a script and reads all of them anew for every run, so the index is our own.
"""

import html
import importlib.resources
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bes.files import replacing
from scoring.contract.docs.published import in_every_text

RESULTS_FOLDER: Final = "results"
# GX's pages link to each other by these folders, and to the index by their depth.
PAGES_FOLDER: Final = "validations"
SUITES_FOLDER: Final = "expectations"

# A month and a half of nightly runs; a page is some 30 kB.
MAX_RUNS: Final = 50
# File systems end names at 255 bytes.
MAX_RUN_NAME_CHARACTERS: Final = 200

_POLICY: Final = (
    '<meta http-equiv="Content-Security-Policy"'
    " content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">"
)
_TAKEN_OUT: Final = re.compile(
    r"<(script|style|title)\b.*?</\1\s*>"  # GX's style sheet is made for one of the foreign ones
    r"|<(?:link|img)\b[^>]*>"
    r'|\son[a-z]+="[^"]*"',
    re.DOTALL | re.IGNORECASE,
)
_HEAD: Final = re.compile(r"<head>", re.IGNORECASE)

# In the last plane of private use, where no text has anything; what nevertheless stands there is no loss.
_STAND_INS: Final = {character: chr(0x10FF00 + number) for number, character in enumerate("<>&\"'$")}
_TO_STAND_INS: Final = str.maketrans(dict.fromkeys(_STAND_INS.values(), "\N{REPLACEMENT CHARACTER}") | _STAND_INS)
_ENTITIES: Final = {stand_in: html.escape(character) for character, stand_in in _STAND_INS.items()}
# GX writes lists as Python does, in which such characters appear by their numbers.
_STAND_IN: Final = re.compile(
    "|".join(f"{one}|{re.escape(one.encode('unicode_escape').decode())}" for one in _ENTITIES)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    name: str
    time: str
    suite: str
    success: bool
    n_rules: int
    n_broken: int
    page: str


def with_stand_ins(value: Any) -> Any:  # noqa: ANN401
    """Return a JSON value with stand-ins in all its texts, so that it can go through GX's renderer unharmed."""
    return in_every_text(value, lambda text: text.translate(_TO_STAND_INS))


def safe_page(page: str, *, title: str) -> str:
    """Take everything out of a page that runs or loads something, forbid it, and put entities for the stand-ins.

    Args:
        page: GX's page, drawn from a result with stand-ins.
        title: What the browser's tab shows.
    """
    page = _TAKEN_OUT.sub("", page).replace("<html>", '<html lang="en">', 1)
    page = _HEAD.sub(lambda _: _head(title), page, count=1)
    return _STAND_IN.sub(lambda found: _ENTITIES[_character(found[0])], page)


def _character(stand_in: str) -> str:
    return stand_in if len(stand_in) == 1 else stand_in.encode().decode("unicode_escape")


def folder_name(run_name: str) -> str:
    """Return a name that any file system takes: ASCII letters, digits, `_` and `-`, at most 200."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", run_name)[:MAX_RUN_NAME_CHARACTERS] or "run"


def keep(docs_dir: Path, result: Mapping[str, Any], *, page: str, suite: str) -> Path:
    """Store a run's result and pages, forget the oldest runs above `MAX_RUNS`, and list the rest.

    Args:
        docs_dir: The folder of the Data Docs.
        result: What GX found, published; the texts are escaped here.
        page: The run's page, safe.
        suite: The expectation suite's page, safe.

    Returns:
        The index, whose first line is the latest run.
    """
    run_id = result["meta"]["run_id"]
    time = re.sub(r"[^0-9T.]", "", run_id["run_time"].partition("+")[0])
    # As deep as GX's pages expect it.
    run = Path(result["suite_name"], run_id["run_name"], time, "result")
    _write(docs_dir / SUITES_FOLDER / f"{result['suite_name']}.html", suite)
    _write((docs_dir / PAGES_FOLDER / run).with_suffix(".html"), page)
    stored = json.dumps(in_every_text(result, html.escape), ensure_ascii=False)
    _write((docs_dir / RESULTS_FOLDER / run).with_suffix(".json"), stored)
    _forget_oldest(docs_dir)
    return write_index(docs_dir)


def write_index(docs_dir: Path) -> Path:
    """Write the page that lists the runs of the folder, the latest first, and return its path."""
    index = docs_dir / "index.html"
    rows = "\n".join(_row(run) for run in sorted(_runs(docs_dir), key=lambda run: run.time, reverse=True))
    _write(
        index,
        f'<!DOCTYPE html>\n<html lang="en">{_head("Data Docs")}'
        '<meta name="viewport" content="width=device-width, initial-scale=1.0"></head><body>\n<h1>Data Docs</h1>\n'
        '<table class="runs"><thead><tr><th>Status</th><th>Time (UTC)</th><th>Run</th><th>Expectation suite</th>'
        f"<th>Rules</th></tr></thead>\n<tbody>{rows}</tbody></table>\n</body></html>\n",
    )
    return index


def _row(run: _Run) -> str:
    status = '<td class="passed">passed</td>' if run.success else '<td class="failed">failed</td>'
    time = html.escape(run.time[:19].replace("T", " "))
    link = f'<a href="{html.escape(run.page)}">{html.escape(run.name)}</a>'
    return (
        f"<tr>{status}<td>{time}</td><td>{link}</td><td>{html.escape(run.suite)}</td>"
        f"<td>{run.n_broken} of {run.n_rules} rules broken</td></tr>"
    )


def _runs(docs_dir: Path) -> Iterator[_Run]:
    """Yield the stored runs; result and page bear the same path below their folders."""
    results = docs_dir / RESULTS_FOLDER
    for path in results.rglob("*.json"):
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
            run_id, statistics = result["meta"]["run_id"], result["statistics"]
        except (OSError, ValueError, KeyError):
            # Another run has just forgotten it, or it was never one of ours.
            continue
        page = Path(PAGES_FOLDER) / path.relative_to(results).with_suffix(".html")
        # What is stored is escaped, and escaped again where it is written into the page.
        yield _Run(
            name=html.unescape(run_id["run_name"]),
            time=html.unescape(run_id["run_time"]),
            suite=html.unescape(result["suite_name"]),
            success=result["success"],
            n_rules=int(statistics["evaluated_expectations"]),
            n_broken=int(statistics["unsuccessful_expectations"]),
            page=page.as_posix(),
        )


def _forget_oldest(docs_dir: Path) -> None:
    """Remove the runs above `MAX_RUNS`: result and page, and the folders that are empty by then."""
    results = docs_dir / RESULTS_FOLDER
    # Suite, name and time are the folders of a run, and the times sort as texts do.
    runs = sorted((path.relative_to(results) for path in results.glob("*/*/*")), key=lambda run: run.name)
    for run in runs[:-MAX_RUNS]:
        for folder in (docs_dir / PAGES_FOLDER, results):
            shutil.rmtree(folder / run, ignore_errors=True)
            with suppress(OSError):
                (folder / run.parent).rmdir()


def _write(path: Path, text: str) -> None:
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def _head(title: str) -> str:
    style = (importlib.resources.files("scoring.contract.docs") / "datadocs.css").read_text(encoding="utf-8")
    # Browsers look for the encoding in the first kilobyte.
    return f'<head><meta charset="utf-8">{_POLICY}<title>{html.escape(title)}</title><style>{style}</style>'
