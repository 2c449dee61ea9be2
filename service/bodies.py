"""Request bodies: from bytes to JSON values and wire models, with the documented error for what is neither."""

from typing import TypeVar

from pydantic import JsonValue, ValidationError
from pydantic_core import from_json

from bes.protocol import Wire
from service import error_codes

AnyWire = TypeVar("AnyWire", bound=Wire)

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_object(body: bytes) -> dict[str, JsonValue]:
    """The JSON object that a request sends, whatever its Content-Type and Content-Encoding say.

    Raises:
        ServiceError: `RequestBodyInvalid`, or `RequestIsEmpty` for null.
    """
    try:
        # Unlike json.loads this refuses half surrogates and bottomless nesting. Python's clients do write a bare NaN.
        value = from_json(body.removeprefix(BYTE_ORDER_MARK), allow_inf_nan=True)
    except ValueError as error:
        raise error_codes.REQUEST_BODY_INVALID(hint=f"{error}.") from None
    if value is None:
        raise error_codes.REQUEST_IS_EMPTY()
    if not isinstance(value, dict):
        raise error_codes.REQUEST_BODY_INVALID(hint="The body must be a JSON object.")
    return value


def read_model(model: type[AnyWire], value: JsonValue) -> AnyWire:
    """`value` as a wire model.

    Raises:
        ServiceError: `RequestBodyInvalid`, naming the member but never its value.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        member = ".".join(str(part) for part in first["loc"])
        raise error_codes.REQUEST_BODY_INVALID(hint=f"{member}: {first['msg']}.") from None
