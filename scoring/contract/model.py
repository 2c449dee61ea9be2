"""The input contract: which columns a file has, which of them are scored, and what must be true of every row."""

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, model_validator

from scoring.contract.spelling import choose_from
from scoring.contract.supported import SUPPORTED, ContractProblem, check_expectation

ColumnType = Literal["string", "integer", "float"]
Severity = Literal["critical", "warning", "info"]

# It becomes part of blob paths and of file names.
ContractName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")]
# Without "<", since Great Expectations writes names of columns into its pages as they are.
ColumnName = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f<]+$")]
PortName = Annotated[str, StringConstraints(min_length=1)]

# The books are balanced by key: without these two, a row could not be told from another.
_KEY_RULES = ("expect_column_values_to_not_be_null", "expect_column_values_to_be_unique")


class Expectation(BaseModel):
    """One expectation, in the form that Great Expectations gives it in a suite.

    Args:
        severity: `critical` quarantines the row (or, about the whole table, stops the run); the others report it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str
    kwargs: dict[str, JsonValue] = Field(default_factory=dict)
    severity: Severity = "critical"
    meta: dict[str, JsonValue] = Field(default_factory=dict)
    notes: str | list[str] | None = None

    @property
    def column(self) -> str:
        """The column it judges; empty when it judges the whole table."""
        return str(self.kwargs["column"]) if self.is_about_rows else ""

    @property
    def is_about_rows(self) -> bool:
        """Whether it finds single rows; otherwise it judges the whole table."""
        return SUPPORTED[self.type].is_about_rows

    @property
    def says(self) -> str:
        """The rule in words, such as `must be between 1 and 5`."""
        return SUPPORTED[self.type].says(self.kwargs)


class Contract(BaseModel):
    """What one data set must look like, and how it meets the web service.

    Args:
        key: The column that identifies a row in the whole input.
        columns: Name to type, in the order of the file.
        inputs: Input port of the web service to the columns that go there.
        output: Output port that is read.
        passthrough: Columns that come back beside the predictions.
        expectations: The suite.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ContractName
    key: ColumnName
    columns: dict[ColumnName, ColumnType] = Field(min_length=1)
    inputs: dict[PortName, tuple[ColumnName, ...]] = Field(min_length=1)
    output: PortName
    passthrough: tuple[ColumnName, ...] = ()
    expectations: tuple[Expectation, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        self._check_declared("key", [self.key])
        for port, names in self.inputs.items():
            self._check_list(f"inputs.{port}", names)
            if not names:
                raise ContractProblem(f"inputs.{port}", "It lists no column.", "List the columns that are scored.")
        self._check_list("passthrough", self.passthrough)
        if self.key in self.passthrough:
            raise ContractProblem(
                "passthrough", f"It lists the key {self.key!r}.", "Take it out: the key always comes."
            )
        self._check_expectations()
        return self

    def _check_list(self, member: str, names: tuple[str, ...]) -> None:
        self._check_declared(member, names)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ContractProblem(member, f"It lists {twice[0]!r} twice.", "Take one of them out.")

    def _check_declared(self, member: str, names: Iterable[str]) -> None:
        for name in names:
            if name not in self.columns:
                raise ContractProblem(member, f"{name!r} is not a declared column.", choose_from(name, self.columns))

    def _check_expectations(self) -> None:
        for index, expectation in enumerate(self.expectations):
            try:
                check_expectation(expectation.type, expectation.kwargs, self.columns)
            except ContractProblem as problem:
                raise problem.under(f"expectations[{index}]") from None
            if expectation in self.expectations[:index]:
                raise ContractProblem(f"expectations[{index}]", "It stands there twice.", "Take one of them out.")
        critical = {(rule.type, rule.column) for rule in self.expectations if rule.severity == "critical"}
        for type_ in _KEY_RULES:
            if (type_, self.key) not in critical:
                raise ContractProblem(
                    "expectations",
                    f"No critical {type_} judges the key {self.key!r}.",
                    "Add it: rows are accounted for by key.",
                )
