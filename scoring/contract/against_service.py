"""A contract beside the web service that it is for: ports, columns and types."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from bes.description import Port, ServiceDescription, ServiceType
from scoring.contract.model import Contract
from scoring.contract.problem import ContractProblem
from scoring.contract.rules.column_types import ANY, ColumnType
from scoring.contract.spelling import choose_from, nearest

# What the cells of a column may be, for each type that a service reads out of them; text takes anything.
_FITTING: Final[Mapping[ServiceType, tuple[ColumnType, ...]]] = {
    "integer": ("integer",),
    "number": ("integer", "float"),
    "boolean": ("boolean",),
    "date-time": ("date", "string"),
}


def compare_with_service(contract: Contract, service: ServiceDescription) -> list[ContractProblem]:
    """Compare a contract with what the web service says about itself.

    Returns:
        All that does not fit together, in the order of the contract's members; empty if everything does.
    """
    return [*_inputs(contract, service), *_output(contract, service)]


def fitting_types(wanted: ServiceType | None) -> tuple[ColumnType, ...]:
    """The declared types that a service can read as the type that it wants; all where that is not known."""
    return ANY if wanted is None else _FITTING.get(wanted, ANY)


def _inputs(contract: Contract, service: ServiceDescription) -> Iterator[ContractProblem]:
    for port, names in contract.inputs.items():
        if port in service.inputs:
            yield from _port(f"inputs.{port}", names, contract.columns, service.inputs[port])
        else:
            what = f"The web service has no input port {port!r}."
            yield ContractProblem(f"inputs.{port}", what, choose_from(port, service.inputs))
    for port in service.inputs:
        # A port that is only spelled wrong was told above.
        if port not in contract.inputs and nearest(port, set(contract.inputs) - set(service.inputs)) is None:
            what = f"The web service's input port {port!r} gets no columns."
            yield ContractProblem("inputs", what, f"Add it: it takes {', '.join(service.inputs[port])}.")


def _port(member: str, names: Sequence[str], types: Mapping[str, ColumnType], port: Port) -> Iterator[ContractProblem]:
    for name in names:
        if name not in port:
            yield ContractProblem(member, f"The port has no column {name!r}.", choose_from(name, port))
        elif types[name] not in (fitting := fitting_types(port[name])):
            what = f"The web service reads {name!r} as {port[name]}, and it is declared {types[name]}."
            yield ContractProblem(f"columns.{name}", what, f"Declare it {' or '.join(fitting)}.")
    for name in port:
        if name not in names:
            meant = nearest(name, [each for each in names if each not in port])
            step = f"Did you mean {name!r} by {meant!r}?" if meant else "Add it."
            yield ContractProblem(member, f"The port's column {name!r} is missing.", step)


def _output(contract: Contract, service: ServiceDescription) -> Iterator[ContractProblem]:
    if contract.output not in service.outputs:
        what = f"The web service has no output port {contract.output!r}."
        yield ContractProblem("output", what, choose_from(contract.output, service.outputs))
        return
    columns = service.outputs[contract.output]
    for name in contract.kept:
        if name in columns:
            what = f"{name!r} is a column of the output port as well, and the predictions would have it twice."
            step = "Rename it in the extract." if name == contract.key else "Take it out, or rename it in the extract."
            yield ContractProblem("key" if name == contract.key else "passthrough", what, step)
    for index, row in enumerate(contract.golden):
        for name in row.output:
            if name not in columns:
                what = f"The output port has no column {name!r}."
                yield ContractProblem(f"golden[{index}].output", what, choose_from(name, columns))
