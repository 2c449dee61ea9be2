"""Global parameters: what a request gives, checked against what the web service declares."""

from collections.abc import Mapping
from math import inf
from typing import Literal, TypeAlias

from pydantic import JsonValue

from service import error_codes
from service.declaration import GlobalParameter
from service.errors import ServiceError, did_you_mean

Scalar: TypeAlias = str | int | float | bool
"""A value of a global parameter."""

ERRORS = {
    # RRS and BES document the same two faults under different classes.
    "RRS": (error_codes.USER_UNEXPECTED_PARAMETER, error_codes.USER_MISSING_REQUIRED_GLOBAL_PARAMETERS),
    "BES": (error_codes.UNEXPECTED_PARAMETER, error_codes.MISSING_REQUIRED_GLOBAL_PARAMETERS),
}


def resolve_parameters(
    given: Mapping[str, JsonValue] | None, declared: tuple[GlobalParameter, ...], *, api: Literal["RRS", "BES"]
) -> dict[str, Scalar]:
    """The value of every declared parameter. Null counts as not given; text that reads as a number is one.

    Raises:
        ServiceError: A name is unknown, a required one is missing, or a value breaks the parameter's rule.
    """
    unexpected, missing = ERRORS[api]
    values = {name: value for name, value in (given or {}).items() if value is not None}
    by_name = {parameter.name: parameter for parameter in declared}
    for name in values:
        if name not in by_name:
            raise unexpected(hint=f"Unexpected: {name!r}. {did_you_mean(name, by_name)}".rstrip())
    absent = [name for name, parameter in by_name.items() if name not in values and parameter.default is None]
    if absent:
        raise missing(hint=f"Missing: {', '.join(repr(name) for name in absent)}.")
    return {
        name: _value(values[name], parameter) if name in values else _default(parameter)
        for name, parameter in by_name.items()
    }


def _default(parameter: GlobalParameter) -> Scalar:
    return "" if parameter.default is None else parameter.default


def _value(given: JsonValue, parameter: GlobalParameter) -> Scalar:
    try:
        value = _convert(given, parameter.type)
    except (TypeError, ValueError, OverflowError):
        raise _broken_rule(parameter, f"must be of type {parameter.type}") from None
    if isinstance(value, int | float) and not isinstance(value, bool):
        low = -inf if parameter.minimum is None else parameter.minimum
        high = inf if parameter.maximum is None else parameter.maximum
        if not low <= value <= high:
            raise _broken_rule(parameter, f"must be in the range {low:g} to {high:g}")
    return value


def _broken_rule(parameter: GlobalParameter, rule: str) -> ServiceError:
    return error_codes.BAD_PARAMETER_VALUE(hint=f"{parameter.name!r}: it {rule}.")


def _convert(given: JsonValue, kind: str) -> Scalar:
    match kind:
        case "String" if isinstance(given, str | int | float):
            return str(given)
        case "Int32" if isinstance(given, str | int) and not isinstance(given, bool):
            return _int32(int(given))
        case "Double" if isinstance(given, str | int | float) and not isinstance(given, bool):
            return float(given)
        case "Boolean" if str(given).lower() in {"true", "false"}:
            return str(given).lower() == "true"
        case _:
            raise TypeError


def _int32(value: int) -> int:
    if not -(2**31) <= value < 2**31:
        raise ValueError
    return value
