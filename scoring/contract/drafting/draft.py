"""A first contract from a sample of a file: what the sample shows, and comments that say what is yours to decide."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml
from pydantic import JsonValue

from bes.description import ServiceDescription
from bes.errors import InputError
from scoring.contract.against_service import fitting_types
from scoring.contract.drafting.guesses import Guess, guess_column
from scoring.contract.drafting.sniffing import Sample, read_sample
from scoring.contract.reading.dialect import Dialect
from scoring.contract.rules.column_types import ColumnType

_NAME_CHARACTERS: Final = 63
# Where the key is not in the sample twice, it still may be in the file.
_TOLERATED_SHARE: Final = 0.05


def draft_contract(path: Path, name: str, service: ServiceDescription | None = None) -> str:
    """Draft a contract for files like this one.

    Args:
        path: A CSV file; its first 10,000 records or 8 MiB are read.
        name: Of the contract, and of its file.
        service: What the web service says about its ports; without it they are guessed.

    Returns:
        The text of a YAML file that `load_contract` takes.

    Raises:
        InputError: The file cannot be read for sure, or has no record.
    """
    sample = read_sample(path)
    if not sample.records:
        raise InputError(f"Input {path.name!r} has no record below its header.", "Draft from a file that has some.")
    guesses = [guess_column(column, sample.cells(index)) for index, column in enumerate(sample.columns)]
    draft = _Draft.of(guesses, service)
    parts = [
        _head(path, name, sample),
        *_dialect(sample.dialect),
        *_key(draft),
        *_columns(draft, has_header=sample.dialect.header),
        *_ports(draft),
        *_bounds_of_a_run(),
        *_suite(draft),
    ]
    return "\n".join(parts) + "\n"


def contract_name(path: Path) -> str:
    """A name for the contract of a file: its own, without what a name may not hold."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", path.stem).strip("_-")
    return name[:_NAME_CHARACTERS] or "contract"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """What was decided for the draft.

    Args:
        absent: Columns that the web service wants and the file does not have, by port.
        is_guess: The ports are not the web service's own.
    """

    guesses: Sequence[Guess]
    types: Mapping[str, ColumnType]
    keys: Sequence[str]
    inputs: Mapping[str, Sequence[str]]
    outputs: Sequence[str]
    passthrough: Sequence[str]
    absent: Mapping[str, Sequence[str]]
    is_guess: bool

    @classmethod
    def of(cls, guesses: Sequence[Guess], service: ServiceDescription | None) -> "_Draft":
        names = [guess.name for guess in guesses]
        keys = _keys(guesses) if len(guesses) > 1 else []
        ports = service.inputs if service else {}
        inputs = {port: [name for name in columns if name in names] for port, columns in ports.items()}
        absent = {port: [name for name in columns if name not in names] for port, columns in ports.items()}
        is_guess = not inputs or not all(inputs.values())
        if is_guess:
            inputs = {"input1": [name for name in names if name not in keys[:1]]}
        outputs = service.outputs if service else {}
        taken = {*keys[:1], *(name for each in (*inputs.values(), *outputs.values()) for name in each)}
        return cls(
            guesses=guesses,
            types={guess.name: _type(guess, service) for guess in guesses},
            keys=keys,
            inputs=inputs,
            outputs=list(outputs) or ["output1"],
            passthrough=[name for name in names if name not in taken],
            absent={port: missing for port, missing in absent.items() if missing},
            is_guess=is_guess,
        )

    @property
    def key(self) -> str | None:
        return self.keys[0] if self.keys else None


def _keys(guesses: Sequence[Guess]) -> list[str]:
    """Columns that could be the key, the likeliest first."""
    named = [guess.name for guess in guesses if guess.is_unique and guess.has_key_name]
    return named + [guess.name for guess in guesses if guess.could_be_key and not guess.has_key_name]


def _type(guess: Guess, service: ServiceDescription | None) -> ColumnType:
    # Codes like 007 are text unless the web service wants numbers.
    wanted = next(
        (port[guess.name] for port in (service.inputs if service else {}).values() if guess.name in port), None
    )
    if wanted in ("integer", "number") and guess.numeric in fitting_types(wanted):
        return guess.numeric
    return guess.type


def _head(path: Path, name: str, sample: Sample) -> str:
    refused = f" {sample.n_refused:,} more could not be read for sure." if sample.n_refused else ""
    return (
        f"# Drafted from {len(sample.records):,} records of {json.dumps(path.name, ensure_ascii=True)}.{refused}\n"
        "# Decide what the comments ask, then let `batch-scoring contract check` look at it.\n"
        f"name: {_scalar(name)}"
    )


def _dialect(dialect: Dialect) -> Iterator[str]:
    yield "\n# How the files are written."
    if dialect.encoding != "utf-8":
        yield "# Decide: the bytes are not UTF-8, and which other encoding it is cannot be told. Look at some accents;"
        yield "# known are utf-8, latin-1, iso8859-15, cp1250 and cp1252."
    if not dialect.header:
        yield "# Decide: the first record looks like data, so the columns below have made-up names."
    # JSON, since a lone ; or | would look lost without quotes.
    yield "dialect: {" + ", ".join(f"{member}: {json.dumps(value)}" for member, value in dialect) + "}"


def _key(draft: _Draft) -> Iterator[str]:
    yield "\n# The column that identifies a row in the whole input, or null: then a row is known by its file and place."
    if draft.keys:
        yield f"# Decide: in the sample, these are never empty and never the same twice: {_listed(draft.keys)}."
    else:
        yield "# Decide: in the sample, no column looks like a key (never empty, never the same twice)."
    yield f"key: {_scalar(draft.key)}"


def _columns(draft: _Draft, *, has_header: bool) -> Iterator[str]:
    order = "In the order of the file." if has_header else "In the order of the file; give them better names."
    yield f"\n# {order} string, integer, float, boolean or date; an empty cell is a missing value."
    yield "columns:"
    for guess in draft.guesses:
        yield f"  {_scalar(guess.name)}: {draft.types[guess.name]}{_why(guess, draft.types[guess.name])}"
    personal = [guess.name for guess in draft.guesses if guess.is_personal]
    yield "\n# Decide: columns whose cells no page and no log may show."
    yield f"sensitive: {_listed(personal)}"


def _why(guess: Guess, type_: ColumnType) -> str:
    notes = []
    if guess.numeric is not None and type_ == "string":
        notes.append("numbers, but some with leading zeros or a plus sign: codes, so text")
    if guess.almost is not None:
        notes.append(f"Decide: nearly all are {guess.almost}; declare that, and the others are quarantined")
    if guess.n_empty:
        notes.append(f"empty in {guess.n_empty:,} of {guess.n_cells:,}")
    return f" # {'; '.join(notes)}" if notes else ""


def _ports(draft: _Draft) -> Iterator[str]:
    yield "\n# Which columns go to which input port of the web service, and which output port is read."
    if draft.is_guess:
        yield "# Decide: this is a guess, for no web service was asked, or none of its ports fits these columns."
    for port, missing in draft.absent.items():
        yield f"# Decide: the web service's port {_scalar(port)} wants what the file does not have: {_listed(missing)}."
    yield "inputs:"
    for port, names in draft.inputs.items():
        yield f"  {_scalar(port)}: {_listed(names)}"
    if len(draft.outputs) > 1:
        yield f"# Decide: the web service has the output ports {_listed(draft.outputs)}."
    yield f"output: {_scalar(draft.outputs[0])}"
    yield "\n# Decide: columns that come back beside the predictions, next to the key."
    yield f"passthrough: {_listed(draft.passthrough)}"


def _bounds_of_a_run() -> Iterator[str]:
    yield "\n# Decide: with more bad rows than this share of all, or than `rows`, a run stops and nothing is sent."
    yield f"tolerance: {{share: {_TOLERATED_SHARE}}}"
    yield "\n# Decide: rows whose output is known, which `batch-scoring contract check` lets score. All cells are text:"
    yield '# golden: [{input: {column: "a cell"}, output: {column: "1"}}]'
    yield "golden: []"


def _suite(draft: _Draft) -> Iterator[str]:
    yield "\n# The expectation suite, in Great Expectations' form. A row that breaks a `critical` one is quarantined;"
    yield "# one that breaks a `warning` is scored and reported."
    yield "# Decide: what holds for the sample need not hold for every file."
    yield "suite:"
    yield "  expectations:"
    names: list[JsonValue] = [guess.name for guess in draft.guesses]
    yield _expectation("expect_table_columns_to_match_ordered_list", {"column_list": names})
    yield _expectation("expect_table_row_count_to_be_between", {"min_value": 1})
    if draft.key is not None:
        yield _expectation("expect_column_values_to_be_unique", {"column": draft.key})
    for guess in draft.guesses:
        if not guess.n_empty:
            yield _expectation("expect_column_values_to_not_be_null", {"column": guess.name})
        if guess.name != draft.key and not guess.is_personal:
            yield from _values(guess, draft.types[guess.name])


def _values(guess: Guess, type_: ColumnType) -> Iterator[str]:
    if guess.choices and guess.almost is None and type_ in ("string", "integer"):
        choices: list[JsonValue] = list(guess.choices)
        if type_ == "integer":
            choices = [*sorted({int(choice) for choice in guess.choices})]
        yield _expectation(
            "expect_column_values_to_be_in_set", {"column": guess.name, "value_set": choices}, severity="warning"
        )
    elif guess.bounds is not None and not guess.could_be_key:
        lowest, highest = guess.bounds
        yield _expectation(
            "expect_column_values_to_be_between",
            {"column": guess.name, "min_value": lowest, "max_value": highest},
            severity="warning",
        )


def _expectation(type_: str, kwargs: Mapping[str, JsonValue], *, severity: str = "critical") -> str:
    members = ", ".join(
        f"{member}: {_listed(value) if isinstance(value, list) else _scalar(value)}" for member, value in kwargs.items()
    )
    return f"    - type: {type_}\n      kwargs: {{{members}}}\n      severity: {severity}"


def _listed(values: Sequence[JsonValue]) -> str:
    return "[" + ", ".join(map(_scalar, values)) + "]"


def _scalar(value: JsonValue) -> str:
    """A value as YAML has it, in quotes where it would be read as something else."""
    text: str = yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=float("inf"))
    return text.strip()[1:-1]
