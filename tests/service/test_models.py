import pyarrow as pa
import pytest

from service.declaration import FeatureHashing, OutputPort
from service.errors import ScoringFailed
from service.models import CELLS_AT_A_TIME, FeatureHashingModel, csv_in_slices, load_model, score_in_slices
from service.tables import csv_rows

DECLARED = FeatureHashing(type="feature_hashing", column="Col2", bits=3, ngrams=2, bits_parameter="Hashing bitsize")
PORT = OutputPort.model_validate({"name": "output1", "columns": [{"name": "x"}]})


def rows(*texts: str | None) -> pa.RecordBatch:
    return pa.record_batch({"Col2": pa.array(texts, pa.string())})


def test_text_of_the_guide_gets_the_counts_of_the_guide() -> None:
    scored = load_model(DECLARED, PORT, {}).score(rows("This is a good day"))
    assert list(scored.to_pylist()[0].values()) == [1, 1, 2, 2, 0, 2, 0, 1]
    assert scored.schema.names == [f"Col2_HashingFeature.{index}" for index in range(8)]


def test_global_parameter_replaces_the_declared_value() -> None:
    assert len(load_model(DECLARED, PORT, {"Hashing bitsize": 5}).columns) == 32
    assert len(load_model(DECLARED, PORT, {"N-grams": 5}).columns) == 8


@pytest.mark.parametrize("bits", [0, 17])
def test_width_without_limits_in_the_declaration_is_limited_still(bits: int) -> None:
    with pytest.raises(ScoringFailed, match=r"2\*\*1 to 2\*\*16 columns"):
        load_model(DECLARED, PORT, {"Hashing bitsize": bits})


def test_wide_output_is_made_from_few_rows_at_a_time_in_order() -> None:
    model = FeatureHashingModel(DECLARED, {"Hashing bitsize": 12})
    texts = [f"word{index}" for index in range(2500)]
    pieces = list(score_in_slices(model, rows(*texts)))
    assert max(piece.num_rows for piece in pieces) == CELLS_AT_A_TIME // 2**12
    assert pa.Table.from_batches(pieces).equals(pa.Table.from_batches([model.score(rows(*texts))]))


def test_wide_output_is_written_from_few_rows_at_a_time_as_it_is_scored() -> None:
    model = FeatureHashingModel(DECLARED, {"Hashing bitsize": 12})
    batch = rows(*(f"word{index} and {'again ' * (index % 14)}" for index in range(2500)), None)

    pieces = [bytes(piece) for piece in csv_in_slices(model, batch, "\t")]

    assert max(piece.count(b"\n") for piece in pieces) == CELLS_AT_A_TIME // 2**12
    assert b"".join(pieces) == bytes(csv_rows(model.score(batch), "\t"))


def test_model_that_gives_another_number_of_rows_fails_the_job() -> None:
    class Forgetful(FeatureHashingModel):
        def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
            return super().score(batch).slice(1)

    with pytest.raises(ScoringFailed, match="gave 2 rows for 3"):
        list(score_in_slices(Forgetful(DECLARED, {}), rows("a", "b", None)))
