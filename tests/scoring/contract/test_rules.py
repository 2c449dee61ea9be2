from scoring.contract.model import Contract
from scoring.contract.rules import rules_of


def test_the_declared_types_come_before_the_suite(contract: Contract):
    rules = rules_of(contract)

    assert (rules[0].name, rules[0].column, rules[0].severity) == ("type", "Col1", "critical")
    assert [rule.name for rule in rules[1:]] == [expectation.type for expectation in contract.expectations]


def test_an_expectation_goes_to_great_expectations_as_it_was_written(contract: Contract):
    between = next(rule for rule in rules_of(contract) if rule.name == "expect_column_values_to_be_between")

    assert between.configuration == {
        "type": "expect_column_values_to_be_between",
        "kwargs": {"column": "Col1", "min_value": 1, "max_value": 5},
        "severity": "critical",
        "meta": {},
        "notes": None,
    }
