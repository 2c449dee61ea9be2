"""Who may call: subscriptions to products, each with a primary and a secondary key of which only hashes are stored.

The file is TOML, one table a subscription:

```toml
[[subscription]]
name = "nightly"
product = "Starter"
key_hashes = ["<SHA-256 of the primary key, 64 hexadecimal digits>", "<of the secondary key>"]
state = "active"      # or "suspended": its keys are refused as invalid ones are
start = 2024-01-01T00:00:00Z   # windows of quotas are counted from here; by default from the first call
```
"""

import hmac
import tomllib
from collections.abc import Iterable, Set
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import parse_qsl

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from bes.protocol import SUBSCRIPTION_KEY_HEADER

SUBSCRIPTION_KEY_QUERY = "subscription-key"
"""Where the key may stand in a query; looked at only if the header is absent."""

_HEADER = SUBSCRIPTION_KEY_HEADER.lower().encode()
_QUERY = SUBSCRIPTION_KEY_QUERY.encode()

KeyHash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class SubscriptionsFileError(ValueError):
    """The file of subscriptions cannot be used.

    Args:
        path: The file.
        problem: What is wrong; quotes nothing of the file, where somebody may have put a key instead of its hash.
    """

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"The subscriptions in {str(self.path)!r} cannot be used: {self.problem}."


class Subscription(BaseModel):
    """A named right to call a product's APIs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    product: str = Field(min_length=1)
    key_hashes: tuple[KeyHash, ...] = Field(min_length=1, max_length=2, repr=False)
    state: Literal["active", "suspended"] = "active"
    start: AwareDatetime | None = None

    @field_validator("product", mode="before")
    @classmethod
    def _is_one(cls, product: object) -> object:
        if isinstance(product, list):
            problem = f"a subscription is bound to one product, not to {len(product)}; write one for each"
            raise ValueError(problem)  # noqa: TRY004 (pydantic reports values)
        return product

    @property
    def start_seconds(self) -> float | None:
        """When it began, in seconds since 1970; None if it is not said."""
        return self.start.timestamp() if self.start else None


class Subscriptions(BaseModel):
    """All subscriptions of a gateway."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subscription: tuple[Subscription, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _are_distinct(self) -> Self:
        if not _distinct(each.name for each in self.subscription):
            raise ValueError("two subscriptions have the same name")
        if not _distinct(key_hash for each in self.subscription for key_hash in each.key_hashes):
            raise ValueError("one key is given twice")
        return self

    @property
    def products(self) -> Set[str]:
        """All that a subscription is bound to."""
        return {each.product for each in self.subscription}

    def find_active(self, key: bytes) -> Subscription | None:
        """The active subscription with that key. How long it takes tells nothing about the keys."""
        digest = sha256(key).hexdigest()
        found = None
        for subscription in self.subscription:
            for key_hash in subscription.key_hashes:
                if hmac.compare_digest(digest, key_hash):
                    found = subscription
        return found if found and found.state == "active" else None


def load_subscriptions(path: Path, *, products: Set[str]) -> Subscriptions:
    """The subscriptions of a TOML file.

    Args:
        path: The file.
        products: Those that there are.

    Raises:
        SubscriptionsFileError: It cannot be read, does not have the form that this module describes, or names a product
            that there is not.
    """
    subscriptions = _read(path)
    for each in subscriptions.subscription:
        if each.product not in products:
            known = ", ".join(sorted(products))
            raise SubscriptionsFileError(path, f"{each.name!r} is bound to a product that is not declared ({known})")
    return subscriptions


def _read(path: Path) -> Subscriptions:
    try:
        return Subscriptions.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SubscriptionsFileError(path, f"{error.strerror}") from error
    except ValidationError as error:
        raise SubscriptionsFileError(path, _problems(error)) from None
    except ValueError as error:
        raise SubscriptionsFileError(path, f"not TOML in UTF-8, {error}") from error


def presented_key(headers: Iterable[tuple[bytes, bytes]], query: bytes) -> bytes | None:
    """The key of a call: the header's if there is one, else the query's; None if it is absent or empty.

    Args:
        headers: Names in lower case.
        query: As received, without the question mark.
    """
    in_header = [value for name, value in headers if name == _HEADER]
    if in_header:
        return in_header[0] or None
    return next((value for name, value in parse_qsl(query) if name == _QUERY), None)


def _distinct(values: Iterable[str]) -> bool:
    listed = list(values)
    return len(set(listed)) == len(listed)


def _problems(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, each['loc'])) or 'file'}: {each['msg']}" for each in found)
