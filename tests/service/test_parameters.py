import pytest

from service.declaration import GlobalParameter
from service.errors import ServiceError
from service.parameters import resolve_parameters

BITS = GlobalParameter(name="Hashing bitsize", type="Int32", default=3, minimum=1, maximum=20)
REQUIRED = GlobalParameter(name="Threshold", type="Double")
FLAG = GlobalParameter(name="Flag", type="Boolean", default=False)


def refusal(given: dict, *declared: GlobalParameter, api: str = "BES") -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        resolve_parameters(given, declared, api=api)
    return caught.value


@pytest.mark.parametrize("given", [None, {}, {"Hashing bitsize": None}])
def test_parameter_that_is_not_given_has_its_default(given: dict | None) -> None:
    assert resolve_parameters(given, (BITS, FLAG), api="BES") == {"Hashing bitsize": 3, "Flag": False}


@pytest.mark.parametrize("given", [5, "5", " 5 "])
def test_number_may_come_as_text(given: object) -> None:
    assert resolve_parameters({"Hashing bitsize": given}, (BITS,), api="RRS") == {"Hashing bitsize": 5}


@pytest.mark.parametrize("given", [True, "true", "True"])
def test_truth_may_come_as_text(given: object) -> None:
    assert resolve_parameters({"Flag": given}, (FLAG,), api="RRS") == {"Flag": True}


@pytest.mark.parametrize("given", ["three", 3.5, True, [3], {"a": 1}, 0, 21, 10**30, ""])
def test_value_that_breaks_the_rule_is_a_bad_parameter_value(given: object) -> None:
    error = refusal({"Hashing bitsize": given}, BITS)
    assert error.code == "BadParameterValue"
    assert "'Hashing bitsize'" in error.message


@pytest.mark.parametrize("given", ["nan", "much", [], True])
def test_text_that_is_no_number_in_range_is_refused_for_a_double(given: object) -> None:
    limited = GlobalParameter(name="Threshold", type="Double", minimum=0)
    assert refusal({"Threshold": given}, limited).code == "BadParameterValue"


@pytest.mark.parametrize(("api", "error_class"), [("BES", "BadArgument"), ("RRS", "BadUserArgument")])
def test_unknown_parameter_is_unexpected_and_the_nearest_name_is_told(api: str, error_class: str) -> None:
    error = refusal({"Hashing bitsise": 3}, BITS, api=api)
    assert (error.error_class.code, error.code) == (error_class, "UnexpectedParameter")
    assert error.message.endswith("Unexpected: 'Hashing bitsise'. Did you mean 'Hashing bitsize'?")


@pytest.mark.parametrize(("api", "error_class"), [("BES", "BadArgument"), ("RRS", "BadUserArgument")])
def test_required_parameter_that_is_missing_is_named(api: str, error_class: str) -> None:
    error = refusal({}, BITS, REQUIRED, api=api)
    assert (error.error_class.code, error.code) == (error_class, "MissingRequiredGlobalParameters")
    assert error.message.endswith("Missing: 'Threshold'.")
