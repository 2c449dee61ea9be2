"""MLflow models through their `python_function` flavour. Loading one runs code of its author.

Imported only when a service declares such a model; needs the package `mlflow-skinny` (or `mlflow`) and whatever the
model itself needs.
"""

import mlflow.pyfunc
import numpy as np
import pyarrow as pa
from mlflow.exceptions import MlflowException

from service.declaration import MlflowPyfunc, OutputPort
from service.errors import ScoringFailed
from service.tables import table_of


class MlflowModel:
    """An MLflow model. What it predicts is the columns of the output port, in its own order.

    Args:
        declaration: Names the model's directory.
        port: Declares the columns.
    """

    def __init__(self, declaration: MlflowPyfunc, port: OutputPort) -> None:
        self._model = mlflow.pyfunc.load_model(str(declaration.path))
        self.columns = port.columns

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """What the model predicts for the rows."""
        try:
            predicted = self._model.predict(batch.to_pandas())
        except (MlflowException, ValueError, TypeError) as error:
            message = f"The model refuses the rows: {error}"
            raise ScoringFailed(message) from error
        columns = getattr(predicted, "columns", None)
        results = [predicted] if columns is None else [predicted[name] for name in columns]
        return table_of([np.asarray(result) for result in results], self.columns)
