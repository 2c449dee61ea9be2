"""What a contract demands of single rows and of the whole table, as Great Expectations runs it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scoring.contract.findings import TYPE
from scoring.contract.model import Contract, Expectation, Severity
from scoring.contract.typed import TYPE_RULE


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One expectation, and what a finding says of it.

    Args:
        configuration: The expectation in GX's own form.
        name: The expectation's type, or `type` for the declared type of a column.
        column: The column it judges; empty for a rule about the whole table.
        message: The rule in words.
    """

    configuration: dict[str, Any]
    name: str
    column: str
    severity: Severity
    message: str


def rules_of(contract: Contract) -> list[Rule]:
    """Return the declared types as rules, then the suite: nothing more basic than its type can be wrong with a cell."""
    return [*_type_rules(contract), *map(_suite_rule, contract.expectations)]


def _type_rules(contract: Contract) -> Iterator[Rule]:
    for column, type_ in contract.columns.items():
        if type_ != "string":
            configuration = {
                "type": "expect_column_values_to_be_of_type",
                "kwargs": {"column": column, "type_": "int" if type_ == "integer" else "float"},
                "severity": "critical",
            }
            message = TYPE_RULE[type_]
            yield Rule(configuration=configuration, name=TYPE, column=column, severity="critical", message=message)


def _suite_rule(expectation: Expectation) -> Rule:
    return Rule(
        configuration=expectation.model_dump(),
        name=expectation.type,
        column=expectation.column,
        severity=expectation.severity,
        message=expectation.says,
    )
