"""What a web service is: ids, keys, ports, global parameters and model, as `service.toml` declares them."""

import hmac
import tomllib
from collections.abc import Sequence
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from service.errors import DeclarationError

HexId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
KeyHash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

MAX_COLUMN_BITS = 16
"""65,536 columns. Feature Hashing itself takes 31 bits, but what is wider is no table that CSV or JSON could carry."""


class ColumnType(StrEnum):
    """Types of columns, spelled as `ColumnTypes` spells them."""

    STRING = "String"
    INT32 = "Int32"
    INT64 = "Int64"
    DOUBLE = "Double"
    BOOLEAN = "Boolean"
    DATE_TIME = "DateTime"


class Declared(BaseModel):
    """Part of a declaration: immutable, and a member that is not known is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(Declared):
    """A column of a port."""

    name: str = Field(min_length=1)
    type: ColumnType = ColumnType.STRING


class FeatureHashing(Declared):
    """Counts of hashed words and word sequences of one text column."""

    type: Literal["feature_hashing"]
    column: str
    bits: int = Field(10, ge=1, le=MAX_COLUMN_BITS)
    ngrams: int = Field(2, ge=1, le=10)
    bits_parameter: str | None = Field(None, description="Global parameter that replaces `bits`.")
    ngrams_parameter: str | None = Field(None, description="Global parameter that replaces `ngrams`.")


class ScikitLearn(Declared):
    """A scikit-learn estimator saved by skops. Its methods' results, side by side, are the output's columns."""

    type: Literal["scikit_learn"]
    path: Path
    methods: tuple[Literal["predict", "predict_proba", "decision_function", "transform"], ...] = ("predict",)
    trusted_types: tuple[str, ...] = Field((), description="Types beyond skops' own list that the file may hold.")


class MlflowPyfunc(Declared):
    """An MLflow model, loaded through its `python_function` flavour, which runs code of the model's author."""

    type: Literal["mlflow_pyfunc"]
    path: Path


class Onnx(Declared):
    """An ONNX model. Its outputs, side by side, are the output's columns."""

    type: Literal["onnx"]
    path: Path
    outputs: tuple[str, ...] = Field((), description="Names of the model's outputs to use; all by default.")


ModelDeclaration = Annotated[FeatureHashing | ScikitLearn | MlflowPyfunc | Onnx, Field(discriminator="type")]


class InputPort(Declared):
    """A table that the web service takes."""

    name: str = Field(min_length=1)
    columns: tuple[Column, ...] = Field(min_length=1)


class OutputPort(Declared):
    """A table that the web service gives: what a model makes of one input port."""

    name: str = Field(min_length=1)
    columns: tuple[Column, ...] = Field(min_length=1)
    input: str | None = Field(None, description="Input port that the model reads; the first one by default.")
    model: ModelDeclaration | None = Field(None, description="The service's model by default.")


class GlobalParameter(Declared):
    """A web service parameter. Without a default it is required."""

    name: str = Field(min_length=1)
    type: Literal["String", "Int32", "Double", "Boolean"] = "String"
    default: bool | int | float | str | None = None
    minimum: float | None = None
    maximum: float | None = None


class WebService(Declared):
    """One web service: its address, its keys, its ports and its model."""

    name: str = Field(min_length=1)
    workspace_id: HexId
    service_id: HexId
    subscription_id: HexId | None = Field(None, description="Serves `/subscriptions/<id>/services/...` as well.")
    key_hashes: tuple[KeyHash, ...] = Field(min_length=1, description="SHA-256 of each API key, in hex.")
    inputs: tuple[InputPort, ...] = Field(min_length=1)
    outputs: tuple[OutputPort, ...] = ()
    global_parameters: tuple[GlobalParameter, ...] = ()
    model: ModelDeclaration | None = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        for port in self.outputs:
            source = self.input_of(port)
            model = self.model_of(port)
            if isinstance(model, FeatureHashing) and model.column not in {column.name for column in source.columns}:
                message = f"the model reads column {model.column!r}, which input port {source.name!r} does not have"
                raise ValueError(message)
        for kind in (self.inputs, self.outputs, self.global_parameters):
            names = [member.name for member in kind]
            if len(set(names)) != len(names):
                message = f"a name is declared twice: {sorted(names)}"
                raise ValueError(message)
        return self

    def input_of(self, port: OutputPort) -> InputPort:
        """The input port that an output port is made from."""
        if port.input is None:
            return self.inputs[0]
        found = next((candidate for candidate in self.inputs if candidate.name == port.input), None)
        if found is None:
            message = f"output port {port.name!r} is made from {port.input!r}, which is no input port"
            raise ValueError(message)
        return found

    def model_of(self, port: OutputPort) -> ModelDeclaration:
        """The model that makes an output port."""
        model = port.model or self.model
        if model is None:
            message = f"output port {port.name!r} has no model"
            raise ValueError(message)
        return model

    def accepts(self, api_key: str) -> bool:
        """Whether `api_key` is one of the service's keys. Takes the same time for every wrong key."""
        digest = key_hash(api_key)
        return any([hmac.compare_digest(digest, known) for known in self.key_hashes])  # noqa: C419 - all are compared


class Declaration(Declared):
    """The content of `service.toml`."""

    services: tuple[WebService, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_distinct_ids(self) -> Self:
        ids = [service.service_id for service in self.services]
        if len(set(ids)) != len(ids):
            message = "a service_id is declared twice"
            raise ValueError(message)
        return self


def key_hash(api_key: str) -> str:
    """SHA-256 of an API key in hex, as the declaration holds it."""
    return sha256(api_key.encode()).hexdigest()


def load_declaration(file: Path) -> Declaration:
    """The web services declared in `file`. Paths of models are made absolute against its directory.

    Raises:
        DeclarationError: The file cannot be read, or a member is missing, unknown or wrong; it is named.
    """
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DeclarationError(str(file), "", f"cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DeclarationError(str(file), "", f"is not TOML: {error}") from error
    try:
        declaration = Declaration.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise DeclarationError(str(file), ".".join(str(part) for part in first["loc"]), first["msg"]) from error
    return _with_absolute_paths(declaration, file.resolve().parent)


def _with_absolute_paths(declaration: Declaration, directory: Path) -> Declaration:
    def absolute(model: ModelDeclaration | None) -> ModelDeclaration | None:
        if model is None or isinstance(model, FeatureHashing):
            return model
        return model.model_copy(update={"path": directory / model.path})

    def resolved(service: WebService) -> WebService:
        outputs = tuple(port.model_copy(update={"model": absolute(port.model)}) for port in service.outputs)
        return service.model_copy(update={"outputs": outputs, "model": absolute(service.model)})

    return declaration.model_copy(update={"services": tuple(resolved(service) for service in declaration.services)})


FEATURE_HASHING_TEMPLATE = """\
# The web service of the guide "Manage Azure ML web services using API Management".
[[services]]
name = "SimpleFeatureHashingExperiment"
workspace_id = "{workspace_id}"
service_id = "{service_id}"
# SHA-256 of the primary and of the secondary API key.
key_hashes = [{key_hashes}]

[services.model]
type = "feature_hashing"
column = "Col2"
bits = 3
ngrams = 2
bits_parameter = "Hashing bitsize"
ngrams_parameter = "N-grams"

[[services.inputs]]
name = "input1"
columns = [{{ name = "Col2", type = "String" }}]

[[services.outputs]]
name = "output1"
columns = [
{columns}
]

[[services.global_parameters]]
name = "Hashing bitsize"
type = "Int32"
default = 3
minimum = 1
maximum = {max_bits}

[[services.global_parameters]]
name = "N-grams"
type = "Int32"
default = 2
minimum = 1
maximum = 10
"""


def feature_hashing_declaration(*, workspace: str, service: str, key_hashes: Sequence[str]) -> str:
    """The text of a `service.toml` that declares the guide's SimpleFeatureHashingExperiment.

    Args:
        workspace: Its id, 32 hexadecimal digits.
        service: Its id, 32 hexadecimal digits.
        key_hashes: What `key_hash` gives for the primary and the secondary API key.
    """
    columns = (f'    {{ name = "Col2_HashingFeature.{index}", type = "Int32" }},' for index in range(2**3))
    return FEATURE_HASHING_TEMPLATE.format(
        workspace_id=workspace,
        service_id=service,
        key_hashes=", ".join(f'"{digest}"' for digest in key_hashes),
        columns="\n".join(columns),
        max_bits=MAX_COLUMN_BITS,
    )
