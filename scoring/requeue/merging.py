"""The next version of a run: its mended rows among those that were published, with books that balance."""

import csv
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bes.errors import IntegrityError
from scoring.books import Books
from scoring.contract.quarantine import COLUMNS, REFUSED
from scoring.keys import balance_keys
from scoring.manifest import JobEntry, RequeuedFrom
from scoring.plan import Outcome, RunFolder
from scoring.publishing import merge_and_balance
from scoring.requeue.base import Base, as_mended, cells_by_place
from scoring.requeue.held import HeldRun
from scoring.requeue.mended import MendedRow, Place, Refusal, write_rows
from scoring.requeue.placing import place_rows, places_among
from scoring.requeue.planning import MendedWork
from scoring.requeue.quarantined import Quarantined, read_lines
from scoring.shards import cut_shards
from scoring.version_files import MENDED, PREDICTIONS, QUARANTINE

logger = logging.getLogger(__name__)

Refusals = dict[Place, list[Refusal]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """A version that may be published.

    Args:
        folder: Holds predictions, quarantine and mended rows.
        step: From which version, and how.
    """

    folder: Path
    books: Books
    step: RequeuedFrom


def merge_mended(
    held: HeldRun,
    base: Base,
    work: MendedWork,
    outcome: Outcome,
    *,
    jobs: list[JobEntry],
    folder: RunFolder,
    fixed_sha256: str,
) -> Merged:
    """Write the next version aside, and prove that every row of the input is accounted for, by place and by key.

    Args:
        held: The run.
        base: The version that rows are added to.
        work: The mended rows.
        outcome: What became of those that the contract accepts.
        jobs: Those that scored them.
        folder: Of the run; the version is written into its working folder.
        fixed_sha256: Of the file in which the rows were mended.

    Raises:
        IntegrityError: A row is not accounted for; names it.
        InputError: An input file has changed since it was planned.
    """
    merge_and_balance(work.plan, outcome)
    refusals = _refusals(work)
    added = [row for row in work.rows if row.place not in refusals]
    published = folder.work / "published-predictions.csv"
    held.check()
    blob = held.store.download(f"{base.folder}/{PREDICTIONS}", published)
    if blob.sha256 != base.manifest.predictions_sha256:
        raise IntegrityError(
            f"{blob.name!r} is not what its manifest says.", "Run with --rescore, which publishes another version."
        )
    before = as_mended(work.files, base.quarantined, cells_by_place(base.mended, work.contract))
    n_rows = place_rows(
        published,
        work.plan.folder.predictions_aside,
        folder.work / PREDICTIONS,
        at=places_among(before, [row.place for row in added]),
        places=[row.place for row in added],
        by_place=work.plan.key is None,
    )
    published.unlink()
    all_mended = _in_order([*base.mended, *added], work)
    write_rows(all_mended, folder.work / MENDED)
    _write_quarantine(base, work, {row.place for row in added}, refusals, folder.work / QUARANTINE)
    books = _balance(base, work, all_mended, n_rows=n_rows, n_added=len(added), folder=folder)
    step = RequeuedFrom(
        folder=base.folder,
        generation=base.manifest.generation,
        fixed_sha256=fixed_sha256,
        run_key=work.plan.run_key,
        n_rows=len(added),
        n_refused_again=len(refusals),
        jobs=jobs,
    )
    return Merged(folder=folder.work, books=books, step=step)


def _refusals(work: MendedWork) -> Refusals:
    """Why mended rows were refused again, by their places in the input."""
    refusals: Refusals = {row.place: [refusal] for row, refusal in work.illegible.items()}
    lines = read_lines(work.plan.folder.quarantine_aside, ("record", "column", "rule", "value", "message"))
    for _, (record, column, rule, value, message) in lines:
        refusal = Refusal(column=column, rule=rule, value=value, message=message)
        refusals.setdefault(work.rows[int(record) - 1].place, []).append(refusal)
    return refusals


def _in_order(rows: Sequence[MendedRow], work: MendedWork) -> list[MendedRow]:
    order = {file.name: place for place, file in enumerate(work.files)}
    return sorted(rows, key=lambda row: (order[row.file], row.record))


def _write_quarantine(base: Base, work: MendedWork, added: set[Place], refusals: Refusals, path: Path) -> None:
    """The published quarantine without the rows that are scored now; those refused again with their new reasons."""
    raws = {row.place: row.raw for row in (*work.rows, *work.illegible)}
    told: set[Place] = set()
    with path.open("w", newline="", encoding="utf-8") as target:
        writer = csv.writer(target)
        writer.writerow(COLUMNS)
        for _, cells in read_lines(base.quarantine_path, COLUMNS):
            file, record, line = cells[:3]
            place = (file, int(record))
            if place in refusals and place not in told:
                told.add(place)
                writer.writerows(
                    [file, record, line, one.column, one.rule, one.value, one.message, raws[place]]
                    for one in refusals[place]
                )
            elif place not in refusals and place not in added:
                writer.writerow(cells)


def _n_refused(quarantine: Path) -> int:
    """How many rows the web service refuses; each has one line."""
    return sum(rule == REFUSED for _, (rule,) in read_lines(quarantine, ("rule",)))


def _balance(
    base: Base, work: MendedWork, mended: Sequence[MendedRow], *, n_rows: int, n_added: int, folder: RunFolder
) -> Books:
    manifest, plan = base.manifest, work.plan
    quarantine = folder.work / QUARANTINE
    quarantined = Quarantined(quarantine)
    books = Books(
        n_input=manifest.n_input,
        n_scored=n_rows,
        n_quarantined=quarantined.n_records,
        n_failed=manifest.n_failed,
        n_refused=_n_refused(quarantine),
    )
    books.require_balance()
    if n_rows != manifest.n_scored + n_added:
        raise IntegrityError(
            f"The version holds {n_rows} rows instead of {manifest.n_scored} and {n_added} mended ones.",
            "Nothing was published. Requeue again.",
        )
    accepted = as_mended(work.files, quarantined, cells_by_place(mended, work.contract))
    # In one piece each: they are not sent, and the proof asks that no row lies between two pieces.
    whole = cut_shards(accepted, key=plan.key, sent=(), passthrough=(), rows_per_job=max(1, n_rows))
    balance_keys(
        manifest.inputs,
        accepted,
        whole,
        key=plan.key,
        shows_keys=plan.shows_keys,
        predictions=folder.work / PREDICTIONS,
        quarantine=quarantine,
    )
    return books
