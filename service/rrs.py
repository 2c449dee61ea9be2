"""Request/response scoring: tables in the request, tables in the answer, in either of the two forms."""

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import pyarrow as pa
from pydantic import JsonValue

from bes.protocol import Table
from service import error_codes
from service.bodies import read_model, read_object
from service.declaration import Column, InputPort, WebService
from service.errors import ServiceError, did_you_mean
from service.models import Model, load_model, score_in_slices
from service.parameters import Scalar, resolve_parameters
from service.tables import BadCell, as_text, typed

MAX_RESPONSE_CELLS = 20_000_000
"""Some 100 MB of JSON. A 4 MB request meets it only by asking for very many columns."""

MAX_RESPONSE_MEGABYTES = 100

ROWS_AT_A_TIME = 10_000
"""Rows between two looks at the clock, and rows that are Python objects at the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteTask:
    """All that a worker needs to know of a request."""

    service: WebService
    tables: Mapping[str, pa.RecordBatch]
    parameters: Mapping[str, Scalar]
    as_objects: bool
    with_details: bool
    timeout_seconds: float


def read_request(body: bytes, service: WebService) -> tuple[dict[str, pa.RecordBatch], dict[str, Scalar]]:
    """The input tables, as text, and the global parameters of a request.

    Raises:
        ServiceError: The documented error for what is wrong with it.
    """
    content = read_object(body)
    parameters = content.get("GlobalParameters") or {}
    if not isinstance(parameters, dict):
        raise error_codes.REQUEST_BODY_INVALID(hint="GlobalParameters must be an object.")
    inputs = content.get("Inputs") or {}
    if not isinstance(inputs, dict):
        raise error_codes.REQUEST_BODY_INVALID(hint="Inputs must be an object.")
    check_input_names(inputs, service)
    tables = {port.name: _read_table(inputs[port.name], port) for port in service.inputs}
    return tables, resolve_parameters(parameters, service.global_parameters, api="RRS")


def check_input_names(inputs: Mapping[str, JsonValue], service: WebService) -> None:
    """Raise the documented error unless exactly the service's inputs are given."""
    ports = [port.name for port in service.inputs]
    unknown = [name for name in inputs if name not in ports]
    if unknown:
        raise error_codes.INVALID_INPUT_NAMES(", ".join(unknown), hint=did_you_mean(unknown[0], ports))
    missing = [name for name in ports if inputs.get(name) is None]
    if len(missing) == len(ports):
        raise error_codes.MISSING_REQUEST_INPUT()
    if missing:
        raise error_codes.BATCH_JOB_INPUTS_NOT_SPECIFIED(", ".join(missing))


def _read_table(value: JsonValue, port: InputPort) -> pa.RecordBatch:
    if isinstance(value, list):
        return _from_objects(value, port)
    table = read_model(Table, value)
    given = table.column_names if table.column_names is not None else [column.name for column in port.columns]
    _check_columns(given, port)
    for row, cells in enumerate(table.values):
        if len(cells) != len(given):
            raise _mismatch(port, row, f"has {len(cells)} cells for {len(given)} columns")
    order = [given.index(column.name) for column in port.columns]
    return _texts([[cells[index] for cells in table.values] for index in order], port)


def _from_objects(rows: Sequence[JsonValue], port: InputPort) -> pa.RecordBatch:
    columns: list[list[JsonValue]] = [[] for _ in port.columns]
    for row, item in enumerate(rows):
        if not isinstance(item, dict):
            raise _mismatch(port, row, "is not an object")
        if len(item) != len(columns) or any(column.name not in item for column in port.columns):
            _check_columns(list(item), port)
        for values, column in zip(columns, port.columns, strict=True):
            values.append(item[column.name])
    return _texts(columns, port)


def _check_columns(given: Sequence[str], port: InputPort) -> None:
    names = [column.name for column in port.columns]
    for name in given:
        if name not in names:
            hint = f"Input {port.name!r} has no column {name!r}. {did_you_mean(name, names)}"
            raise error_codes.INPUT_MISMATCH_ERROR(hint=hint.rstrip())
    for name in names:
        if list(given).count(name) != 1:
            raise error_codes.INPUT_MISMATCH_ERROR(hint=f"Input {port.name!r} needs column {name!r} exactly once.")


def _texts(columns: Sequence[Sequence[JsonValue]], port: InputPort) -> pa.RecordBatch:
    arrays = [
        pa.array([_text(value, row, column, port) for row, value in enumerate(values)], pa.string())
        for column, values in zip(port.columns, columns, strict=True)
    ]
    batch = pa.record_batch(arrays, names=[column.name for column in port.columns])
    try:
        typed(batch, port.columns)
    except BadCell as error:
        raise _mismatch(port, error.row, f"has no {error.type_name} in column {error.column!r}") from None
    return batch


def _text(value: JsonValue, row: int, column: Column, port: InputPort) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and math.isnan(value):
        return None  # how clients built on pandas write a missing cell
    if isinstance(value, dict | list):
        raise _mismatch(port, row, f"has no plain value in column {column.name!r}")
    try:
        return str(value)
    except ValueError:
        raise _mismatch(port, row, f"has too long a number in column {column.name!r}") from None


def _mismatch(port: InputPort, row: int, what: str) -> ServiceError:
    return error_codes.INPUT_PARSE_ERROR(f"row {row + 1} of input {port.name!r} {what}")


def execute(task: ExecuteTask) -> bytes:
    """The body of the answer. Runs in a worker process.

    Raises:
        ServiceError: The answer would be too large, or takes too long.
        ScoringFailed: The model cannot take the rows.
    """
    deadline = time.monotonic() + task.timeout_seconds
    results = []
    for output in task.service.outputs:
        model = load_model(task.service.model_of(output), output, task.parameters)
        source = task.service.input_of(output)
        batch = typed(task.tables[source.name], source.columns)
        if batch.num_rows * len(model.columns) > MAX_RESPONSE_CELLS:
            raise error_codes.OUT_OF_MEMORY_LIMIT(MAX_RESPONSE_MEGABYTES)
        pieces = list(_rendered(model, batch, task.as_objects, deadline))
        rows = b"[" + b",".join(pieces) + b"]"
        results.append(_json(output.name) + b":" + _framed(rows, model, task))
    return b'{"Results":{' + b",".join(results) + b"}}"


def _rendered(model: Model, batch: pa.RecordBatch, as_objects: bool, deadline: float) -> Iterator[bytes]:
    for first in range(0, batch.num_rows, ROWS_AT_A_TIME):
        for scored in score_in_slices(model, batch.slice(first, ROWS_AT_A_TIME)):
            if time.monotonic() > deadline:
                raise error_codes.SCORE_REQUEST_TIMEOUT()
            rows = zip(*_column_texts(scored), strict=True)
            names = scored.schema.names
            items = [dict(zip(names, row, strict=True)) for row in rows] if as_objects else [list(row) for row in rows]
            yield _json(items)[1:-1]


def _column_texts(batch: pa.RecordBatch) -> Iterator[list[str | None]]:
    """Each column as the wire shows it."""
    # Neighbours of one type are made text at once: each array costs as much as many cells.
    for _, alike in groupby(batch.columns, key=lambda column: column.type):
        texts = as_text(pa.concat_arrays(list(alike))).to_pylist()
        yield from (texts[first : first + batch.num_rows] for first in range(0, len(texts), batch.num_rows))


def _framed(rows: bytes, model: Model, task: ExecuteTask) -> bytes:
    if task.as_objects:
        return rows
    heading = b""
    if task.with_details:
        names = [column.name for column in model.columns]
        types = [str(column.type) for column in model.columns]
        heading = b'"ColumnNames":' + _json(names) + b',"ColumnTypes":' + _json(types) + b","
    return b'{"type":"table","value":{' + heading + b'"Values":' + rows + b"}}"


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
