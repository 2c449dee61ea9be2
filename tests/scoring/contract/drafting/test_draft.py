"""Drafts of contracts from samples, in every dialect; a draft loads, and fits the file that it was made from."""

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bes.description import ServiceDescription
from bes.errors import InputError
from scoring.contract.check import CheckedInput
from scoring.contract.drafting.draft import contract_name, draft_contract
from scoring.contract.drafting.guesses import guess_column, guess_type
from scoring.contract.drafting.sniffing import MAX_SAMPLE_BYTES, MAX_SAMPLE_RECORDS, read_sample
from scoring.contract.loading import load_contract
from scoring.contract.model import Contract

ROWS = "id;name;price\n" + "".join(f"{n};a, b;{n}.5\n" for n in range(30))


def write(tmp_path: Path, content: str | bytes, name: str = "extract.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def draft(tmp_path: Path, content: str | bytes, service: ServiceDescription | None = None) -> tuple[str, Contract]:
    text = draft_contract(write(tmp_path, content), "drafted", service)
    path = write(tmp_path, text, "drafted.yaml")
    return text, load_contract(path, tmp_path)


def rules(contract: Contract) -> list[tuple[str, object, str]]:
    return [(each.type, each.kwargs.get("column"), each.severity) for each in contract.suite.expectations]


def kwargs_of(contract: Contract, type_: str) -> list[dict[str, object]]:
    return [dict(each.kwargs) for each in contract.suite.expectations if each.type == type_]


def table(delimiter: str, quote: str, rows: Sequence[Sequence[str]], line_end: str = "\n") -> str:
    target = io.StringIO()
    csv.writer(target, delimiter=delimiter, quotechar=quote, lineterminator=line_end).writerows(rows)
    return target.getvalue()


# The dialect


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_delimiter_and_quotes_are_told_from_the_records(tmp_path: Path, delimiter: str, line_end: str):
    rows = [["id", "text"], *[[str(n), f'one, two; three\t|\n"{n}" it\'s'] for n in range(20)]]

    sample = read_sample(write(tmp_path, table(delimiter, '"', rows, line_end)))

    assert (sample.dialect.delimiter, sample.dialect.quote, sample.dialect.header) == (delimiter, '"', True)
    assert sample.columns == ("id", "text")
    assert [list(record) for record in sample.records] == rows[1:]


def test_numbers_with_a_decimal_comma_do_not_make_it_the_delimiter(tmp_path: Path):
    sample = read_sample(write(tmp_path, "".join(f"{n},5;{n},25\n" for n in range(20))))

    assert sample.dialect.delimiter == ";"
    assert sample.records[3] == ("3,5", "3,25")


def test_single_quotes_around_fields_are_quotes_and_apostrophes_are_not(tmp_path: Path):
    quoted = table(",", "'", [["id", "text"], *[[f"k{n}", f"one, {n}"] for n in range(20)]])
    apostrophes = "id,text\n" + "".join(f"k{n},it's\n" for n in range(20))

    assert read_sample(write(tmp_path, quoted)).dialect.quote == "'"
    assert read_sample(write(tmp_path, apostrophes)).dialect.quote == '"'


def test_quotes_that_only_stand_within_fields_are_no_quotes(tmp_path: Path):
    sample = read_sample(write(tmp_path, "id\tsize\n" + "".join(f'{n}\t{n}" pipe\n' for n in range(20))))

    assert (sample.dialect.quote, sample.n_refused) == (None, 0)
    assert sample.records[3] == ("3", '3" pipe')


def test_a_table_below_a_title_is_not_read_as_one_column(tmp_path: Path):
    with pytest.raises(InputError, match="title above the header"):
        read_sample(write(tmp_path, "A title\n\n" + "1,2,3\n" * 9))


def test_a_broken_record_does_not_change_the_dialect_and_is_counted(tmp_path: Path):
    text, contract = draft(tmp_path, ROWS + '7;"never closed;1\n8;too;many;fields\n9;x;1.5\n')

    assert contract.dialect.delimiter == ";"
    assert "2 more could not be read for sure" in text


@pytest.mark.parametrize(
    ("encoding", "word", "told"),
    [
        ("utf-8", "café", "utf-8"),
        ("utf-8-sig", "café", "utf-8"),
        ("cp1252", "café €", "cp1252"),
        ("latin-1", "\x8d", "latin-1"),
    ],
)
def test_the_encoding_is_utf8_or_a_guess_that_is_to_be_decided(tmp_path: Path, encoding: str, word: str, told: str):
    text, contract = draft(tmp_path, f"id,text\n1,{word}\n2,b\n".encode(encoding))

    assert contract.dialect.encoding == told
    assert ("which other encoding it is cannot be told" in text) == (told != "utf-8")
    assert list(contract.columns) == ["id", "text"]


def test_a_sample_that_ends_within_a_character_is_utf8(tmp_path: Path):
    row = "1,{}\n".format("é" * 500)
    content = "id,text\n" + row * (MAX_SAMPLE_BYTES // len(row.encode()) + 2)

    sample = read_sample(write(tmp_path, content.encode()[: MAX_SAMPLE_BYTES + 1]))

    assert sample.dialect.encoding == "utf-8"
    assert sample.n_refused == 0


def test_no_more_than_ten_thousand_records_are_looked_at(tmp_path: Path):
    content = "id,text\n" + "".join(f"{n},a\n" for n in range(MAX_SAMPLE_RECORDS)) + "not a number,a\n"

    text, contract = draft(tmp_path, content)

    assert contract.columns["id"] == "integer"
    assert "10,000 records" in text


def test_a_file_of_one_column_has_no_key(tmp_path: Path):
    _, contract = draft(tmp_path, "text\n" + "".join(f"Good, number {n}\n" for n in range(20)))

    assert (contract.key, contract.inputs) == (None, {"input1": ("text",)})
    assert read_sample(tmp_path / "extract.csv").n_refused == 0


# The header


def test_a_first_record_like_all_others_is_no_header(tmp_path: Path):
    text, contract = draft(tmp_path, "".join(f"A{n},{n},fine day\n" for n in range(20)))

    assert not contract.dialect.header
    assert list(contract.columns) == ["Column1", "Column2", "Column3"]
    assert "made-up names" in text
    assert len(read_sample(tmp_path / "extract.csv").records) == 20


def test_where_all_cells_are_text_the_first_record_is_the_header(tmp_path: Path):
    _, contract = draft(tmp_path, "code,text\nA,one\nB,two\n")

    assert contract.dialect.header
    assert list(contract.columns) == ["code", "text"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("id,id\n1,2\n3,4\n", "column 'id' is there 2 times"),
        ("id,\n1,2\n3,4\n", "'' is not a name that column 2 can have"),
        ('id,"a\nb"\n1,2\n3,4\n', "is not a name that column 2 can have"),
        ("id,text\n", "no record below its header"),
        ("a,b,c\n" + "1,2\n1;2;3;4\n" * 9, "not as many fields as the first"),
        (b"\x1f\x8b rest", "compressed with gzip"),
        (b"", "is empty"),
    ],
)
def test_a_file_that_no_contract_can_describe_is_refused(tmp_path: Path, content: str | bytes, says: str):
    with pytest.raises(InputError) as refused:
        draft(tmp_path, content)

    assert says in refused.value.what
    assert refused.value.next_step


# Columns, key and rules


@pytest.mark.parametrize(
    ("cells", "type_"),
    [
        (["1", "-2", ""], "integer"),
        (["0", "10"], "integer"),
        (["007", "8"], "string"),
        (["+44", "+49"], "string"),
        (["1", "2.5", "1e3"], "float"),
        (["00.5", "1.5"], "string"),
        (["1e9999"], "string"),
        (["1" * 19], "float"),
        (["TRUE", "false"], "boolean"),
        (["2026-11-28"], "date"),
        (["2026-02-30"], "string"),
        (["20261128"], "integer"),
        (["", ""], "string"),
        ([], "string"),
        (["1", "x"], "string"),
    ],
)
def test_a_type_is_the_narrowest_that_all_cells_have(cells: list[str], type_: str):
    assert guess_type(cells) == type_


def test_a_column_called_like_a_key_is_preferred_to_others_that_could_be_it(tmp_path: Path):
    text, contract = draft(tmp_path, "code,reviewId,text\n" + "".join(f"c{n},{n},fine {n}\n" for n in range(20)))

    assert contract.key == "reviewId"
    assert "[reviewId, code]" in text
    assert contract.inputs == {"input1": ("code", "text")}


@pytest.mark.parametrize("cells", [["a", ""], ["a", "a"], ["a b", "c d"], ["1.5", "2.5"], ["x" * 65, "y"]])
def test_what_is_empty_or_there_twice_or_no_code_is_no_key(cells: list[str]):
    assert not guess_column("text", cells).could_be_key


def test_without_a_candidate_rows_are_known_by_their_place(tmp_path: Path):
    _, contract = draft(tmp_path, "grade,text\n1,fine\n1,fine\n")

    assert contract.key is None


def test_rules_say_what_the_sample_shows(tmp_path: Path):
    rows = "".join(
        f"{n},{n % 3},{n / 8},{'red' if n % 2 else 'blue'},{'' if n == 5 else 'some text'}\n" for n in range(40)
    )

    text, contract = draft(tmp_path, "id,grade,price,colour,note\n" + rows)

    assert rules(contract) == [
        ("expect_table_columns_to_match_ordered_list", None, "critical"),
        ("expect_table_row_count_to_be_between", None, "critical"),
        ("expect_column_values_to_be_unique", "id", "critical"),
        ("expect_column_values_to_not_be_null", "id", "critical"),
        ("expect_column_values_to_not_be_null", "grade", "critical"),
        ("expect_column_values_to_be_in_set", "grade", "warning"),
        ("expect_column_values_to_not_be_null", "price", "critical"),
        ("expect_column_values_to_be_between", "price", "warning"),
        ("expect_column_values_to_not_be_null", "colour", "critical"),
        ("expect_column_values_to_be_in_set", "colour", "warning"),
        ("expect_column_values_to_be_in_set", "note", "warning"),
    ]
    grade, colour, _ = kwargs_of(contract, "expect_column_values_to_be_in_set")
    assert (grade["value_set"], colour["value_set"]) == ([0, 1, 2], ["blue", "red"])
    (price,) = kwargs_of(contract, "expect_column_values_to_be_between")
    assert (price["min_value"], price["max_value"]) == (0.0, 4.875)
    assert "empty in 1 of 40" in text


def test_a_few_cells_of_another_type_are_told_and_their_values_are_not(tmp_path: Path):
    rows = "".join(f"k{n},{'five' if n == 5 else n % 5}\n" for n in range(40))

    text, contract = draft(tmp_path, "id,grade\n" + rows)

    assert contract.columns["grade"] == "string"
    assert "nearly all are integer" in text
    assert "five" not in text


def test_personal_columns_are_sensitive_and_their_cells_stay_out_of_the_draft(tmp_path: Path):
    rows = "".join(f"k{n},anna{n % 2}@example.org,+49 30 {n % 2}\n" for n in range(40))

    text, contract = draft(tmp_path, "id,contact,Phone\n" + rows)

    assert contract.sensitive == ("contact", "Phone")
    assert "example.org" not in text
    assert "+49" not in text


def test_names_that_yaml_would_read_as_something_else_stay_names(tmp_path: Path):
    names = ["yes", "1", "2026-11-28", "a: b", "# c", "<b>", "'", '"', "null", "[x]", "é😀"]
    content = table(",", '"', [names, *[[f"v{n}"] * len(names) for n in range(3)]])

    _, contract = draft(tmp_path, content)

    assert list(contract.columns) == names


cells = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=8) | st.integers().map(str)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.integers(1, 4).flatmap(
        lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=30)
    ),
    delimiter=st.sampled_from(",;\t|"),
)
def test_whatever_can_be_drafted_loads_again(tmp_path: Path, rows: list[list[str]], delimiter: str):
    header = [f"column {index}" for index in range(len(rows[0]))]
    try:
        _, contract = draft(tmp_path, table(delimiter, '"', [header, *rows]))
    except InputError:
        return
    assert contract.columns


@pytest.mark.parametrize(
    ("delimiter", "quote", "encoding", "with_header"),
    [(",", '"', "utf-8", True), (";", "'", "cp1252", True), ("\t", '"', "utf-8-sig", False)],
)
def test_a_draft_accepts_every_row_of_its_own_sample(
    tmp_path: Path, check: Callable[..., CheckedInput], delimiter: str, quote: str, encoding: str, with_header: bool
):
    rows = [
        [f"A{n}", f"{n:03d}", str(n % 3), f"{n}.5", "2026-11-28", "TRUE", "", f'café, number\n{n}; \t"it\'s"']
        for n in range(40)
    ]
    header = [["id", "code", "grade", "price", "when", "new", "note", "text"]] if with_header else []

    _, contract = draft(tmp_path, table(delimiter, quote, [*header, *rows]).encode(encoding))
    checked = check(tmp_path / "extract.csv", against=contract)

    assert (checked.n_input, checked.n_accepted, checked.findings, checked.unmet) == (40, 40, (), ())
    assert list(contract.columns.values()) == [
        "string", "string", "integer", "float", "date", "boolean", "string", "string",
    ]  # fmt: skip


# With a web service


SERVICE = ServiceDescription(
    inputs={"first": {"price": "number", "code": "integer"}, "second": {"text": "string", "Wanted": "string"}},
    outputs={"scores": {"score": "number", "id": "string"}, "more": {}},
)


def test_ports_and_columns_are_those_of_the_web_service(tmp_path: Path):
    rows = "".join(f"k{n},00{n},{n}.5,fine,x{n % 3}\n" for n in range(40))

    text, contract = draft(tmp_path, "id,code,price,text,shop\n" + rows, SERVICE)

    assert contract.inputs == {"first": ("price", "code"), "second": ("text",)}
    assert (contract.output, contract.key, contract.passthrough) == ("scores", "id", ("shop",))
    assert contract.columns["code"] == "integer"
    assert "port second wants what the file does not have: [Wanted]" in text
    assert "output ports [scores, more]" in text


def test_ports_that_fit_none_of_the_columns_are_named_and_guessed(tmp_path: Path):
    text, contract = draft(tmp_path, ROWS, ServiceDescription(inputs={"in": {"Col2": "string"}}, outputs={}))

    assert contract.inputs == {"input1": ("name", "price")}
    assert "port in wants what the file does not have: [Col2]" in text


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("nightly.csv", "nightly"),
        ("My file (2).csv", "My_file_2"),
        ("_x.csv", "x"),
        ("é.csv", "contract"),
        ("a" * 99, "a" * 63),
    ],
)
def test_a_contract_is_called_like_its_file(file: str, name: str):
    assert contract_name(Path(file)) == name
