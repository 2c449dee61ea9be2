"""scikit-learn estimators saved by skops, which unlike a pickle runs no code that was not agreed to.

Imported only when a service declares such a model; needs the packages `scikit-learn` and `skops`.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import skops.io

from service.declaration import OutputPort, ScikitLearn
from service.errors import DeclarationError, ScoringFailed
from service.tables import table_of


class ScikitLearnModel:
    """An estimator. Its methods' results, side by side, are the columns of the output port.

    Args:
        declaration: Names the file, the methods, and the types that the file may hold beyond skops' own list.
        port: Declares the columns.

    Raises:
        DeclarationError: The file holds a type that is not trusted.
    """

    def __init__(self, declaration: ScikitLearn, port: OutputPort) -> None:
        found = skops.io.get_untrusted_types(file=declaration.path)
        untrusted = sorted(set(found) - set(declaration.trusted_types))
        if untrusted:
            what = (
                f"holds types that are not trusted: {', '.join(untrusted)}; add them to trusted_types if they may run"
            )
            raise DeclarationError(str(declaration.path), "", what)
        self._estimator = skops.io.load(declaration.path, trusted=list(declaration.trusted_types))
        self._methods = declaration.methods
        self.columns = port.columns

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """What the methods make of the rows."""
        features = self._features(batch)
        try:
            results = [_dense(getattr(self._estimator, method)(features)) for method in self._methods]
        except (ValueError, TypeError) as error:
            message = f"The model refuses the rows: {error}"
            raise ScoringFailed(message) from error
        return table_of(results, self.columns)

    def _features(self, batch: pa.RecordBatch) -> pd.DataFrame | npt.NDArray[Any]:
        """A data frame for an estimator that knows columns by name, else texts, else an array."""
        frame: pd.DataFrame = batch.to_pandas()
        if hasattr(self._estimator, "feature_names_in_"):
            return frame
        if len(batch.schema) == 1 and pa.types.is_string(batch.schema.types[0]):
            return frame.iloc[:, 0].to_numpy(dtype=object)
        return frame.to_numpy()


def _dense(result: object) -> npt.NDArray[Any]:
    """Some transformers give sparse matrices."""
    return np.asarray(result.toarray() if hasattr(result, "toarray") else result)
