"""What a web service says about itself in `swagger.json`: its ports with their columns.

Source: the Swagger 2.0 documents that clients of the service read. Which definitions hold the ports differs between
them, so the references of request and answer are followed instead of names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast, get_args

ServiceType = Literal["string", "integer", "number", "boolean", "date-time"]

Port = Mapping[str, ServiceType | None]
"""Column to type, in the port's order; None for a type that is none of these."""

# A reference of a reference of a reference is more than any service writes; a circle has no end.
_MAX_REFERENCES: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDescription:
    """The ports of a web service.

    Args:
        inputs: Input ports by name.
        outputs: Output ports by name.
    """

    inputs: Mapping[str, Port]
    outputs: Mapping[str, Port]


def read_description(document: object) -> ServiceDescription:
    """Read the ports out of a `swagger.json`.

    Raises:
        ValueError: It does not describe a web service; says what is missing.
    """
    definitions = _member(document, "definitions")
    request, answer = _member(definitions, "ExecutionRequest"), _member(definitions, "ExecutionResponse")
    return ServiceDescription(
        inputs=_ports(definitions, _member(_properties(definitions, request), "Inputs")),
        outputs=_ports(definitions, _member(_properties(definitions, answer), "Results")),
    )


def _ports(definitions: Mapping[str, Any], ports: object) -> dict[str, Port]:
    found = _properties(definitions, ports)
    return {name: _columns(definitions, _followed(definitions, port)) for name, port in found.items()}


def _columns(definitions: Mapping[str, Any], port: Mapping[str, Any]) -> Port:
    # A port is a list of rows, and a row an object; a service of the first form leaves the list out.
    row = port["items"] if port.get("type") == "array" and "items" in port else port
    columns = _properties(definitions, row)
    return {name: _type(_followed(definitions, column)) for name, column in columns.items()}


def _type(column: Mapping[str, Any]) -> ServiceType | None:
    named = "date-time" if column.get("format") == "date-time" else column.get("type")
    return cast("ServiceType", named) if named in get_args(ServiceType) else None


def _properties(definitions: Mapping[str, Any], schema: object) -> Mapping[str, Any]:
    return _member(_followed(definitions, schema), "properties")


def _followed(definitions: Mapping[str, Any], schema: object) -> Mapping[str, Any]:
    for _ in range(_MAX_REFERENCES):
        reference = schema.get("$ref") if isinstance(schema, dict) else None
        if not isinstance(reference, str):
            return _object(schema, "a schema")
        schema = _member(definitions, reference.removeprefix("#/definitions/"))
    raise ValueError("its references go round in a circle")


def _member(value: object, name: str) -> Mapping[str, Any]:
    return _object(_object(value, "the document").get(name), repr(name))


def _object(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{name} is not an object")  # noqa: TRY004 - one kind of error for the caller
    return value
