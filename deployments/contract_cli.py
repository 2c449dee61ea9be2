"""The commands about contracts: `batch-scoring contract check | init`."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import TypeAdapter, ValidationError

from bes.errors import InputError
from bes.settings import EndpointSettings
from deployments.console import say, show
from scoring.contract.loading import find_contract, load_contract
from scoring.contract.model import NAME_STEP, Contract, ContractName
from scoring.contract.problem import ContractProblem
from scoring.settings import RunSettings

if TYPE_CHECKING:
    from bes.client import BesClient

CHECK_KEYS: Final = ("contract", "status", "checked", "problems")
"""What `contract check --json` prints; `checked` holds `file`, and `service` and `golden` where they were compared."""


def add_contract_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `contract check` and `contract init` to the command line."""
    contract = commands.add_parser("contract", help="check a contract, or draft one from a file")
    actions = contract.add_subparsers(required=True, metavar="ACTION")

    check = actions.add_parser("check", help="check a contract, and compare it with the web service if one is set")
    check.add_argument("contract", metavar="NAME", help="name of a contract, or path of its YAML file")
    check.add_argument("--json", action="store_true", help="print one JSON object on standard output")
    check.set_defaults(command=_check, json_keys=CHECK_KEYS)

    init = actions.add_parser("init", help="draft a contract from the beginning of a CSV file")
    init.add_argument("input", metavar="INPUT", type=Path, help="CSV file such as the contract is for")
    init.add_argument("--name", help="name of the contract; by default the file's")
    init.add_argument("--output", metavar="FILE", type=Path, help="where to write it; by default among the contracts")
    init.set_defaults(command=_init, json=False)


def _check(options: argparse.Namespace) -> int:
    from bes.client import BesClient

    contracts_dir = RunSettings().contracts_dir
    contract = load_contract(options.contract, contracts_dir)
    path = find_contract(options.contract, contracts_dir)
    endpoint = EndpointSettings()
    checked: list[str] = ["file"]
    problems: list[ContractProblem] = []
    if endpoint.url:
        with BesClient(endpoint) as client:
            checked, problems = _compare(contract, client)
    if problems:
        where = f"the web service {endpoint.service!r} at {endpoint.url!r}"
        _tell_problems(f"Contract {path} does not fit {where}.", problems)
    if options.json:
        show(_as_json(contract, checked, problems))
    elif not problems:
        show(_in_words(path, contract, checked, endpoint))
    return InputError.exit_code if problems else 0


def _compare(contract: Contract, client: "BesClient") -> tuple[list[str], list[ContractProblem]]:
    from scoring.contract.against_service import compare_with_service
    from scoring.contract.golden import compare_golden_rows

    problems = compare_with_service(contract, client.describe())
    if problems or not contract.golden:
        # With ports or columns that do not fit, the golden rows would only be refused.
        return ["file", "service"], problems
    return ["file", "service", "golden"], compare_golden_rows(contract, client)


def _tell_problems(what: str, problems: list[ContractProblem]) -> None:
    lines = [f"{problem.member}: {problem.what} {problem.next_step}" for problem in problems]
    say("\n  ".join([f"error: {what}", *lines]))


def _as_json(contract: Contract, checked: list[str], problems: list[ContractProblem]) -> str:
    told = [{"member": each.member, "what": each.what, "next_step": each.next_step} for each in problems]
    status = "failed" if problems else "passed"
    return json.dumps(dict(zip(CHECK_KEYS, (contract.name, status, checked, told), strict=True)))


def _in_words(path: Path, contract: Contract, checked: list[str], endpoint: EndpointSettings) -> str:
    lines = [f"Contract {path} agrees with itself."]
    if "service" in checked:
        lines.append(f"It fits the ports of the web service {endpoint.service!r} at {endpoint.url!r}.")
    else:
        lines.append(
            "No endpoint is set, so only the file was checked. BATCH_SCORING_ENDPOINT_URL compares it with one."
        )
    if "golden" in checked:
        n_rows = len(contract.golden)
        lines.append(f"{n_rows} golden row{'s' if n_rows > 1 else ''} came back as the contract says.")
    return "\n".join(lines)


def _init(options: argparse.Namespace) -> int:
    from bes.client import BesClient
    from scoring.contract.drafting.draft import draft_contract

    name, path = _name_and_path(options.input, options.name, options.output)
    if path.exists():
        raise InputError(f"{str(path)!r} exists already.", "Give another --name or --output: nothing is overwritten.")
    endpoint = EndpointSettings()
    service = None
    if endpoint.url:
        with BesClient(endpoint) as client:
            service = client.describe()
    text = draft_contract(options.input, name, service)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
    show(f"{path} is a draft: look through its comments, then run `batch-scoring contract check {path}`.")
    return 0


def _name_and_path(source: Path, name: str | None, output: Path | None) -> tuple[str, Path]:
    """Name and file of a draft: a contract bears its file's name."""
    from scoring.contract.drafting.draft import contract_name

    if output is None:
        name = _checked(contract_name(source) if name is None else name)
        return name, RunSettings().contracts_dir / f"{name}.yaml"
    if output.suffix not in (".yaml", ".yml"):
        raise InputError(f"--output {str(output)!r} is no YAML file.", "Give it a name that ends in .yaml.")
    if name not in (None, output.stem):
        raise InputError(f"--name {name!r} is not the name of the file {output.name!r}.", "Leave one of the two out.")
    return _checked(output.stem), output


def _checked(name: str) -> str:
    try:
        return TypeAdapter(ContractName).validate_python(name)
    except ValidationError as error:
        raise InputError(f"{name!r} is not a name for a contract.", NAME_STEP) from error
