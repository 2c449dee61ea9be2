"""Rows whose output is known: what the web service makes of them, compared cell by cell."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from pydantic import JsonValue

from bes.client import BesClient
from bes.errors import Rejected
from bes.protocol import ExecuteRequest, Table
from scoring.contract.model import Contract, GoldenRow
from scoring.contract.problem import ContractProblem
from scoring.contract.spelling import choose_from, shown

# Digits beyond these differ between machines that compute the same.
_RELATIVE_TOLERANCE: Final = 1e-9


def compare_golden_rows(contract: Contract, client: BesClient) -> list[ContractProblem]:
    """Let the web service score the rows whose output is known, in one call of RRS, and compare.

    Returns:
        All that comes back otherwise than the contract says.

    Raises:
        RemoteError: The gateway or the web service does not answer.
    """
    if not contract.golden:
        return []
    return ask_golden_rows(contract.golden, inputs=contract.inputs, output=contract.output, client=client)


def ask_golden_rows(
    golden: Sequence[GoldenRow], *, inputs: Mapping[str, Sequence[str]], output: str, client: BesClient
) -> list[ContractProblem]:
    """Let the web service score golden rows in one call of RRS, and compare.

    Args:
        golden: At least one.
        inputs: Input port to the columns that go there.
        output: Output port that is read.
        client: For the web service.

    Returns:
        All that comes back otherwise than the rows say.

    Raises:
        RemoteError: The gateway or the web service does not answer.
    """
    tables = {
        port: Table(column_names=list(names), values=[[row.input[name] for name in names] for row in golden])
        for port, names in inputs.items()
    }
    try:
        response = client.execute(ExecuteRequest(inputs=tables, global_parameters={}))
    except Rejected as error:
        return [ContractProblem("golden", error.what, "Mend the rows, or the columns under `inputs`.")]
    if output not in response.results:
        what = f"The web service answers without the output port {output!r}."
        return [ContractProblem("output", what, choose_from(output, response.results))]
    table = response.results[output].value
    return compare_outputs(golden, table.column_names or [], table.values)


def compare_outputs(
    golden: Sequence[GoldenRow], names: Sequence[str], rows: Sequence[Sequence[JsonValue]]
) -> list[ContractProblem]:
    """Compare what came back with what golden rows say: numbers as numbers, everything else as text.

    Args:
        golden: The rows that were sent.
        names: Columns of the output.
        rows: What came back, a cell for each column; None for an empty one.
    """
    if len(rows) != len(golden):
        what = f"The web service answers {len(golden)} rows with {len(rows)}."
        return [ContractProblem("golden", what, "Ask its owner: one row must come back for each.")]
    return [
        problem
        for index, (row, cells) in enumerate(zip(golden, rows, strict=True))
        for problem in _row(f"golden[{index}].output", row, dict(zip(names, cells, strict=False)))
    ]


def _row(member: str, row: GoldenRow, cells: Mapping[str, JsonValue]) -> Iterator[ContractProblem]:
    for name, wanted in row.output.items():
        found = cells.get(name)
        if name not in cells:
            what = f"The web service answers without the column {name!r}."
            yield ContractProblem(member, what, choose_from(name, cells))
        elif not _is_same(wanted, "" if found is None else str(found)):
            what = f"The web service answers {shown(str(found))} instead of {shown(wanted)}."
            yield ContractProblem(f"{member}.{name}", what, "Ask its owner what changed, or mend the contract.")


def _is_same(wanted: str, found: str) -> bool:
    if wanted == found:
        return True
    try:
        return int(wanted) == int(found)
    except ValueError:
        pass
    try:
        return math.isclose(float(wanted), float(found), rel_tol=_RELATIVE_TOLERANCE)
    except ValueError:
        return wanted.lower() in ("true", "false") and wanted.lower() == found.lower()
