import json
import warnings
from pathlib import Path

import pytest

from bes.errors import InputError
from scoring.contract.loading import load_contract
from scoring.contract.model import Contract

CONTRACT = """
name: reviews
key: id
columns: {id: string, rating: integer, text: string}
inputs: {input1: [text]}
output: output1
dialect: {delimiter: ";"}
tolerance: {rows: 3}
golden: [{input: {text: Good}, output: {score: "1"}}]
suite:
  expectations:
    - {type: expect_column_values_to_not_be_null, kwargs: {column: id}}
    - {type: expect_column_values_to_be_unique, kwargs: {column: id}}
"""
IN_A_FILE = CONTRACT[: CONTRACT.index("suite:")] + "suite: suites/reviews.json\n"
# What `context.suites.add(...)` of Great Expectations 1.24.1 leaves in its store.
SUITE = """{
  "expectations": [
    {"id": "5428f3f8-a3f8-438f-8fd6-e55d12af619a", "kwargs": {"column": "id"}, "meta": {}, "severity": "critical",
     "type": "expect_column_values_to_not_be_null"},
    {"description": "d", "id": "9da73cc7-deb5-4e0c-807d-e6a6270e30d3", "kwargs": {"column": "id"}, "meta": {"a": 1},
     "notes": "n", "severity": "critical", "type": "expect_column_values_to_be_unique"}
  ],
  "id": "86092398-65fa-4a60-a22b-6137b6acc865",
  "meta": {"great_expectations_version": "1.24.1"},
  "name": "ratings",
  "notes": null
}"""


def load(tmp_path: Path, text: str) -> Contract:
    path = tmp_path / "reviews.yaml"
    path.write_text(text, encoding="utf-8")
    return load_contract(path, tmp_path)


def refusal(tmp_path: Path, text: str) -> InputError:
    with pytest.raises(InputError) as refused:
        load(tmp_path, text)
    assert str(refused.value).startswith(f"Contract {tmp_path / 'reviews.yaml'}")
    assert refused.value.next_step
    return refused.value


def write_suite(tmp_path: Path, text: str, name: str = "reviews.json") -> None:
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / name).write_text(text, encoding="utf-8")


def test_the_contract_of_the_book_reviews_is_found_by_name(contracts_dir: Path):
    contract = load_contract("book_reviews", contracts_dir)

    assert contract.columns == {"review_id": "string", "Col1": "integer", "Col2": "string"}
    assert contract.inputs == {"input1": ("Col2",)}
    assert (contract.key, contract.output, contract.passthrough) == ("review_id", "output1", ("Col1",))
    assert (contract.sensitive, contract.tolerance.share) == ((), 0.25)
    (golden,) = contract.golden
    assert golden.input == {"Col2": "This is a good day"}
    assert list(golden.output.values()) == list("11220201")


def test_a_contract_is_found_by_path(tmp_path: Path):
    assert load(tmp_path, CONTRACT).name == "reviews"
    assert load_contract(str(tmp_path / "reviews.yaml"), Path("elsewhere")).name == "reviews"


def test_an_unknown_name_lists_the_contracts_that_exist(contracts_dir: Path):
    with pytest.raises(InputError, match="Did you mean 'book_reviews'\\? Known are: book_reviews"):
        load_contract("book_review", contracts_dir)


def test_a_missing_file_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="no contract file"):
        load_contract(tmp_path / "reviews.yaml", tmp_path)


def test_a_date_stays_the_text_that_stands_there(tmp_path: Path):
    text = CONTRACT.replace("text: Good", "text: 2026-11-28")

    assert load(tmp_path, text).golden[0].input == {"text": "2026-11-28"}


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("key: id", "key: [id", "line 4: not YAML"),
        ("key: id", "key: id\nkey: text", ", line 4: not YAML: 'key' twice"),
        ("columns: {id: string,", "columns: {id: string, id: integer,", "'id' twice"),
        ("{rows: 3}", "{rows: 3, rows: 4}", ", line 8: not YAML: 'rows' twice"),
        ("key: id", "kee: id", ": kee: There is no such member. Did you mean 'key'"),
        ("output: output1", "output: output1\noutputs: x", ": outputs: There is no such member. Did you mean 'output'"),
        ("output: output1", "", ": output: It is missing. Add it."),
        ("output: output1", "otput: output1", ": otput: There is no such member. Did you mean 'output'"),
        ("output: output1", "output:", ": output: It is empty."),
        ("{delimiter:", "{delimeter:", ": dialect.delimeter: There is no such member. Did you mean 'delimiter'"),
        ('delimiter: ";"', 'delimiter: ";;"', ": dialect.delimiter: ';;' is not one ASCII character"),
        ('delimiter: ";"', "encoding: utf16", ": dialect.encoding: 'utf16' is not known. Give 'utf-8',"),
        ("{rows: 3}", "{row: 3}", ": tolerance.row: There is no such member. Did you mean 'rows'"),
        ("{rows: 3}", "3", ": tolerance: '3' is not a mapping."),
        ("{input: {text: Good}, output", "{inptu: {text: Good}, output", ": golden[0].inptu: There is no such member."),
        ("{text: Good}", "{txt: Good}", ": golden[0].input: 'txt' goes to no input port. Did you mean 'text'"),
        ("{text: Good}", "{text: 7}", ": golden[0].input.text: YAML reads 7 here, which is not text. Put"),
        ('score: "1"', "score: yes", ": golden[0].output.score: YAML reads True here, which is not text."),
        ("columns: {id", "columns: {yes: string, id", "YAML reads True here, which is not text. Put it in quotes."),
        ("[text]", "text", ": inputs.input1: 'text' is not a list. Write it as [one, another]."),
        ("key: id", "key: Id", ": key: 'Id' is not a declared column. Did you mean 'id'"),
        ("key: id", "key: id\nsensitive: [txt]", ": sensitive: 'txt' is not a declared column. Did you mean 'text'"),
        ("  expectations:", "  expectation:", ": suite.expectation: There is no such member. Did you"),
        ("{column: id}}\n", "{column: id}, severty: info}\n", ": suite.expectations[0].severty: There is no such"),
        ("{column: id}}\n", "{column: id}, severity: fatal}\n", ": suite.expectations[0].severity: 'fatal' is not"),
        ("{column: id}}\n", "{column: idd}}\n", ": suite.expectations[0].kwargs.column: 'idd' is not a"),
        ("to_not_be_null", "to_not_be_nul", ": suite.expectations[0].type: 'expect_column_values_to_not_be_nul' is"),
        ("suite:\n  expectations:", "expectations:", ": expectations: There is no such member. Expectations stand"),
        ("name: reviews", "name: other", ": name: 'other' is not the file's name"),
        ("name: reviews", "name: 7", ": name: YAML reads 7 here, which is not text."),
        ("name: reviews", "name: a/b", ": name: 'a/b' is not a name that can be used. Use letters"),
        ("[text]", "[texts]", ": inputs.input1: 'texts' is not a declared column. Did you mean 'text'"),
        ("{id: string, rating: integer", "{id: string, rating: int", ": columns.rating: 'int' is not known"),
        ('{id: string, rating', '{id: string, "a\\nb": string, rating', "'a\\nb' is not a name that can be used."),
    ],
)  # fmt: skip
def test_a_wrong_contract_is_refused_with_file_and_member(tmp_path: Path, before: str, after: str, says: str):
    assert before in CONTRACT

    assert says in str(refusal(tmp_path, CONTRACT.replace(before, after, 1)))


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "name", "\x00", "!!python/object/apply:os.getcwd []", "[" * 5000])
def test_what_is_not_a_mapping_is_refused(tmp_path: Path, text: str):
    with pytest.raises(InputError, match=r"reviews\.yaml"):
        load(tmp_path, text)


def test_a_contract_that_is_not_utf8_is_refused(tmp_path: Path):
    (tmp_path / "reviews.yaml").write_bytes(b"name: caf\xe9\n")

    with pytest.raises(InputError, match="UTF-8"):
        load_contract("reviews", tmp_path)


# A suite in a file of its own


def test_a_suite_that_great_expectations_wrote_is_as_good_as_one_in_the_contract(tmp_path: Path):
    write_suite(tmp_path, SUITE)

    suite = load(tmp_path, IN_A_FILE).suite

    inline = load(tmp_path, CONTRACT).suite
    assert [(each.type, each.kwargs) for each in suite.expectations] == [
        (each.type, each.kwargs) for each in inline.expectations
    ]
    assert (suite.name, suite.expectations[1].notes, suite.expectations[1].meta) == ("ratings", "n", {"a": 1})


def test_a_suite_may_be_yaml_and_is_found_from_the_contracts_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_suite(tmp_path, CONTRACT[CONTRACT.index("  expectations:") :], "reviews.yaml")
    monkeypatch.chdir("/")

    assert len(load(tmp_path, IN_A_FILE.replace(".json", ".yaml")).suite.expectations) == 2


def test_a_suite_written_by_the_installed_great_expectations_is_taken(tmp_path: Path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations as gx

    context = gx.get_context(mode="file", project_root_dir=tmp_path / "project")
    written = context.suites.add(gx.ExpectationSuite(name="written"))
    written.add_expectation(gx.expectations.ExpectColumnValuesToNotBeNull(column="id"))
    written.add_expectation(
        gx.expectations.ExpectColumnValuesToBeUnique(column="id", severity="critical", notes="Why.")
    )
    (file,) = tmp_path.glob("project/gx/expectations/written.json")

    suite = load(tmp_path, IN_A_FILE.replace("suites/reviews.json", str(file.relative_to(tmp_path)))).suite

    assert suite.name == "written"
    assert suite.expectations[1].notes == "Why."


def test_a_suite_that_is_not_there_is_refused(tmp_path: Path):
    assert "suite: There is no file" in str(refusal(tmp_path, IN_A_FILE))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (SUITE.replace('"severity"', '"severty"', 1), "suite.expectations[0].severty: There is no such member. (In "),
        (SUITE.replace('{"column": "id"}', '{"column": "Id"}', 1), "kwargs.column: 'Id' is not a declared column"),
        (SUITE.replace('"name"', '"title"'), "suite.title: There is no such member."),
        (SUITE[:-2], "line 11: not YAML"),
        (json.dumps([1]), "suite: '[1]' is not a mapping. (In "),
    ],
)
def test_a_wrong_suite_is_refused_with_its_own_file(tmp_path: Path, text: str, says: str):
    write_suite(tmp_path, text)

    refused = str(refusal(tmp_path, IN_A_FILE))

    assert says in refused
    assert str(tmp_path / "suites" / "reviews.json") in refused


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"name: \x00", b"\xff", b"name: 'a\n\nb: c"])
def test_what_is_no_yaml_is_refused_in_one_line(tmp_path: Path, content: bytes):
    path = tmp_path / "bin.yaml"
    path.write_bytes(content)

    with pytest.raises(InputError, match="not YAML") as refused:
        load_contract(path, tmp_path)

    assert len(str(refused.value).splitlines()) == 1
