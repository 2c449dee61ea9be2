"""The input contract: what a file looks like, which of its columns are scored, and what must be true of every row."""

from collections import Counter
from collections.abc import Hashable, Iterable
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, model_validator

from scoring.contract.problem import ContractProblem
from scoring.contract.reading.dialect import Dialect
from scoring.contract.rules.column_types import ColumnType
from scoring.contract.rules.supported import SUPPORTED, check_expectation
from scoring.contract.spelling import choose_from

Severity = Literal["critical", "warning", "info"]

# It becomes part of blob paths and of file names.
ContractName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")]
NAME_STEP: Final = "Use letters, digits, - and _, at most 63, the first one a letter or digit."
ColumnName = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]+$")]
PortName = Annotated[str, StringConstraints(min_length=1)]

# The books are balanced by key: without these two, a row could not be told from another.
_KEY_RULES = ("expect_column_values_to_not_be_null", "expect_column_values_to_be_unique")


PLACE = ("file", "record")
"""The columns that a row is known by where it has no key: the name of its file, and its number among all records."""


class _Member(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Expectation(_Member):
    """One expectation, in the form that Great Expectations gives it in a suite.

    Args:
        severity: `critical` quarantines the row (or, about the whole table, stops the run); the others report it.
        id: Great Expectations' own; taken from suites that it wrote, and not used.
    """

    type: str
    kwargs: dict[str, JsonValue] = Field(default_factory=dict)
    severity: Severity = "critical"
    meta: dict[str, JsonValue] | None = None
    notes: str | list[str] | None = None
    description: str | None = None
    id: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it judges; none when it judges the whole table."""
        return SUPPORTED[self.type].columns(self.kwargs)

    @property
    def is_about_rows(self) -> bool:
        """Whether it finds single rows; otherwise it judges a column or the table as a whole."""
        return SUPPORTED[self.type].is_about_rows

    @property
    def says(self) -> str:
        """The rule in words, such as `must be between 1 and 5`."""
        return SUPPORTED[self.type].says(self.kwargs)


class Suite(_Member):
    """An expectation suite as Great Expectations writes it.

    Args:
        name: The contract's name by default.
        id: Great Expectations' own; not used.
    """

    name: str | None = None
    expectations: tuple[Expectation, ...] = Field(min_length=1)
    meta: dict[str, JsonValue] | None = None
    notes: str | list[str] | None = None
    id: str | None = None


class Tolerance(_Member):
    """How many bad rows a run bears; with more it stops, and nothing is sent. Where both are given, both hold.

    Args:
        share: Bad rows by all rows, 0 to 1.
        rows: Number of bad rows.
    """

    share: float | None = Field(None, ge=0, le=1)
    rows: int | None = Field(None, ge=0)


class GoldenRow(_Member):
    """A row whose output is known.

    Args:
        input: Column to cell, as text: every column that goes to an input port.
        output: Column of the output port to cell, as text; columns that are not named may hold anything.
    """

    input: dict[str, str] = Field(min_length=1)
    output: dict[str, str] = Field(min_length=1)


class Contract(_Member):
    """What one data set must look like, and how it meets the web service.

    Args:
        dialect: How the files are written.
        key: The column that identifies a row in the whole input; None where a row is known by its place, that is its
            file and the number of its record.
        columns: Name to type, in the order of the file.
        sensitive: Columns whose cells no page and no log may show; the quarantine file has them.
        inputs: Input port of the web service to the columns that go there.
        output: Output port that is read.
        passthrough: Columns that come back beside the predictions, untouched.
        tolerance: How many bad rows a run bears; by default any number below all.
        golden: Rows whose output is known.
        suite: What must be true of every row, and of all of them together.
    """

    name: ContractName
    dialect: Dialect = Dialect()
    key: ColumnName | None = None
    columns: dict[ColumnName, ColumnType] = Field(min_length=1)
    sensitive: tuple[ColumnName, ...] = ()
    inputs: dict[PortName, tuple[ColumnName, ...]] = Field(min_length=1)
    output: PortName
    passthrough: tuple[ColumnName, ...] = ()
    tolerance: Tolerance = Tolerance()
    golden: tuple[GoldenRow, ...] = ()
    suite: Suite

    @property
    def scored(self) -> tuple[str, ...]:
        """Columns that go to the input ports, each once."""
        return tuple(dict.fromkeys(name for names in self.inputs.values() for name in names))

    @property
    def kept(self) -> tuple[str, ...]:
        """Columns that the predictions begin with: what a row is known by, then those that were passed through."""
        return (*known_by(self.key), *self.passthrough)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.key is not None:
            self._check_declared("key", [self.key])
        for port, names in self.inputs.items():
            self._check_list(f"inputs.{port}", names)
            if not names:
                raise ContractProblem(f"inputs.{port}", "It lists no column.", "List the columns that are scored.")
        self._check_list("passthrough", self.passthrough)
        self._check_list("sensitive", self.sensitive)
        if self.key in self.passthrough:
            raise ContractProblem(
                "passthrough", f"It lists the key {self.key!r}.", "Take it out: the key always comes."
            )
        in_place = sorted({*PLACE} & {*self.passthrough})
        if self.key is None and in_place:
            raise ContractProblem(
                "passthrough",
                f"It lists {in_place[0]!r}, which without a key the predictions have a column of their own for.",
                "Name a key, or rename that column.",
            )
        self._check_golden()
        self._check_expectations()
        return self

    def _check_list(self, member: str, names: tuple[str, ...]) -> None:
        self._check_declared(member, names)
        twice = min((name for name, count in Counter(names).items() if count > 1), default=None)
        if twice is not None:
            raise ContractProblem(member, f"It lists {twice!r} twice.", "Take one of them out.")

    def _check_declared(self, member: str, names: Iterable[str]) -> None:
        for name in names:
            if name not in self.columns:
                raise ContractProblem(member, f"{name!r} is not a declared column.", choose_from(name, self.columns))

    def _check_golden(self) -> None:
        scored = dict.fromkeys(self.scored)
        for index, row in enumerate(self.golden):
            member = f"golden[{index}].input"
            for name in row.input:
                if name not in scored:
                    what = f"{name!r} goes to no input port."
                    raise ContractProblem(member, what, choose_from(name, scored))
            missing = [name for name in scored if name not in row.input]
            if missing:
                raise ContractProblem(member, f"{missing[0]!r}, which goes to an input port, is missing.", "Add it.")

    def _check_expectations(self) -> None:
        expectations = self.suite.expectations
        seen = set()
        for index, expectation in enumerate(expectations):
            try:
                check_expectation(expectation.type, expectation.kwargs, self.columns)
            except ContractProblem as problem:
                raise problem.under(f"suite.expectations[{index}]") from None
            said = (expectation.type, _hashable(expectation.kwargs))
            if said in seen:
                raise ContractProblem(f"suite.expectations[{index}]", "It stands there twice.", "Take one of them out.")
            seen.add(said)
        critical = {(rule.type, rule.columns) for rule in expectations if rule.severity == "critical"}
        for type_ in _KEY_RULES:
            if self.key is not None and (type_, (self.key,)) not in critical:
                raise ContractProblem(
                    "suite.expectations",
                    f"No critical {type_} judges the key {self.key!r}.",
                    "Add it: rows are accounted for by key.",
                )


def _hashable(value: JsonValue) -> Hashable:
    """Return what is equal for equal values: 5 and 5.0 are, as they are to Great Expectations."""
    match value:
        case dict():
            return frozenset((name, _hashable(item)) for name, item in value.items())
        case list():
            return tuple(map(_hashable, value))
        case _:
            return value


def known_by(key: str | None) -> tuple[str, ...]:
    """Return the first columns of the predictions: what a row is known by."""
    return PLACE if key is None else (key,)
