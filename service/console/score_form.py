"""The Test form: one field for each input column and global parameter, and the row that comes back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from bes.protocol import ExecuteResponse, Table
from service.console.view_models import range_text
from service.declaration import Column, GlobalParameter, WebService

MAX_CELLS_SHOWN = 1_000
"""Of a row wider than that, the rest is counted, not shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One value to type in. `name` is the form's own, for columns may be called anything."""

    name: str
    label: str
    type: str
    value: str
    hint: str = ""
    is_required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldGroup:
    """Fields that belong together: the columns of an input port, or the global parameters."""

    legend: str
    fields: tuple[FormField, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One value of the result."""

    column: str
    type: str
    value: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow:
    """What one output port made of the input."""

    port: str
    cells: tuple[Cell, ...]
    n_hidden: int

    @property
    def text(self) -> str:
        """The values side by side."""
        shown = " ".join("null" if cell.value is None else cell.value for cell in self.cells)
        return f"{shown} …" if self.n_hidden else shown


def field_groups(service: WebService, form: Mapping[str, str]) -> list[FieldGroup]:
    """The fields of the Test form, with what was typed into them before."""
    groups = [
        FieldGroup(
            legend=f"Input port {port.name}",
            fields=tuple(
                _column_field(_column_name(at, index), column, form) for index, column in enumerate(port.columns)
            ),
        )
        for at, port in enumerate(service.inputs)
    ]
    parameters = tuple(
        _parameter_field(_parameter_name(index), parameter, form)
        for index, parameter in enumerate(service.global_parameters)
    )
    return [*groups, FieldGroup(legend="Global parameters", fields=parameters)] if parameters else groups


def request_body(service: WebService, form: Mapping[str, str]) -> bytes:
    """The body of the RRS request that a filled-in form stands for. An empty global parameter is not given."""
    inputs = {
        port.name: {
            "ColumnNames": [column.name for column in port.columns],
            "Values": [[form.get(_column_name(at, index), "") for index, _ in enumerate(port.columns)]],
        }
        for at, port in enumerate(service.inputs)
    }
    parameters = {
        parameter.name: form.get(_parameter_name(index)) or None
        for index, parameter in enumerate(service.global_parameters)
    }
    return json.dumps({"Inputs": inputs, "GlobalParameters": parameters}).encode()


def result_rows(answer: bytes) -> list[ResultRow]:
    """The row of each output port in the answer to such a request, asked for with details."""
    results = ExecuteResponse.model_validate_json(answer).results
    return [_result_row(port, results[port].value) for port in results]


def _result_row(port: str, table: Table) -> ResultRow:
    (row,) = table.values
    cells = zip(table.column_names or (), table.column_types or (), row, strict=True)
    shown = tuple(
        Cell(column=column, type=kind, value=None if value is None else str(value))
        for column, kind, value in list(cells)[:MAX_CELLS_SHOWN]
    )
    return ResultRow(port=port, cells=shown, n_hidden=len(row) - len(shown))


def _column_name(port_index: int, column_index: int) -> str:
    return f"input-{port_index}-{column_index}"


def _parameter_name(index: int) -> str:
    return f"parameter-{index}"


def _column_field(name: str, column: Column, form: Mapping[str, str]) -> FormField:
    return FormField(name=name, label=column.name, type=str(column.type), value=form.get(name, ""))


def _parameter_field(name: str, parameter: GlobalParameter, form: Mapping[str, str]) -> FormField:
    default = "" if parameter.default is None else str(parameter.default)
    return FormField(
        name=name,
        label=parameter.name,
        type=parameter.type,
        value=form.get(name, default),
        hint=range_text(parameter),
        is_required=parameter.default is None,
    )
