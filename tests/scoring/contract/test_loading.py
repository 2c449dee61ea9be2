from pathlib import Path

import pytest

from bes.errors import InputError
from scoring.contract.loading import load_contract

CONTRACT = """
name: reviews
key: id
columns: {id: string, rating: integer, text: string}
inputs: {input1: [text]}
output: output1
expectations:
  - {type: expect_column_values_to_not_be_null, kwargs: {column: id}}
  - {type: expect_column_values_to_be_unique, kwargs: {column: id}}
"""


def load(tmp_path: Path, text: str):
    path = tmp_path / "reviews.yaml"
    path.write_text(text, encoding="utf-8")
    return load_contract(path, tmp_path)


def test_the_contract_of_the_book_reviews_is_found_by_name(contracts_dir: Path):
    contract = load_contract("book_reviews", contracts_dir)

    assert contract.columns == {"review_id": "string", "Col1": "integer", "Col2": "string"}
    assert contract.inputs == {"input1": ("Col2",)}
    assert (contract.key, contract.output, contract.passthrough) == ("review_id", "output1", ("Col1",))


def test_a_contract_is_found_by_path(tmp_path: Path):
    assert load(tmp_path, CONTRACT).name == "reviews"
    assert load_contract(str(tmp_path / "reviews.yaml"), Path("elsewhere")).name == "reviews"


def test_an_unknown_name_lists_the_contracts_that_exist(contracts_dir: Path):
    with pytest.raises(InputError, match="Did you mean 'book_reviews'\\? Known are: book_reviews"):
        load_contract("book_review", contracts_dir)


def test_a_missing_file_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="no contract file"):
        load_contract(tmp_path / "reviews.yaml", tmp_path)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("key: id", "key: [id", "line 4: not YAML"),
        ("key: id", "key: id\nkey: text", "'key' twice"),
        ("columns: {id: string,", "columns: {id: string, id: integer,", "'id' twice"),
        ("key: id", "kee: id", "key: It is missing"),
        ("output: output1", "output: output1\noutputs: x", "outputs: There is no such member. Did you mean 'output'"),
        ("key: id", "key: Id", "key: 'Id' is not a declared column. Did you mean 'id'"),
        ("{column: id}}\n", "{column: id}, severty: info}\n", "Did you mean 'severity'"),
        ("{column: id}}\n", "{column: id}, severity: fatal}\n", "expectations[0].severity: 'fatal' is not known"),
        ("{column: id}}\n", "{column: idd}}\n", "expectations[0].kwargs.column: 'idd' is not a declared column"),
        ("to_not_be_null", "to_not_be_nul", "expectations[0].type: 'expect_column_values_to_not_be_nul' is not an"),
        ("name: reviews", "name: other", "name: 'other' is not the file's name"),
        ("name: reviews", "name: 7", "name: 7:"),
        ("[text]", "[texts]", "inputs.input1: 'texts' is not a declared column. Did you mean 'text'"),
        ("{id: string, rating: integer", "{id: string, rating: int", "columns.rating: 'int' is not known"),
    ],
)
def test_a_wrong_contract_is_refused_with_file_and_member(tmp_path: Path, before: str, after: str, says: str):
    assert before in CONTRACT

    with pytest.raises(InputError) as refused:
        load(tmp_path, CONTRACT.replace(before, after, 1))

    assert str(refused.value).startswith(f"Contract {tmp_path / 'reviews.yaml'}")
    assert says in str(refused.value)
    assert refused.value.next_step


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "name", "\x00", "!!python/object/apply:os.getcwd []"])
def test_what_is_not_a_mapping_is_refused(tmp_path: Path, text: str):
    with pytest.raises(InputError, match=r"reviews\.yaml"):
        load(tmp_path, text)


def test_a_contract_that_is_not_utf8_is_refused(tmp_path: Path):
    (tmp_path / "reviews.yaml").write_bytes(b"name: caf\xe9\n")

    with pytest.raises(InputError, match="UTF-8"):
        load_contract("reviews", tmp_path)
