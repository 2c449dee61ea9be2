from typing import Any

import pytest

from bes.errors import InputError
from scoring.contract.docs.unanswered import refuse_unanswered

FAILED = {"raised_exception": True, "exception_message": "there is no such thing.", "exception_traceback": "long"}
CONFIGURATION = {"type": "expect_column_mean_to_be_between", "kwargs": {"column": "n", "min_value": 1, "batch_id": "b"}}


def result_of(information: dict[str, Any], *, success: bool = False, **figures: Any) -> dict[str, Any]:
    return {"success": success, "expectation_config": CONFIGURATION, "result": figures, "exception_info": information}


@pytest.mark.parametrize("information", [FAILED, {"metric one": FAILED, "metric two": FAILED}])
def test_a_reason_is_told_once_in_whichever_shape_it_comes(information: dict[str, Any]):
    with pytest.raises(InputError) as caught:
        refuse_unanswered(result_of(information, success=True, observed_value=1), [])

    assert caught.value.what == (
        "Great Expectations could not evaluate expect_column_mean_to_be_between {'column': 'n', 'min_value': 1}: "
        "there is no such thing."
    )


def test_a_failure_without_a_result_is_an_error_even_without_a_reason():
    with pytest.raises(InputError, match="no reason given"):
        refuse_unanswered(result_of({"raised_exception": False}), [])


def test_the_reason_is_not_told_where_it_may_show_a_sensitive_cell():
    with pytest.raises(InputError) as caught:
        refuse_unanswered(result_of(FAILED), ["n"])

    assert "no such thing" not in str(caught.value)
    assert "sensitive" in str(caught.value)


def test_a_rule_that_does_not_hold_is_an_answer():
    refuse_unanswered(result_of({"raised_exception": False}, observed_value=7), [])
