"""Contracts from their YAML files. One that is wrong is refused before any data is read."""

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bes.errors import InputError
from scoring.contract.model import NAME_STEP, Contract, Expectation, GoldenRow, Suite, Tolerance
from scoring.contract.problem import ContractProblem
from scoring.contract.reading.dialect import Dialect
from scoring.contract.spelling import choose_from, one_line, shown

_SUFFIXES = (".yaml", ".yml")

# What stands where, by the path without places in lists: for the names that are known there.
_MODELS: Final[Mapping[tuple[str, ...], type[BaseModel]]] = {
    (): Contract,
    ("dialect",): Dialect,
    ("tolerance",): Tolerance,
    ("golden",): GoldenRow,
    ("suite",): Suite,
    ("suite", "expectations"): Expectation,
}
# Pydantic's kinds of error that need no more than this to be understood.
_KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "missing": ("It is missing.", "Add it."),
    "tuple_type": ("{value} is not a list.", "Write it as [one, another]."),
    "dict_type": ("{value} is not a mapping.", "Write its members below it, indented."),
    "model_type": ("{value} is not a mapping.", "Write its members below it, indented."),
}


def load_contract(name_or_path: str | Path, contracts_dir: Path) -> Contract:
    """Load a contract by its name, or from a file.

    Args:
        name_or_path: A name such as `book_reviews`, looked up in the folder; or a path that ends in .yaml or .yml.
        contracts_dir: The folder of the contracts that have names.

    Returns:
        A contract that agrees with itself; a suite that stands in a file of its own is part of it.

    Raises:
        InputError: There is no such contract, or it is wrong; names the file and the member.
    """
    path = find_contract(name_or_path, contracts_dir)
    document = _parse(path, what="Contract")
    if not isinstance(document, dict):
        raise InputError(f"Contract {path}: it is not a mapping.", _see_the_form(path))
    suite_path = _suite_path(path, document)
    if suite_path is not None:
        document = {**document, "suite": _parse(suite_path, what=f"Contract {path}: suite: File")}
    try:
        contract = Contract.model_validate(document)
    except ValidationError as error:
        problem = _problem(min(error.errors(), key=_order))
        in_suite = suite_path is not None and problem.member.startswith("suite")
        what = f"{problem.what} (In {suite_path}.)" if in_suite else problem.what
        raise InputError(f"Contract {path}: {problem.member}: {what}", problem.next_step) from error
    if contract.name != path.stem:
        raise InputError(f"Contract {path}: name: {contract.name!r} is not the file's name.", f"Call it {path.stem!r}.")
    return contract


def find_contract(name_or_path: str | Path, contracts_dir: Path) -> Path:
    """The file of a contract, by its name or its path.

    Raises:
        InputError: There is none; names those that there are.
    """
    if isinstance(name_or_path, Path) or name_or_path.endswith(_SUFFIXES):
        path = Path(name_or_path)
        if not path.is_file():
            raise InputError(f"There is no contract file {str(path)!r}.", "Check the path.")
        return path
    found = {path.stem: path for suffix in _SUFFIXES for path in sorted(contracts_dir.glob(f"*{suffix}"))}
    if name_or_path not in found:
        raise InputError(f"There is no contract {name_or_path!r} in {contracts_dir}.", choose_from(name_or_path, found))
    return found[name_or_path]


class _Loader(yaml.SafeLoader):
    """YAML as PyYAML's safe loader reads it, with two differences.

    A member may not stand twice: the later one would win. And a date stays the text that it is in the contract's
    rules and in the cells they judge.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own class attribute
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            if isinstance(key_node, yaml.ScalarNode):
                if key_node.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"{key_node.value!r} twice", key_node.start_mark
                    )
                seen.add(key_node.value)
        return super().construct_mapping(node, deep=deep)


def _parse(path: Path, *, what: str) -> object:
    """Parse YAML, or JSON, of which YAML is a superset."""
    try:
        # A subclass of the safe loader: it makes plain values only.
        return yaml.load(path.read_bytes(), _Loader)  # noqa: S506
    except OSError as error:
        raise InputError(f"{what} {path} cannot be read: {error.strerror}.", "Check its permissions.") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(
            f"{what} {path}, line {line}: not YAML: {one_line(str(error.problem))}.", "Mend that line."
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"{what} {path} is not YAML: {one_line(str(error))}.", "Save it as UTF-8 text.") from error
    except RecursionError as error:
        raise InputError(f"{what} {path} is nested too deeply.", "Write it as the README shows.") from error


def _suite_path(path: Path, document: Mapping[str, Any]) -> Path | None:
    named = document.get("suite")
    if not isinstance(named, str):
        return None
    suite_path = path.parent / named
    if not suite_path.is_file():
        raise InputError(
            f"Contract {path}: suite: There is no file {str(suite_path)!r}.",
            "Give the path of a suite that Great Expectations wrote, from the contract's folder, or the suite itself.",
        )
    return suite_path


def _order(error: ErrorDetails) -> int:
    # A member that is spelled wrong is the reason why another one is missing.
    return 0 if error["type"] == "extra_forbidden" else 1


def _problem(error: ErrorDetails) -> ContractProblem:
    # Pydantic writes "[key]" behind a name that is itself what is wrong.
    location = tuple(part for part in error["loc"] if part != "[key]")
    member = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, ContractProblem):
        return cause.under(member) if member else cause
    return ContractProblem(member, *_explained(error, location))


def _explained(error: ErrorDetails, location: tuple[int | str, ...]) -> tuple[str, str]:
    """What is wrong with a member, and what to do."""
    kind, value = error["type"], error["input"]
    if kind == "extra_forbidden":
        return "There is no such member.", _instead_of(location)
    if kind != "missing" and value is None:
        return "It is empty.", "Give it a value, or take it out."
    if kind == "literal_error":
        return f"{shown(str(value))} is not known.", f"Give {error['ctx']['expected']}."
    if kind == "string_type" and isinstance(value, int | float):
        return f"YAML reads {value!r} here, which is not text.", "Put it in quotes."
    if kind == "string_pattern_mismatch":
        return f"{shown(str(value))} is not a name that can be used.", _names(location)
    what, next_step = _KINDS.get(kind, (f"{shown(str(value))}: {error['msg']}.", "Mend that member."))
    return what.replace("{value}", shown(str(value))), next_step


def _instead_of(location: tuple[int | str, ...]) -> str:
    if location == ("expectations",):
        return "Expectations stand under `suite` now: write `suite:` and below it, indented, `expectations:`."
    place = tuple(part for part in location[:-1] if isinstance(part, str))
    return choose_from(str(location[-1]), _MODELS[place].model_fields)


def _names(location: tuple[int | str, ...]) -> str:
    if location == ("name",):
        return NAME_STEP
    return "Use printable characters, at least one."


def _see_the_form(path: Path) -> str:
    return f"Give it the members {', '.join(Contract.model_fields)}; {path.name} has none of them."
