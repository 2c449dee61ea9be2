"""Models: what turns a block of input rows into as many rows of output."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import import_module
from typing import Protocol, cast

import numpy as np
import pyarrow as pa

from service.counts_csv import counts_csv
from service.declaration import (
    MAX_COLUMN_BITS,
    Column,
    ColumnType,
    FeatureHashing,
    MlflowPyfunc,
    ModelDeclaration,
    Onnx,
    OutputPort,
    ScikitLearn,
)
from service.errors import ScoringFailed
from service.feature_hashing import find_ngrams, hash_features
from service.parameters import Scalar
from service.tables import csv_rows

CELLS_AT_A_TIME = 1 << 22
"""Output cells made at a time: 16 MB of counts, 8 MB of them as CSV. Wide outputs are made from fewer rows at once."""


class Model(Protocol):
    """A model, loaded."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that `score` gives."""

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """One row for every row of `batch`, in the same order.

        Raises:
            ScoringFailed: The model cannot take these rows.
        """


class FeatureHashingModel:
    """Counts of hashed words and word sequences of one text column.

    Args:
        declaration: Its `bits` and `ngrams` may be replaced by global parameters.
        parameters: Values of the global parameters.
    """

    def __init__(self, declaration: FeatureHashing, parameters: Mapping[str, Scalar]) -> None:
        self._column = declaration.column
        self._bits = _replaced(declaration.bits, declaration.bits_parameter, parameters)
        self._ngrams = _replaced(declaration.ngrams, declaration.ngrams_parameter, parameters)
        if not 1 <= self._bits <= MAX_COLUMN_BITS:
            message = f"Feature hashing makes 2**1 to 2**{MAX_COLUMN_BITS} columns, and 2**{self._bits} were asked for"
            raise ScoringFailed(message)
        self.columns = _hashing_columns(self._column, self._bits)

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The counts of each row."""
        counts = hash_features(batch.column(self._column), bits=self._bits, ngrams=self._ngrams)
        # One array cut into columns: to make tens of thousands of them costs more than to count.
        by_column = pa.array(np.ascontiguousarray(counts.T).reshape(-1))
        arrays = [by_column.slice(index * len(counts), len(counts)) for index in range(len(self.columns))]
        return pa.record_batch(arrays, names=[column.name for column in self.columns])

    def csv_in_slices(self, batch: pa.RecordBatch, delimiter: str) -> Iterator[memoryview]:
        """The counts of each row as CSV, straight from the n-grams: most counts of wide outputs are zeros."""
        n_columns = len(self.columns)
        texts, most_rows = batch.column(self._column), CELLS_AT_A_TIME // n_columns
        for found in find_ngrams(texts, bits=self._bits, ngrams=self._ngrams, most_rows=most_rows):
            n_rows = found.end_row - found.first_row
            yield counts_csv(found.cells, n_rows=n_rows, n_columns=n_columns, delimiter=delimiter)


# Wide outputs have tens of thousands of columns, and every request loads its model anew.
@lru_cache(maxsize=8)
def _hashing_columns(column: str, bits: int) -> tuple[Column, ...]:
    names = (f"{column}_HashingFeature.{index}" for index in range(2**bits))
    return tuple(Column(name=name, type=ColumnType.INT32) for name in names)


def _replaced(value: int, parameter: str | None, parameters: Mapping[str, Scalar]) -> int:
    return value if parameter is None else int(parameters.get(parameter, value))


MODULES: dict[type[ModelDeclaration], tuple[str, str]] = {
    ScikitLearn: ("service.scikit_learn_model", "ScikitLearnModel"),
    MlflowPyfunc: ("service.mlflow_model", "MlflowModel"),
    Onnx: ("service.onnx_model", "OnnxModel"),
}
"""Where the models live that need an optional package. Each module is imported only when a service declares it."""


def load_model(declaration: ModelDeclaration, port: OutputPort, parameters: Mapping[str, Scalar]) -> Model:
    """The model that makes an output port; kept in memory between calls.

    Raises:
        DeclarationError: Its file cannot be loaded, or its package is not installed.
    """
    if isinstance(declaration, FeatureHashing):
        return FeatureHashingModel(declaration, parameters)
    return _load_from_file(declaration, port)


# A worker serves few models; the bound only keeps a long list of services from filling its memory.
@lru_cache(maxsize=8)
def _load_from_file(declaration: ModelDeclaration, port: OutputPort) -> Model:
    module, name = MODULES[type(declaration)]
    return cast("Model", getattr(import_module(module), name)(declaration, port))


def score_in_slices(model: Model, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """What `model` makes of `batch`, in pieces small enough for memory.

    Raises:
        ScoringFailed: The model fails, or gives another number of rows than it got.
    """
    n_rows = max(1, CELLS_AT_A_TIME // max(1, len(model.columns)))
    for first in range(0, batch.num_rows, n_rows):
        yield _scored(model, batch.slice(first, n_rows))


def csv_in_slices(model: Model, batch: pa.RecordBatch, delimiter: str) -> Iterator[memoryview]:
    """What `model` makes of `batch` as CSV without a header, in pieces small enough for memory.

    Raises:
        ScoringFailed: As `score_in_slices`.
    """
    if isinstance(model, FeatureHashingModel):
        return model.csv_in_slices(batch, delimiter)
    return (csv_rows(scored, delimiter) for scored in score_in_slices(model, batch))


def _scored(model: Model, batch: pa.RecordBatch) -> pa.RecordBatch:
    scored = model.score(batch)
    if scored.num_rows != batch.num_rows:
        message = f"The model gave {scored.num_rows} rows for {batch.num_rows}"
        raise ScoringFailed(message)
    return scored
