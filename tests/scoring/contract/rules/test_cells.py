from scoring.contract.rules.cells import Cells
from tests.scoring.contract.judged import block

CELLS = Cells(block({"id": ["a", None], "rating": ["1", "x"]}), {"id": "string", "rating": "integer"})


def test_cells_are_text_and_values():
    assert CELLS.n_rows == 2
    assert CELLS.text("rating").to_pylist() == ["1", "x"]
    assert CELLS.typed("rating").to_pylist() == [1, None]
    assert CELLS.typed("id").to_pylist() == ["a", None]
    assert CELLS.type_of("rating") == "integer"


def test_what_is_nowhere_is_none():
    assert CELLS.not_of_type("rating").to_pylist() == [False, True]
    assert CELLS.not_of_type("id") is None
    assert CELLS.empty("id").to_pylist() == [False, True]
    assert CELLS.empty("rating") is None


def test_a_column_is_read_once():
    assert CELLS.typed("rating") is CELLS.typed("rating")
