"""Which answers a retry's condition holds for."""

import pytest

from service.policies.conditions import parse_condition

STATUS = "context.Response.StatusCode"


@pytest.mark.parametrize(
    ("expression", "held"),
    [
        (f"@({STATUS} == 503)", {503}),
        (f"@({STATUS} != 200)", {199, 404, 500, 503}),
        (f" @( {STATUS}>=500 ) ", {500, 503}),
        (f"@({STATUS} > 500)", {503}),
        (f"@({STATUS} < 200)", {199}),
        (f"@({STATUS} <= 200)", {199, 200}),
        (f"@({STATUS} == 404 || {STATUS} >= 500 && {STATUS} != 503)", {404, 500}),
    ],
)
def test_a_condition_holds_for_these_statuses(expression: str, held: set[int]):
    condition = parse_condition(expression)

    assert condition is not None
    assert {status for status in (199, 200, 404, 500, 503) if condition.holds(status)} == held


@pytest.mark.parametrize(
    "expression",
    [
        "true",
        "@()",
        "@(true)",
        f"@{{ return {STATUS} == 503; }}",
        f"@({STATUS} == 503",
        f"@({STATUS} = 503)",
        f"@(({STATUS} == 503))",
        f"@({STATUS} == 503 ||)",
        "@(context.Response == null)",
        f"{STATUS} == 503",
    ],
)
def test_another_expression_is_not_known(expression: str):
    assert parse_condition(expression) is None
