"""The attributes of one element, taken one by one: what is left at the end is outside the subset and refused."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import NoReturn

from service.policies.reading import Element

NamedValues = Mapping[str, str]

_NAMED_VALUE = re.compile(r"\{\{(.*?)\}\}")
# RFC 9110, 5.6.2: a token.
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

OURS = frozenset(
    b"connection content-length expect host keep-alive proxy-connection te trailer transfer-encoding upgrade".split()
)
"""Headers that the gateway itself needs: they frame the message or belong to one connection."""


def resolve(text: str, element: Element, named_values: NamedValues) -> str:
    """`text` with each `{{name}}` replaced by what it stands for.

    Raises:
        PolicyFileError: There is no such named value, or an expression stands in the text.
    """
    if text.lstrip().startswith("@"):
        element.refuse(f"<{element.name}> has the expression {text.strip()!r}; here only text and {{{{names}}}} work")

    def value_of(found: re.Match[str]) -> str:
        name = found[1].strip()
        if name not in named_values:
            element.refuse(f"there is no named value {name!r}; give it in BATCH_SCORING_GATEWAY_NAMED_VALUES")
        return named_values[name]

    return _NAMED_VALUE.sub(value_of, text)


class Attributes:
    """The attributes of `element`, as `with` block: leaving it refuses those that nobody took."""

    def __init__(self, element: Element, named_values: NamedValues) -> None:
        self._element = element
        self._named_values = named_values
        self._left = dict(element.attributes)

    def __enter__(self) -> "Attributes":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and self._left:
            name = next(iter(self._left))
            self._element.refuse(
                f"<{self._element.name}> has the attribute {name!r}, which this gateway does not enforce; take it out"
            )

    def expression(self, name: str) -> str:
        """A required attribute as it is written."""
        if name not in self._left:
            self._element.refuse(f"<{self._element.name}> has no attribute {name!r}; add it")
        return self._left.pop(name)

    def text(self, name: str) -> str:
        """A required attribute, named values replaced."""
        return resolve(self.expression(name), self._element, self._named_values)

    def whole(self, name: str, *, least: int, most: int) -> int:
        """A required whole number."""
        written = self._element.attributes.get(name, "")
        text = self.text(name)
        if not re.fullmatch(r"\d{1,18}", text) or not least <= int(text) <= most:
            self._refuse(name, written, f"a whole number from {least} to {most}")
        return int(text)

    def optional_whole(self, name: str, *, least: int, most: int) -> int | None:
        """A whole number if the attribute is there."""
        return self.whole(name, least=least, most=most) if name in self._left else None

    def flag(self, name: str) -> bool:
        """`true` or `false`; false if the attribute is not there."""
        text = self._left.pop(name, "false")
        if text not in ("true", "false"):
            self._refuse(name, text, "'true' or 'false'")
        return text == "true"

    def must_be_false(self, name: str, reason: str) -> None:
        """Take an attribute of which only the value `false` is enforced."""
        if self.flag(name):
            self._refuse(name, "true", f"'false': {reason}")

    def header_name(self, name: str) -> str:
        """The name of a header that a policy may change."""
        written = self._element.attributes.get(name, "")
        text = self.text(name)
        if not _HEADER_NAME.fullmatch(text):
            self._refuse(name, written, "the name of a header")
        if text.lower().encode() in OURS:
            self._refuse(name, written, "another header: this one is the gateway's own")
        return text

    def optional_header_name(self, name: str) -> str | None:
        """The name of a header, None if the attribute is not there."""
        return self.header_name(name) if name in self._left else None

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        """One of `choices`."""
        text = self._left.pop(name, default)
        if text not in choices:
            self._refuse(name, text, f"one of {', '.join(choices)}")
        return text

    def status_code(self, name: str) -> int:
        """A final HTTP status that has a standard reason phrase, which is the one that is sent."""
        number = self.whole(name, least=200, most=599)
        if number not in {status.value for status in HTTPStatus}:
            self._refuse(name, str(number), "a registered HTTP status")
        return number

    def reason_of(self, status_code: int) -> None:
        """Take `reason`, which must be the standard one: the server can send no other."""
        phrase = HTTPStatus(status_code).phrase
        text = self._left.pop("reason", phrase)
        if text != phrase:
            self._refuse("reason", text, repr(phrase))

    def _refuse(self, name: str, written: str, wanted: str) -> NoReturn:
        self._element.refuse(f"<{self._element.name}> has {name}={written!r}, must be {wanted}")
