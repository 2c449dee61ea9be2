from scoring.contract.model import Contract
from scoring.contract.rules.rules import rules_of
from tests.scoring.contract.judged import broken, contract_of, expect

BETWEEN = expect("column_values_to_be_between", column="rating", min_value=1, max_value=5)
TYPES = {"id": "string", "rating": "integer", "price": "float", "is_new": "boolean", "day": "date"}


def test_the_declared_types_come_before_the_suite():
    rules = rules_of(contract_of(TYPES, BETWEEN))

    assert [rule.index for rule in rules] == [0, 1, 2, 3, 4]
    assert [(rule.name, rule.columns, rule.severity) for rule in rules[:4]] == [
        ("type", ("rating",), "critical"),
        ("type", ("price",), "critical"),
        ("type", ("is_new",), "critical"),
        ("type", ("day",), "critical"),
    ]
    assert rules[4].name == "expect_column_values_to_be_between"


def test_the_declared_types_are_expectations_of_great_expectations():
    configurations = [rule.configuration for rule in rules_of(contract_of(TYPES)) if rule.name == "type"]

    assert [(one["type"], one["kwargs"]) for one in configurations] == [
        ("expect_column_values_to_be_of_type", {"column": "rating", "type_": "int"}),
        ("expect_column_values_to_be_of_type", {"column": "price", "type_": "float"}),
        ("expect_column_values_to_match_regex", {"column": "is_new", "regex": "^(?i:true|false)$"}),
        ("expect_column_values_to_match_strftime_format", {"column": "day", "strftime_format": "%Y-%m-%d"}),
    ]


def test_an_expectation_goes_to_great_expectations_as_it_was_written():
    written = BETWEEN | {"severity": "warning", "meta": {"owner": "scoring"}, "notes": "As the shop shows it."}

    rule = rules_of(contract_of(TYPES, written | {"id": "0d9f"}))[-1]

    assert rule.configuration == written
    assert (rule.columns, rule.severity, rule.message) == (("rating",), "warning", "must be between 1 and 5")
    assert (rule.metric, rule.mostly, rule.is_about_rows, rule.is_unique) == ("column_values.between", 1.0, True, False)


def test_a_rule_may_hold_for_most_rows():
    mostly = BETWEEN | {"kwargs": BETWEEN["kwargs"] | {"mostly": 0.9}}

    assert rules_of(contract_of(TYPES, mostly))[-1].mostly == 0.9


def test_a_rule_about_a_whole_column_or_table_finds_no_rows():
    column = expect("column_mean_to_be_between", column="price", min_value=0)
    table = expect("table_row_count_to_equal", value=1)
    *_, of_column, of_table = rules_of(contract_of(TYPES, column, table))

    assert (of_column.columns, of_column.measures, of_column.is_about_rows) == (("price",), {"moments"}, False)
    assert (of_table.columns, of_table.measures, of_table.is_about_rows) == ((), frozenset(), False)


def test_uniqueness_is_about_rows_that_are_found_at_the_end():
    rule = rules_of(contract_of(TYPES, expect("column_values_to_be_unique", column="id")))[-1]

    assert (rule.is_unique, rule.is_about_rows, rule.broken) == (True, True, None)
    assert broken(TYPES, expect("column_values_to_be_unique", column="id"), {name: ["1", "1"] for name in TYPES}) == []


def test_a_cell_of_another_type_breaks_the_rule_of_its_type(contract: Contract):
    rules = rules_of(contract)

    assert (rules[0].name, rules[0].columns) == ("type", ("Col1",))
    assert [rule.name for rule in rules[1:]] == [expectation.type for expectation in contract.suite.expectations]
