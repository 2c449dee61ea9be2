"""Puts scored rows among those of a published version, each in its place, a few rows at a time."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bes.errors import IntegrityError
from scoring.contract.model import PLACE
from scoring.contract.reading.accepted import AcceptedFile
from scoring.csv_records import open_csv
from scoring.csv_text import header_as_csv, rows_as_csv
from scoring.requeue.mended import Place


def places_among(published: Sequence[AcceptedFile], added: Sequence[Place]) -> npt.NDArray[np.int64]:
    """How many published rows come before each added one.

    Args:
        published: The rows of the version, file by file.
        added: Places in the input, in its order; none of them is published.

    Returns:
        Shape (n_added,), ascending.
    """
    before = {}
    n_rows = 0
    for file in published:
        before[file.file.name] = (n_rows, file.rejected)
        n_rows += file.n_rows
    # Records that are not scored are not counted; the added one is among them.
    return np.array(
        [before[name][0] + record - 1 - int(np.searchsorted(before[name][1], record)) for name, record in added],
        dtype=np.int64,
    )


def place_rows(
    published: Path, added: Path, target: Path, *, at: npt.NDArray[np.int64], places: Sequence[Place], by_place: bool
) -> int:
    """Write the predictions of both; what was published stays as it is, cell by cell.

    Args:
        published: Predictions of the version.
        added: Predictions of the mended rows.
        target: Where to write.
        at: Shape (n_added,), ascending: how many published rows come before each added one.
        places: Of the added rows in the input.
        by_place: Whether the predictions begin with what a row is known by that has no key.

    Returns:
        Number of rows written.

    Raises:
        IntegrityError: The two have other columns, or one has not as many rows as it must.
    """
    before, new = open_csv(published, what="The published version"), open_csv(added, what="The file of mended rows")
    if before.header != new.header:
        raise IntegrityError(
            f"The mended rows came back with the columns {list(new.header)}, those published have"
            f" {list(before.header)}.",
            "Nothing was published. Ask the owner of the web service whether its model changed meanwhile; then run the"
            " whole input again with --rescore.",
        )
    waiting = _Waiting(_known_by_place(new.batches(), places) if by_place else new.batches())
    n_before = n_placed = 0
    with target.open("wb") as file:
        file.write(header_as_csv(before.header))
        for batch in before.batches():
            here = at[n_placed : int(np.searchsorted(at, n_before + batch.num_rows))]
            together = _together(batch, waiting.take(len(here)), here - n_before)
            file.write(rows_as_csv(together.columns))
            n_before, n_placed = n_before + batch.num_rows, n_placed + len(here)
        rest = waiting.take(len(at) - n_placed)
        if rest is not None:
            file.write(rows_as_csv(rest.columns))
    waiting.require_end()
    return n_before + len(at)


class _Waiting:
    """Rows of a stream, as many at a time as are asked for."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self._left: list[pa.RecordBatch] = []
        self._n_left = 0

    def take(self, n_rows: int) -> pa.RecordBatch | None:
        """The next rows; None when none are asked for.

        Raises:
            IntegrityError: There are not so many.
        """
        if not n_rows:
            return None
        while self._n_left < n_rows:
            batch = next(self._batches, None)
            if batch is None:
                raise _other_rows("mended ones are missing")
            self._left.append(batch)
            self._n_left += batch.num_rows
        whole = pa.concat_batches(self._left)
        self._left, self._n_left = [whole.slice(n_rows)], whole.num_rows - n_rows
        return whole.slice(0, n_rows)

    def require_end(self) -> None:
        """Refuse to go on when rows are left.

        Raises:
            IntegrityError: There are.
        """
        if self._n_left or any(batch.num_rows for batch in self._batches):
            raise _other_rows("there are too many mended ones")


def _together(batch: pa.RecordBatch, added: pa.RecordBatch | None, at: npt.NDArray[np.int64]) -> pa.RecordBatch:
    if added is None:
        return batch
    order = np.insert(np.arange(batch.num_rows), at, batch.num_rows + np.arange(added.num_rows))
    return pa.concat_batches([batch, added]).take(pa.array(order))


def _known_by_place(batches: Iterator[pa.RecordBatch], places: Sequence[Place]) -> Iterator[pa.RecordBatch]:
    """The rows with their places in the input instead of those in the file of mended rows."""
    n_before = 0
    for batch in batches:
        here = places[n_before : n_before + batch.num_rows]
        if len(here) != batch.num_rows:
            raise _other_rows("there are too many mended ones")
        known = [pa.array([name for name, _ in here]), pa.array([str(record) for _, record in here])]
        yield pa.RecordBatch.from_arrays([*known, *batch.columns[len(PLACE) :]], names=batch.schema.names)
        n_before += batch.num_rows


def _other_rows(why: str) -> IntegrityError:
    return IntegrityError(
        f"The rows do not fit together: {why}.",
        "Nothing was published. Keep others out of the run's folder; try again.",
    )
