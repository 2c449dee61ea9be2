"""ONNX models. Imported only when a service declares one; needs the package `onnxruntime`."""

import numpy as np
import numpy.typing as npt
import onnxruntime
import pyarrow as pa

from service.declaration import Onnx, OutputPort
from service.errors import DeclarationError, ScoringFailed
from service.tables import table_of

ELEMENT_TYPES: dict[str, npt.DTypeLike] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
    "tensor(string)": np.object_,
}


class OnnxModel:
    """An ONNX model. A model with one input gets all columns side by side, one with several a column for each.

    Args:
        declaration: Names the file and the outputs to use.
        port: Declares the columns of the output port.

    Raises:
        DeclarationError: The model has an input of a type that no column has.
    """

    def __init__(self, declaration: Onnx, port: OutputPort) -> None:
        options = onnxruntime.SessionOptions()
        # One worker process per core is what uses the machine.
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(declaration.path), options, ["CPUExecutionProvider"])
        self._outputs = list(declaration.outputs) or None
        self._inputs = self._session.get_inputs()
        for model_input in self._inputs:
            if model_input.type not in ELEMENT_TYPES:
                what = f"input {model_input.name!r} is of type {model_input.type}, which no column has"
                raise DeclarationError(str(declaration.path), "", what)
        self.columns = port.columns

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """What the model makes of the rows."""
        if batch.num_rows == 0:
            return table_of([], self.columns)
        try:
            results = self._session.run(self._outputs, self._feed(batch))
        # onnxruntime's errors have no common class but this.
        except Exception as error:
            message = f"The model refuses the rows: {type(error).__name__}: {error}"
            raise ScoringFailed(message) from error
        return table_of([np.asarray(result) for result in results], self.columns)

    def _feed(self, batch: pa.RecordBatch) -> dict[str, npt.NDArray[np.generic]]:
        if len(self._inputs) == 1:
            [only] = self._inputs
            stacked = np.column_stack([_values(column, only.type) for column in batch.columns])
            return {only.name: stacked}
        columns = zip(self._inputs, batch.columns, strict=True)
        return {
            model_input.name: _values(column, model_input.type).reshape(_shape(model_input.shape, len(column)))
            for model_input, column in columns
        }


def _values(column: pa.Array, element_type: str) -> npt.NDArray[np.generic]:
    values: npt.NDArray[np.generic] = column.to_numpy(zero_copy_only=False)
    return values.astype(ELEMENT_TYPES[element_type])


def _shape(declared: list[object], n_rows: int) -> tuple[int, ...]:
    return (n_rows,) if len(declared) == 1 else (n_rows, 1)
