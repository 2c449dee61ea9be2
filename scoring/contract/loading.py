"""Contracts from their YAML files. One that is wrong is refused before any data is read."""

from collections.abc import Hashable
from pathlib import Path

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bes.errors import InputError
from scoring.contract.model import Contract, Expectation
from scoring.contract.spelling import choose_from
from scoring.contract.supported import ContractProblem

_SUFFIXES = (".yaml", ".yml")


def load_contract(name_or_path: str | Path, contracts_dir: Path) -> Contract:
    """Load a contract by its name, or from a file.

    Args:
        name_or_path: A name such as `book_reviews`, looked up in the folder; or a path that ends in .yaml or .yml.
        contracts_dir: The folder of the contracts that have names.

    Returns:
        A contract that agrees with itself.

    Raises:
        InputError: There is no such contract, or it is wrong; names the file and the member.
    """
    path = _find(name_or_path, contracts_dir)
    document = _parse(path)
    if not isinstance(document, dict):
        raise InputError(f"Contract {path}: it is not a mapping.", _see_the_form(path))
    try:
        contract = Contract.model_validate(document)
    except ValidationError as error:
        problem = _problem(error.errors()[0])
        raise InputError(f"Contract {path}: {problem.member}: {problem.what}", problem.next_step) from error
    if contract.name != path.stem:
        raise InputError(f"Contract {path}: name: {contract.name!r} is not the file's name.", f"Call it {path.stem!r}.")
    return contract


def _find(name_or_path: str | Path, contracts_dir: Path) -> Path:
    if isinstance(name_or_path, Path) or name_or_path.endswith(_SUFFIXES):
        path = Path(name_or_path)
        if not path.is_file():
            raise InputError(f"There is no contract file {str(path)!r}.", "Check the path.")
        return path
    found = {path.stem: path for suffix in _SUFFIXES for path in sorted(contracts_dir.glob(f"*{suffix}"))}
    if name_or_path not in found:
        raise InputError(f"There is no contract {name_or_path!r} in {contracts_dir}.", choose_from(name_or_path, found))
    return found[name_or_path]


class _OnceOnlyLoader(yaml.SafeLoader):
    """YAML as PyYAML's safe loader reads it, except that a member may not stand twice: the later one would win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            if key_node.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key_node.value!r} twice", key_node.start_mark)
            if isinstance(key_node, yaml.ScalarNode):
                seen.add(key_node.value)
        return super().construct_mapping(node, deep=deep)


def _parse(path: Path) -> object:
    try:
        # A subclass of the safe loader: it makes plain values only.
        return yaml.load(path.read_bytes(), _OnceOnlyLoader)  # noqa: S506
    except OSError as error:
        raise InputError(f"Contract {path} cannot be read: {error.strerror}.", "Check its permissions.") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"Contract {path}, line {line}: not YAML: {error.problem}.", "Mend that line.") from error
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"Contract {path} is not YAML: {error}.", "Save it as UTF-8 text.") from error


def _problem(error: ErrorDetails) -> ContractProblem:
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, ContractProblem):
        return cause
    location = error["loc"]
    member = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    model: type[BaseModel] = Expectation if location[0] == "expectations" and len(location) > 1 else Contract
    match error["type"]:
        case "extra_forbidden":
            known = model.model_fields
            return ContractProblem(member, "There is no such member.", choose_from(str(location[-1]), known))
        case "missing":
            return ContractProblem(member, "It is missing.", "Add it.")
        case "literal_error":
            wants = error["ctx"]["expected"]
            return ContractProblem(member, f"{error['input']!r} is not known.", f"Give {wants}.")
        case _:
            return ContractProblem(member, f"{error['input']!r}: {error['msg']}.", "Mend that member.")


def _see_the_form(path: Path) -> str:
    return f"Give it the members {', '.join(Contract.model_fields)}; {path.name} has none of them."
