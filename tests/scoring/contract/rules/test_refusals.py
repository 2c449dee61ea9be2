import pytest

from scoring.contract.problem import ContractProblem
from scoring.contract.rules.supported import SUPPORTED, check_expectation, effective_kwargs
from tests.scoring.contract.judged import great_expectations_registry

COLUMNS = {"id": "string", "rating": "integer"}
BETWEEN = "expect_column_values_to_be_between"
KWARGS = {"column": "rating", "min_value": 1}


def refusal(type_: str, kwargs: dict) -> ContractProblem:
    with pytest.raises(ContractProblem) as refused:
        check_expectation(type_, kwargs, COLUMNS)
    return refused.value


def test_every_expectation_of_great_expectations_is_supported_or_refused_with_a_reason():
    registry = great_expectations_registry()
    # Our own are registered with them as soon as their module is loaded.
    registered = {
        type_
        for type_ in registry.list_registered_expectation_implementations()
        if registry.get_expectation_impl(type_).__module__.startswith("great_expectations.")
    }

    assert set(SUPPORTED) <= registered
    for type_ in registered - set(SUPPORTED):
        problem = refusal(type_, {})
        assert problem.member == "type"
        assert problem.what.startswith(f"{type_!r} is not supported. "), type_
        assert "Known are" not in problem.next_step, type_


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("row_condition", 'col("rating") > 3', "holds for every row"),
        ("condition_parser", "pandas", "row_condition"),
        ("batch_id", "b", "input of the run"),
        ("windows", [{"constraint_fn": "mean"}], "judged by itself"),
        ("result_format", "COMPLETE", "for the run to decide"),
        ("catch_exceptions", False, "stops the run"),
        ("catch_exceptions", 1, "stops the run"),
        ("auto", True, "learns none"),
        ("parse_strings_as_datetimes", True, "Declare the column as date"),
        ("ignore_row_if", "neither", "several columns"),
    ],
)
def test_a_member_that_would_change_the_rule_is_refused_by_name(name: str, value: object, says: str):
    problem = refusal(BETWEEN, {**KWARGS, name: value})

    assert problem.member == f"kwargs.{name}"
    assert says in f"{problem.what} {problem.next_step}"


@pytest.mark.parametrize("name", ["min_value", "strict_min", "mostly", "column"])
def test_a_value_that_is_to_come_from_elsewhere_is_refused(name: str):
    problem = refusal(BETWEEN, {**KWARGS, name: {"$PARAMETER": "lowest"}})

    assert (problem.member, "$PARAMETER" in problem.what) == (f"kwargs.{name}", True)


def test_what_great_expectations_writes_for_its_own_defaults_is_accepted_and_left_out():
    written = {
        **KWARGS,
        "max_value": None,
        "strict_min": False,
        "mostly": 1.0,
        "row_condition": None,
        "condition_parser": None,
        "batch_id": None,
        "result_format": "BASIC",
        "catch_exceptions": True,
    }

    check_expectation(BETWEEN, written, COLUMNS)

    assert effective_kwargs(BETWEEN, written) == {**KWARGS, "strict_min": False, "mostly": 1.0}
