"""Contracts beside web services: beside their descriptions, and beside the embedded one through its gateway."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bes.client import BesClient
from bes.description import ServiceDescription, read_description
from bes.settings import EndpointSettings
from scoring.contract.against_service import compare_with_service
from scoring.contract.golden import compare_golden_rows
from scoring.contract.loading import load_contract
from scoring.contract.model import Contract
from scoring.contract.problem import ContractProblem
from service.declaration import WebService
from service.swagger import swagger

DOCUMENT: dict[str, Any] = {
    "name": "offers",
    "key": None,
    "columns": {
        "Text": "string",
        "Size": "integer",
        "Price": "float",
        "New": "boolean",
        "When": "date",
        "Shop": "string",
    },
    "inputs": {"first": ["Text", "Size", "Price"], "second": ["New", "When"]},
    "output": "output1",
    "passthrough": ["Shop"],
    "suite": {"expectations": [{"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}}]},
}
DECLARED: dict[str, Any] = {
    "name": "Offers",
    "workspace_id": "1" * 32,
    "service_id": "2" * 32,
    "key_hashes": ["3" * 64],
    "inputs": [
        {
            "name": "first",
            "columns": [
                {"name": "Text", "type": "String"},
                {"name": "Size", "type": "Int64"},
                {"name": "Price", "type": "Double"},
            ],
        },
        {"name": "second", "columns": [{"name": "New", "type": "Boolean"}, {"name": "When", "type": "DateTime"}]},
    ],
    "outputs": [{"name": "output1", "columns": [{"name": "Score", "type": "Double"}]}],
    "model": {"type": "feature_hashing", "column": "Text"},
}


@pytest.fixture
def service() -> ServiceDescription:
    return read_description(swagger(WebService.model_validate(DECLARED), "example.org"))


@pytest.fixture
def reviews(contracts_dir: Path) -> Contract:
    return load_contract("book_reviews", contracts_dir)


@pytest.fixture
def client(endpoint: EndpointSettings) -> Iterator[BesClient]:
    with BesClient(endpoint) as client:
        yield client


def contract(**changes: object) -> Contract:
    return Contract.model_validate({**DOCUMENT, **changes})


def told(problems: list[ContractProblem]) -> list[str]:
    assert all(problem.next_step for problem in problems)
    return [f"{problem.member}: {problem.what} {problem.next_step}" for problem in problems]


def test_a_contract_that_fits_has_no_problems(service: ServiceDescription):
    assert compare_with_service(contract(), service) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"inputs": {"frist": ["Text", "Size", "Price"], "second": ["New", "When"]}},
            ["inputs.frist: The web service has no input port 'frist'. Did you mean 'first'?"],
        ),
        (
            {"inputs": {"first": ["Text", "Size", "Price"]}},
            ["inputs: The web service's input port 'second' gets no columns. Add it: it takes New, When."],
        ),
        (
            {"inputs": {"first": ["Text", "Price"], "second": ["New", "When"]}},
            ["inputs.first: The port's column 'Size' is missing. Add it."],
        ),
        (
            {"inputs": {"first": ["Text", "Size", "Price", "Shop"], "second": ["New", "When"]}},
            ["inputs.first: The port has no column 'Shop'."],
        ),
        (
            {"output": "ouput1"},
            ["output: The web service has no output port 'ouput1'. Did you mean 'output1'?"],
        ),
    ],
)
def test_ports_and_columns_that_do_not_fit_are_named(
    service: ServiceDescription, changes: dict[str, object], expected: list[str]
):
    problems = told(compare_with_service(contract(**changes), service))

    assert [problem.partition(" Known are")[0] for problem in problems] == expected


def test_a_column_of_another_name_is_asked_for_from_both_sides(service: ServiceDescription):
    columns = {"text": "string", **{name: type_ for name, type_ in DOCUMENT["columns"].items() if name != "Text"}}
    inputs = {"first": ["text", "Size", "Price"], "second": ["New", "When"]}

    assert told(compare_with_service(contract(columns=columns, inputs=inputs), service)) == [
        "inputs.first: The port has no column 'text'. Did you mean 'Text'? Known are: Text, Size, Price.",
        "inputs.first: The port's column 'Text' is missing. Did you mean 'Text' by 'text'?",
    ]


@pytest.mark.parametrize(
    ("column", "type_", "step"),
    [
        ("Size", "float", "Declare it integer."),
        ("Size", "string", "Declare it integer."),
        ("Price", "integer", None),
        ("Price", "string", "Declare it integer or float."),
        ("New", "string", "Declare it boolean."),
        ("When", "string", None),
        ("When", "boolean", "Declare it date or string."),
        ("Text", "integer", None),
        ("Text", "date", None),
    ],
)
def test_a_type_must_be_one_that_the_service_reads_out_of_the_cells(
    service: ServiceDescription, column: str, type_: str, step: str | None
):
    problems = compare_with_service(contract(columns={**DOCUMENT["columns"], column: type_}), service)

    assert [(problem.member, problem.next_step) for problem in problems] == (
        [(f"columns.{column}", step)] if step else []
    )


def test_a_column_that_comes_back_under_a_name_of_the_output_is_refused(service: ServiceDescription):
    columns = {**DOCUMENT["columns"], "Score": "string"}

    (passed,) = compare_with_service(contract(columns=columns, passthrough=["Score"]), service)

    assert (passed.member, "'Score' is a column of the output port as well" in passed.what) == ("passthrough", True)
    rules = [
        {"type": f"expect_column_values_to_{rule}", "kwargs": {"column": "Score"}}
        for rule in ("not_be_null", "be_unique")
    ]
    (key,) = compare_with_service(contract(columns=columns, key="Score", suite={"expectations": rules}), service)
    assert key.member == "key"


def test_all_problems_are_told_at_once(service: ServiceDescription):
    golden = {"input": {"Text": "", "Shop": ""}, "output": {"Scroe": "1"}}
    changes = {"columns": {**DOCUMENT["columns"], "Text": "string"}, "inputs": {"first": ["Text", "Shop"]}}

    problems = told(compare_with_service(contract(**changes, golden=[golden]), service))

    assert [problem.partition(":")[0] for problem in problems] == [
        "inputs.first", "inputs.first", "inputs.first", "inputs", "golden[0].output",
    ]  # fmt: skip
    assert "Did you mean 'Score'" in problems[-1]


def test_a_type_that_the_service_does_not_tell_takes_anything():
    service = ServiceDescription(inputs={"in": {"Text": None}}, outputs={"output1": {}})

    assert compare_with_service(contract(inputs={"in": ["Text"]}), service) == []


# The embedded service, through its gateway


def test_the_shipped_contract_fits_the_embedded_service_and_its_golden_row_comes_back(
    reviews: Contract, client: BesClient
):
    assert client.describe().inputs == {"input1": {"Col2": "string"}}
    assert compare_with_service(reviews, client.describe()) == []
    assert compare_golden_rows(reviews, client) == []


def golden(reviews: Contract, *rows: tuple[str, dict[str, str]]) -> Contract:
    listed = [{"input": {"Col2": text}, "output": output} for text, output in rows]
    return Contract.model_validate(reviews.model_dump() | {"golden": listed})


def test_numbers_are_compared_as_numbers(reviews: Contract, client: BesClient):
    changed = golden(reviews, ("This is a good day", {"Col2_HashingFeature.0": "1.0", "Col2_HashingFeature.2": "02"}))

    assert compare_golden_rows(changed, client) == []


def test_every_cell_that_comes_back_otherwise_is_told_with_its_row(reviews: Contract, client: BesClient):
    good = ("This is a good day", {"Col2_HashingFeature.0": "1"})
    bad = (
        "This is a good day",
        {"Col2_HashingFeature.0": "7", "Col2_HashingFeature.1": "one", "Col2_HashingFeature.9": "0"},
    )

    problems = told(compare_golden_rows(golden(reviews, good, bad), client))

    assert [problem.partition(" Ask")[0] for problem in problems[:2]] == [
        "golden[1].output.Col2_HashingFeature.0: The web service answers '1' instead of '7'.",
        "golden[1].output.Col2_HashingFeature.1: The web service answers '1' instead of 'one'.",
    ]
    assert problems[2].startswith(
        "golden[1].output: The web service answers without the column 'Col2_HashingFeature.9'."
    )


def test_golden_rows_that_the_service_refuses_are_a_problem_of_the_contract(reviews: Contract, client: BesClient):
    changed = Contract.model_validate(
        reviews.model_dump() | {"inputs": {"inptu1": ["Col2"]}, "golden": [row.model_dump() for row in reviews.golden]}
    )

    (problem,) = compare_golden_rows(changed, client)

    assert (problem.member, "InvalidInputNames" in problem.what) == ("golden", True)


def test_an_output_port_that_does_not_come_back_is_named(reviews: Contract, client: BesClient):
    (problem,) = compare_golden_rows(reviews.model_copy(update={"output": "output"}), client)

    assert (problem.member, problem.next_step.startswith("Did you mean 'output1'")) == ("output", True)


def test_a_contract_without_golden_rows_makes_no_call(reviews: Contract):
    with BesClient(
        EndpointSettings(url="http://127.0.0.1:1", workspace="w", service="s", api_key="k", subscription_key="k")
    ) as client:
        assert compare_golden_rows(golden(reviews), client) == []
