"""What the gateway serves: APIs with their operations, products, and the policy in force for each pair of both.

The file is TOML; paths in it are relative to it, so that it can stand beside the files that are deployed:

```toml
[[product]]
name = "Starter"                        # as subscriptions name it
policy = "policies/product-starter.xml" # may be left out

[[api]]
name = "azureml-demo"
suffix = "azureml-demo"                 # first part of the public path; may be empty
openapi = "openapi.json"
policy = "policies/api.xml"             # may be left out
products = ["Starter", "Unlimited"]     # whose keys open it
backend_url = "https://..."             # may be left out: the backend of the settings

[api.operation_policies]                # by operationId
bes-status = "policies/operation-bes-status.xml"
```
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    AnyHttpUrl,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from service.openapi import load_operations
from service.operations import Operation, match_operation
from service.policies.attributes import NamedValues
from service.policies.composing import EffectivePolicy, check_repeatable, compose
from service.policies.model import PolicyDocument, Quota, Scope
from service.policies.parsing import load_policy

SUFFIX_PATTERN = r"^([A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*)?$"

Name = Annotated[str, StringConstraints(min_length=1)]
Suffix = Annotated[str, StringConstraints(pattern=SUFFIX_PATTERN)]


def address_only(url: AnyHttpUrl) -> AnyHttpUrl:
    """Refuse what does not belong into the address of a backend."""
    if url.username or url.password or url.query or url.fragment:
        raise ValueError("must have no user, password, query or fragment")
    return url


BackendUrl = Annotated[AnyHttpUrl, AfterValidator(address_only)]


class ConfigurationFileError(ValueError):
    """The gateway's configuration cannot be used.

    Args:
        path: The file.
        problem: What is wrong.
    """

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"The configuration {str(self.path)!r} cannot be used: {self.problem}."


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _ProductTable(_Table):
    name: Name
    policy: Path | None = None


class _ApiTable(_Table):
    name: Name
    suffix: Suffix
    openapi: Path
    products: tuple[Name, ...] = Field(min_length=1)
    policy: Path | None = None
    operation_policies: dict[str, Path] = Field(default_factory=dict)
    backend_url: BackendUrl | None = None


class _File(_Table):
    api: tuple[_ApiTable, ...] = Field(min_length=1)
    product: tuple[_ProductTable, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        products = [product.name for product in self.product]
        _refuse_second(products, "product")
        _refuse_second((api.name for api in self.api), "API")
        _refuse_second((api.suffix for api in self.api), "suffix")
        for api in self.api:
            for name in api.products:
                if name not in products:
                    raise ValueError(f"the API {api.name!r} is in the product {name!r}, which is not declared")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One API, with the policy in force for each operation and product; product None is a caller not known yet."""

    name: str
    suffix: str
    backend_url: str | None
    products: frozenset[str]
    operations: tuple[Operation, ...]
    policies: Mapping[tuple[str, str | None], EffectivePolicy]

    @property
    def prefix(self) -> str:
        """First part of the public path."""
        return f"/{self.suffix}" if self.suffix else ""

    def match(self, method: str, path: str, query: str) -> Operation | None:
        """The operation of a call below the suffix."""
        return match_operation(self.operations, method, path, query)

    def policy_of(self, operation: Operation, product: str | None) -> EffectivePolicy:
        """What is in force for callers of that product."""
        return self.policies[operation.id, product]


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """All APIs, the longer suffixes first, and all products."""

    apis: tuple[Api, ...]
    products: frozenset[str]
    products_with_quota: frozenset[str]


def load_configuration(path: Path, *, suffix: str | None, named_values: NamedValues) -> Configuration:
    """The configuration of a TOML file and all files that it names.

    Args:
        path: The file.
        suffix: In place of the one of its only API.
        named_values: What `{{name}}` in policies stands for.

    Raises:
        ConfigurationFileError: The file cannot be read or does not have the form that this module describes.
        OpenApiFileError: A document of operations cannot be used.
        PolicyFileError: A policy has something that is not enforced.
    """
    file = _with_suffix(path, _read(path), suffix)
    products = {table.name: _product_policy(path, table, named_values) for table in file.product}
    apis = [_api(path, table, products, named_values) for table in file.api]
    with_quota = {name for name, documents in products.items() if any(map(_has_quota, documents))}
    return Configuration(
        apis=tuple(sorted(apis, key=lambda api: -len(api.suffix))),
        products=frozenset(products),
        products_with_quota=frozenset(with_quota),
    )


def _read(path: Path) -> _File:
    try:
        return _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigurationFileError(path, f"{error.strerror}") from error
    except ValidationError as error:
        raise ConfigurationFileError(path, _problems(error)) from None
    except ValueError as error:
        raise ConfigurationFileError(path, f"not TOML in UTF-8, {error}") from error


def _with_suffix(path: Path, file: _File, suffix: str | None) -> _File:
    if suffix is None:
        return file
    if len(file.api) > 1:
        problem = f"it has {len(file.api)} APIs, each with its suffix; unset BATCH_SCORING_GATEWAY_SUFFIX"
        raise ConfigurationFileError(path, problem)
    return file.model_copy(update={"api": (file.api[0].model_copy(update={"suffix": suffix}),)})


def _product_policy(path: Path, table: _ProductTable, named_values: NamedValues) -> list[PolicyDocument]:
    return _documents(path, table.policy, Scope(kind="product", name=table.name), named_values)


def _api(path: Path, table: _ApiTable, products: Mapping[str, list[PolicyDocument]], named_values: NamedValues) -> Api:
    operations = load_operations(path.parent / table.openapi)
    unknown = table.operation_policies.keys() - {operation.id for operation in operations}
    if unknown:
        problem = f"the API {table.name!r} has a policy for {min(unknown)!r}, which is no operation of its document"
        raise ConfigurationFileError(path, problem)
    of_api = _documents(path, table.policy, Scope(kind="api", name=table.name), named_values)
    policies: dict[tuple[str, str | None], EffectivePolicy] = {}
    for operation in operations:
        scope = Scope(kind="operation", name=f"{table.name}/{operation.id}")
        of_operation = _documents(path, table.operation_policies.get(operation.id), scope, named_values)
        for product in (None, *table.products):
            of_product = products[product] if product else []
            policy = compose([*of_product, *of_api, *of_operation])
            check_repeatable(policy, operation=operation.name, has_body=operation.has_body)
            policies[operation.id, product] = policy
    return Api(
        name=table.name,
        suffix=table.suffix,
        backend_url=str(table.backend_url) if table.backend_url else None,
        products=frozenset(table.products),
        operations=operations,
        policies=policies,
    )


def _documents(path: Path, policy: Path | None, scope: Scope, named_values: NamedValues) -> list[PolicyDocument]:
    """One document, or none if there is no file."""
    return [load_policy(path.parent / policy, scope=scope, named_values=named_values)] if policy else []


def _has_quota(document: PolicyDocument) -> bool:
    return any(isinstance(statement, Quota) for statement in document["inbound"])


def _refuse_second(names: Iterable[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"the {what} {name!r} is there twice")
        seen.add(name)


def _problems(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, each['loc'])) or 'file'}: {each['msg']}" for each in found)
