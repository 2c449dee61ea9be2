"""One job, scored in a worker process: blobs in, staged blobs out, never more than a few blocks in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from service.declaration import Column, InputPort, OutputPort, WebService
from service.errors import RowRefused, ScoringFailed
from service.faults import OutputFaultKind, SpoiltWriter
from service.models import Model, csv_in_slices, load_model
from service.parameters import Scalar
from service.places import BlobPlace
from service.storage import BlockWriter, open_blob
from service.tables import BadCell, header_line, line_of, read_blocks, typed

BlockIds: TypeAlias = dict[str, tuple[str, ...]]
"""Ids of the staged blocks of each output, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringTask:
    """All that a worker needs to know of a job. `spoil` is the output fault that was asked for, `refuse` the marker of
    rows that shall be refused."""

    attempt: str
    service: WebService
    inputs: Mapping[str, BlobPlace] = field(repr=False)
    outputs: Mapping[str, BlobPlace] = field(repr=False)
    parameters: Mapping[str, Scalar]
    spoil: OutputFaultKind | None = None
    refuse: str | None = None


class OutputTable:
    """An output that grows: rows as CSV, staged in the blob's place.

    Args:
        model: What makes its rows.
        place: Where it will be.
        attempt: Tells this writer's blocks from those of others.
        spoil: The output fault that was asked for.
    """

    def __init__(self, model: Model, place: BlobPlace, attempt: str, spoil: OutputFaultKind | None) -> None:
        self.model = model
        writer = BlockWriter(place, attempt)
        self._writer = SpoiltWriter(writer, spoil) if spoil else writer
        self._delimiter = place.delimiter
        self._writer.write(header_line([column.name for column in model.columns], place.delimiter))

    def add(self, batch: pa.RecordBatch) -> None:
        """Score input rows and append the result."""
        for rows in csv_in_slices(self.model, batch, self._delimiter):
            self._writer.write(rows)

    def finish(self) -> tuple[str, ...] | None:
        """Stage the rest, and give the ids of all blocks; None for an output that a fault loses."""
        return self._writer.finish()

    def close(self) -> None:
        """Give up; nothing of the output will be seen."""
        self._writer.close()


def score_job(task: ScoringTask) -> BlockIds:
    """Score a job and stage its outputs. They become visible only when the service publishes the blocks.

    Raises:
        ScoringFailed: Input, parameters or model are at fault; the message names line and column where it can.
    """
    block_ids: BlockIds = {}
    for port in task.service.inputs:
        made_from_it = [output for output in task.service.outputs if task.service.input_of(output) == port]
        if made_from_it:
            block_ids |= _score_input(task, port, made_from_it)
    return block_ids


def _score_input(task: ScoringTask, port: InputPort, outputs: Sequence[OutputPort]) -> BlockIds:
    tables = {
        output.name: OutputTable(
            load_model(task.service.model_of(output), output, task.parameters),
            task.outputs[output.name],
            task.attempt,
            task.spoil,
        )
        for output in outputs
    }
    try:
        _stream(task.inputs[port.name], port.columns, list(tables.values()), task.refuse)
        finished = {name: table.finish() for name, table in tables.items()}
        return {name: block_ids for name, block_ids in finished.items() if block_ids is not None}
    finally:
        for table in tables.values():
            table.close()


def _stream(place: BlobPlace, columns: Sequence[Column], tables: Sequence[OutputTable], refuse: str | None) -> None:
    open_input = partial(open_blob, place)
    n_rows = 0
    try:
        for texts in read_blocks(open_input, columns, place.delimiter):
            batch = typed(texts, columns)
            marked = _first_marked(texts, refuse) if refuse else None
            if marked is not None:
                line = line_of(open_input, place.delimiter, n_rows + marked[0])
                raise RowRefused(f"Line {line}, column '{marked[1]}': the cell is refused")
            for table in tables:
                table.add(batch)
            n_rows += batch.num_rows
    except BadCell as error:
        line = line_of(open_input, place.delimiter, n_rows + error.row)
        message = f"Line {line}, column '{error.column}': the cell is not of type {error.type_name}"
        raise ScoringFailed(message) from error


def _first_marked(texts: pa.RecordBatch, marker: str) -> tuple[int, str] | None:
    """Row and column of the first cell that holds the marker."""
    found = [
        (row, name)
        for name, column in zip(texts.schema.names, texts.columns, strict=True)
        if (row := pc.index(pc.match_substring(column, marker), True).as_py()) >= 0
    ]
    return min(found, default=None)
