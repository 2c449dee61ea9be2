"""Code samples for a web service: programs that run as they are once the keys are put in."""

import re
import shlex
from collections.abc import Mapping

from pydantic import JsonValue

from service.console.readable import indented
from service.declaration import Column, ColumnType, WebService

EXAMPLE_TEXT = "This is a good day"
"""The guide's own."""

EXAMPLES: Mapping[str, str] = {
    ColumnType.STRING: EXAMPLE_TEXT,
    ColumnType.INT32: "1",
    ColumnType.INT64: "1",
    ColumnType.DOUBLE: "1.5",
    ColumnType.BOOLEAN: "true",
    ColumnType.DATE_TIME: "2024-08-31T12:00:00",
}
"""A value of each type. Cells travel as text."""

CONNECTION_STRING_PLACEHOLDER = "<STORAGE CONNECTION STRING>"

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\w+')
PYTHON_WORDS = {"true": "True", "false": "False", "null": "None"}


SAMPLES = {
    "RRS in Python": "samples/rrs_python.txt",
    "RRS with curl": "samples/rrs_curl.txt",
    "BES in Python": "samples/bes_python.txt",
    "BES with curl": "samples/bes_curl.txt",
}
"""Titles and templates of the programs."""


def example_request(service: WebService) -> dict[str, JsonValue]:
    """The body of an RRS request with one row."""
    return {
        "Inputs": {
            port.name: {
                "ColumnNames": [column.name for column in port.columns],
                "Values": [[_example(column) for column in port.columns]],
            }
            for port in service.inputs
        },
        "GlobalParameters": _parameters(service),
    }


def example_order(service: WebService) -> dict[str, JsonValue]:
    """The body of a BES submit; the places of the blobs are to be filled in."""
    return {
        "Inputs": {port.name: _reference(port.name) for port in service.inputs},
        "Outputs": {port.name: _reference(port.name) for port in service.outputs},
        "GlobalParameters": _parameters(service),
    }


def _example(column: Column) -> str:
    return EXAMPLES[column.type]


def _parameters(service: WebService) -> dict[str, JsonValue]:
    return {
        parameter.name: EXAMPLES[parameter.type] if parameter.default is None else parameter.default
        for parameter in service.global_parameters
    }


def _reference(port: str) -> JsonValue:
    # A blob may be called anything, but a port's name may hold a slash.
    name = port.replace("/", "-")
    return {"ConnectionString": CONNECTION_STRING_PLACEHOLDER, "RelativeLocation": f"/mycontainer/{name}.csv"}


def as_python(value: JsonValue) -> str:
    """A value as Python source: JSON but for three words, since Python reads all texts that JSON writes."""
    return TOKEN.sub(lambda found: PYTHON_WORDS.get(found[0], found[0]), indented(value, spaces=4))


def as_shell(value: JsonValue) -> str:
    """A text, or the JSON of any other value, as one word of a shell command."""
    return shlex.quote(value if isinstance(value, str) else indented(value))
