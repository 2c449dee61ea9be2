"""The description of a web service in Swagger 2.0, with the members that clients look for."""

from collections.abc import Sequence

from pydantic import JsonValue

from bes.protocol import API_VERSION, service_path
from service.declaration import Column, ColumnType, WebService

SWAGGER_TYPES: dict[ColumnType, dict[str, JsonValue]] = {
    ColumnType.STRING: {"type": "string"},
    ColumnType.INT32: {"type": "integer", "format": "int32"},
    ColumnType.INT64: {"type": "integer", "format": "int64"},
    ColumnType.DOUBLE: {"type": "number", "format": "double"},
    ColumnType.BOOLEAN: {"type": "boolean"},
    ColumnType.DATE_TIME: {"type": "string", "format": "date-time"},
}

JOB_ID: dict[str, JsonValue] = {"name": "jobId", "in": "path", "required": True, "type": "string"}
ERROR: dict[str, JsonValue] = {"description": "Error", "schema": {"$ref": "#/definitions/ErrorResponse"}}
EXAMPLES: dict[ColumnType, JsonValue] = {ColumnType.STRING: "", ColumnType.BOOLEAN: False, ColumnType.DATE_TIME: ""}


def swagger(service: WebService, host: str) -> dict[str, JsonValue]:
    """The document that `swagger.json` answers.

    Args:
        service: What is described.
        host: Host and port under which the client reached the service.
    """
    return {
        "swagger": "2.0",
        "info": {"version": API_VERSION, "title": service.name, "description": f"Web service {service.name}."},
        "host": host,
        "schemes": ["http", "https"],
        "basePath": service_path(service.workspace_id, service.service_id),
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "security": [{"Bearer": []}],
        "securityDefinitions": {"Bearer": {"type": "apiKey", "name": "Authorization", "in": "header"}},
        "paths": _paths(service),
        "definitions": _definitions(service),
    }


def _paths(service: WebService) -> dict[str, JsonValue]:
    version = f"api-version={API_VERSION}"
    execute: dict[str, JsonValue] = {
        "name": "executePayload",
        "in": "body",
        "required": True,
        "schema": {"$ref": "#/definitions/ExecutionRequest"},
    }
    submit: dict[str, JsonValue] = {
        "name": "jobRequest",
        "in": "body",
        "required": True,
        "schema": {"$ref": "#/definitions/JobRequest"},
    }
    answer: JsonValue = {"$ref": "#/definitions/ExecutionResponse"}
    status: JsonValue = {"$ref": "#/definitions/JobState"}
    return {
        f"/execute?{version}&format=swagger": {
            "post": _operation("execute", f"Execute {service.name}", [execute], answer)
        },
        f"/jobs?{version}": {"post": _operation("submitJob", "Submit a job", [submit], {"type": "string"})},
        f"/jobs/{{jobId}}/start?{version}": {"post": _operation("startJob", "Start a job", [JOB_ID], None)},
        f"/jobs/{{jobId}}?{version}": {
            "get": _operation("getJob", "Status and results of a job", [JOB_ID], status),
            "delete": _operation("deleteJob", "Cancel a job", [JOB_ID], None),
        },
    }


def _operation(name: str, summary: str, parameters: Sequence[JsonValue], answer: JsonValue) -> JsonValue:
    success: dict[str, JsonValue] = {"description": "OK"}
    if answer is not None:
        success["schema"] = answer
    return {
        "operationId": name,
        "summary": summary,
        "parameters": list(parameters),
        "responses": {"200": success, "default": ERROR},
    }


def _definitions(service: WebService) -> dict[str, JsonValue]:
    inputs = {port.name: port.columns for port in service.inputs}
    outputs = {port.name: port.columns for port in service.outputs}
    example = {
        "Inputs": {name: [{column.name: EXAMPLES.get(column.type, 1) for column in inputs[name]}] for name in inputs},
        "GlobalParameters": {parameter.name: parameter.default for parameter in service.global_parameters},
    }
    text: JsonValue = {"type": "string"}
    reference = dict.fromkeys(("ConnectionString", "RelativeLocation", "BaseLocation", "SasBlobToken"), text)
    references: JsonValue = {"type": "object", "additionalProperties": {"$ref": "#/definitions/BlobReference"}}
    return {
        **{f"{name}Item": _item(columns) for name, columns in (inputs | outputs).items()},
        "ExecutionInputs": _object({name: _rows(name) for name in inputs}),
        "ExecutionOutputs": _object({name: _rows(name) for name in outputs}),
        "ExecutionRequest": {
            **_object({"Inputs": {"$ref": "#/definitions/ExecutionInputs"}, "GlobalParameters": _parameters(service)}),
            "example": example,  # type: ignore[dict-item]
        },
        "ExecutionResponse": _object({"Results": {"$ref": "#/definitions/ExecutionOutputs"}}),
        "BlobReference": _object(dict.fromkeys(reference, text)),
        "JobRequest": _object({"Inputs": references, "Outputs": references, "GlobalParameters": _parameters(service)}),
        "JobState": _object({"StatusCode": text, "Results": references, "Details": text}),
        "ErrorResponse": _object({"error": {"type": "object"}}),
    }


def _object(properties: dict[str, JsonValue]) -> dict[str, JsonValue]:
    return {"type": "object", "properties": properties}


def _item(columns: Sequence[Column]) -> dict[str, JsonValue]:
    return _object({column.name: {**SWAGGER_TYPES[column.type]} for column in columns})


def _rows(name: str) -> JsonValue:
    return {"type": "array", "items": {"$ref": f"#/definitions/{name}Item"}}


def _parameters(service: WebService) -> dict[str, JsonValue]:
    kinds = {parameter.name: SWAGGER_TYPES[ColumnType(parameter.type)] for parameter in service.global_parameters}
    return _object({name: {**kind} for name, kind in kinds.items()})
