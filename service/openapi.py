"""The operations that an OpenAPI 3.0 document declares, read as API Management imports them.

The resource name of an operation is its `operationId`, normalised; its display name is its `summary`; query parameters
take part in matching if they are required. Source: API Management's import restrictions.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.operations import Operation

METHODS = ("get", "put", "post", "delete", "options", "head", "patch")

_MAX_NAME_CHARACTERS = 76
_METHODS_WITH_A_BODY = frozenset({"put", "post", "patch"})
_SEGMENT = re.compile(r"\{[^{}]+\}|[^{}*]*")


class OpenApiFileError(ValueError):
    """An OpenAPI document cannot be used.

    Args:
        path: The file.
        line: Where in it; None if that cannot be told.
        problem: What is wrong and what to do.
    """

    def __init__(self, path: Path, line: int | None, problem: str) -> None:
        super().__init__(path, line, problem)
        self.path = path
        self.line = line
        self.problem = problem

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"The OpenAPI document {str(self.path)!r} cannot be used: {where}{self.problem}."


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Parameter(_Part):
    name: str
    place: Literal["path", "query", "header"] = Field(alias="in")
    required: bool = False


class _Declared(_Part):
    operation_id: str = Field(alias="operationId", min_length=1)
    summary: str = Field(min_length=1, max_length=300)
    parameters: tuple[_Parameter, ...] = ()
    body: object = Field(None, alias="requestBody")


class _PathItem(_Part):
    parameters: tuple[_Parameter, ...] = ()
    get: _Declared | None = None
    put: _Declared | None = None
    post: _Declared | None = None
    delete: _Declared | None = None
    options: _Declared | None = None
    head: _Declared | None = None
    patch: _Declared | None = None

    def declared(self) -> Iterator[tuple[str, _Declared]]:
        for method in METHODS:
            operation: _Declared | None = getattr(self, method)
            if operation is not None:
                yield method, operation


class _Document(_Part):
    openapi: str = Field(pattern=r"^3\.0\.[0-3]$")
    paths: dict[str, _PathItem] = Field(min_length=1)


def load_operations(path: Path) -> tuple[Operation, ...]:
    """The operations of a document, the more precise ones first.

    Raises:
        OpenApiFileError: It cannot be read, is no OpenAPI 3.0, or two of its operations clash.
    """
    text = _read(path)
    document = _parse(path, text)
    operations: list[Operation] = []
    for template, item in document.paths.items():
        line = _line_of(text, template)
        _check_template(path, line, template)
        for method, declared in item.declared():
            parameters = (*item.parameters, *declared.parameters)
            operations.append(_operation(path, line, template, method, parameters, declared))
    _check_distinct(path, text, operations)
    return tuple(sorted(operations, key=lambda operation: operation.precision))


def normalised(operation_id: str) -> str:
    """The resource name that API Management makes of an `operationId`."""
    return re.sub(r"[^a-z0-9]+", "-", operation_id.lower()).strip("-")[:_MAX_NAME_CHARACTERS]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise OpenApiFileError(path, None, f"{reason}; name another file") from error


def _parse(path: Path, text: str) -> _Document:
    try:
        value = json.loads(text, object_pairs_hook=lambda pairs: _distinct(path, text, pairs))
        return _Document.model_validate(value)
    except json.JSONDecodeError as error:
        raise OpenApiFileError(path, error.lineno, f"not JSON, {error.msg}") from error
    except RecursionError as error:
        raise OpenApiFileError(path, None, "not JSON that can be read, nested too deeply") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        names = [str(each) for each in first["loc"]]
        line = _line_of(text, names[1]) if names[:1] == ["paths"] and len(names) > 1 else None
        raise OpenApiFileError(path, line, f"{' > '.join(names)}: {first['msg']}") from None


def _distinct(path: Path, text: str, pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    for name, n_times in Counter(name for name, _ in pairs).items():
        if n_times > 1:
            line = _line_of(text, name, last_of=n_times)
            raise OpenApiFileError(path, line, f"{name!r} is there {n_times} times; make them one")
    return dict(pairs)


def _check_template(path: Path, line: int | None, template: str) -> None:
    if not template.startswith("/") or not all(map(_SEGMENT.fullmatch, template.split("/"))):
        problem = f"the path {template!r} must begin with '/', and each segment be literal or one {{parameter}}"
        raise OpenApiFileError(path, line, problem)


def _operation(
    path: Path, line: int | None, template: str, method: str, parameters: Sequence[_Parameter], declared: _Declared
) -> Operation:
    query = [each for each in parameters if each.place == "query"]
    in_path = {each.name for each in parameters if each.place == "path"}
    if in_path != set(re.findall(r"\{(.+?)\}", template)):
        raise OpenApiFileError(path, line, f"{declared.summary!r}: its path parameters are not those of {template!r}")
    named = [*in_path, *(each.name for each in query)]
    if len(set(named)) < len(named):
        problem = f"{declared.summary!r}: a parameter of path and query has a name that another has; rename one"
        raise OpenApiFileError(path, line, problem)
    written = "&".join(f"{each.name}={{{_variable(each.name)}}}" for each in query)
    return Operation(
        id=normalised(declared.operation_id),
        name=declared.summary,
        method=method.upper(),
        url_template=f"{template}?{written}" if written else template,
        optional_query=frozenset(each.name for each in query if not each.required),
        has_body=method in _METHODS_WITH_A_BODY or declared.body is not None,
    )


def _variable(name: str) -> str:
    """`apiversion` for `api-version`, as the guide for the web service writes its templates."""
    return re.sub(r"[^A-Za-z0-9_]", "", name)


def _check_distinct(path: Path, text: str, operations: Sequence[Operation]) -> None:
    for index, operation in enumerate(operations):
        for other in operations[:index]:
            line = _line_of(text, operation.url_template.partition("?")[0])
            if operation.id == other.id:
                problem = f"{operation.name!r} has the operationId of {other.name!r}; give each its own"
                raise OpenApiFileError(path, line, problem)
            if operation.shape == other.shape:
                problem = f"{operation.name!r} clashes with {other.name!r}: the same calls are both; take one out"
                raise OpenApiFileError(path, line, problem)


def _line_of(text: str, name: str, *, last_of: int = 1) -> int | None:
    """The line of a member's name, if the text holds just that many of it."""
    found = list(re.finditer(re.escape(json.dumps(name)) + r"\s*:", text))
    return text.count("\n", 0, found[-1].start()) + 1 if len(found) == last_of else None
