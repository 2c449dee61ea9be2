"""The operations that the gateway lets through: what is not declared does not exist for a caller."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

_DOT_SEGMENTS = (".", "..")
"""Servers resolve these, so a path could leave its template after it was matched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One kind of call, declared as API Management declares it.

    Args:
        id: Resource name, by which policies are attached.
        name: Display name.
        method: HTTP method.
        url_template: Path and query below the API's suffix; `{...}` stands for one segment or one value.
        optional_query: Query parameters of the template that a call may leave out.
        has_body: Whether a call is expected to have a body.
    """

    id: str
    name: str
    method: str
    url_template: str
    optional_query: frozenset[str] = frozenset()
    has_body: bool = False

    def matches(self, method: str, path: str, query: str) -> bool:
        """Whether a call is this operation. Other query parameters than those of the template are allowed.

        Args:
            method: HTTP method.
            path: Path below the suffix, percent-encoded as received.
            query: Query as received, without the question mark.
        """
        template_path, _, _ = self.url_template.partition("?")
        return method == self.method and _path_matches(template_path, path) and self._required <= _names(query)

    @property
    def shape(self) -> tuple[str, tuple[str, ...], frozenset[str]]:
        """What calls are told apart by: two operations of one shape clash."""
        segments = self.url_template.partition("?")[0].split("/")
        return self.method, tuple("{}" if each.startswith("{") else each for each in segments), self._required

    @property
    def precision(self) -> tuple[tuple[bool, ...], int]:
        """Sorts the more precise of two operations first: literal segments, then more required parameters."""
        _, segments, required = self.shape
        return tuple(each == "{}" for each in segments), -len(required)

    @property
    def _required(self) -> frozenset[str]:
        return _names(self.url_template.partition("?")[2]) - self.optional_query


def match_operation(operations: Sequence[Operation], method: str, path: str, query: str) -> Operation | None:
    """The first operation that the call is, if there is one."""
    return next((operation for operation in operations if operation.matches(method, path, query)), None)


def _names(query: str) -> frozenset[str]:
    return frozenset(name for name, _ in parse_qsl(query, keep_blank_values=True))


def _path_matches(template: str, path: str) -> bool:
    wanted, given = template.split("/"), path.split("/")
    return len(wanted) == len(given) and all(map(_segment_matches, wanted, given))


def _segment_matches(wanted: str, given: str) -> bool:
    if not wanted.startswith("{"):
        return wanted == given
    return given != "" and unquote(given) not in _DOT_SEGMENTS
