import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.contract.rules.cells import Cells
from scoring.contract.rules.row_keys import are_exact, hash_texts, row_keys
from tests.scoring.contract.judged import block


def keys(types: dict[str, str], **columns: list[str | None]) -> list[int]:
    return row_keys(Cells(block(columns), types), list(types)).tolist()


def test_the_key_of_a_number_is_the_number():
    assert keys({"id": "integer"}, id=["7", "007", "-1"]) == [7, 7, 2**64 - 1]
    assert len(set(keys({"price": "float"}, price=["0", "-0.0", "0e5"]))) == 1
    assert are_exact(["id"], {"id": "integer"})
    assert not are_exact(["id"], {"id": "string"})
    assert not are_exact(["id", "price"], {"id": "integer", "price": "float"})


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=90), min_size=1, max_size=20))
def test_texts_have_one_key_if_they_are_equal(texts: list[str]):
    hashed = hash_texts(pa.array(texts, pa.string())).tolist()

    assert len(set(hashed)) == len(set(texts))
    assert hashed == [hash_texts(pa.array([text], pa.string()))[0] for text in texts]


@pytest.mark.parametrize(
    "texts",
    [
        ["", "\0", "\0\0", "\1", "\2\0"],
        ["a" * 8, "a" * 16, "a" * 64, "a" * 65, "a" * 66],
        ["ab", "ba"],
        ["a\0" * 9, "a\0" * 8],
    ],
)
def test_texts_that_differ_little_have_different_keys(texts: list[str]):
    assert len(set(hash_texts(pa.array(texts)).tolist())) == len(texts)


def test_a_hundred_thousand_texts_have_as_many_keys():
    texts = [f"R{number:06d}" for number in range(50_000)] + [
        f"https://example.org/{number}" for number in range(50_000)
    ]

    assert len(set(hash_texts(pa.array(texts)).tolist())) == 100_000


def test_a_part_of_a_longer_column_has_the_same_keys():
    texts = pa.array(["first", "second one", None, "third"])

    assert hash_texts(texts.slice(1)).tolist() == hash_texts(texts).tolist()[1:]
    assert hash_texts(texts.slice(2, 0)).tolist() == []


def test_rows_of_several_columns_have_one_key_if_all_their_cells_are_equal():
    types = {"shop": "string", "order": "integer"}

    first, second, third, fourth, fifth, sixth, seventh = keys(
        types,
        shop=["a", "a", "b", None, None, "a", "a"],
        order=["1", "2", "1", "1", None, None, "01"],
    )

    assert first == seventh
    assert len({first, second, third, fourth, fifth, sixth}) == 6
    assert keys(types, shop=[None, None], order=["1", "1"])[0] == keys(types, shop=[None], order=["1"])[0]


def test_cells_that_change_places_have_another_key():
    types = {"first": "string", "second": "string"}

    assert len(set(keys(types, first=["a", "b"], second=["b", "a"]))) == 2
