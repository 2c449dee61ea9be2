"""The operations that the gateway lets through: what is not declared here does not exist for a caller.

Source: the five operations of the API Management guide for the web service, names and URL templates as published there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

_DOT_SEGMENTS = (".", "..")
"""Servers resolve these, so a path could leave its template after it was matched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One kind of call, declared as API Management declares it.

    Args:
        name: Display name.
        method: HTTP method.
        url_template: Path and query below the API's suffix; `{...}` stands for one segment or one value.
        optional_query: Query parameters of the template that a call may leave out.
    """

    name: str
    method: str
    url_template: str
    optional_query: frozenset[str] = frozenset()

    def matches(self, method: str, path: str, query: str) -> bool:
        """Whether a call is this operation. Other query parameters than those of the template are allowed.

        Args:
            method: HTTP method.
            path: Path below the suffix, percent-encoded as received.
            query: Query as received, without the question mark.
        """
        template_path, _, template_query = self.url_template.partition("?")
        required = _parameter_names(template_query) - self.optional_query
        return method == self.method and _path_matches(template_path, path) and required <= _parameter_names(query)


_SERVICE = "/workspaces/{workspace}/services/{service}"

OPERATIONS = (
    Operation(
        name="RRS Execute",
        method="POST",
        url_template=_SERVICE + "/execute?api-version={apiversion}&details={details}",
        # The web service documents the call without it, and there are clients that never send it.
        optional_query=frozenset({"details"}),
    ),
    Operation(name="BES Submit", method="POST", url_template=_SERVICE + "/jobs?api-version={apiversion}"),
    Operation(name="BES Start", method="POST", url_template=_SERVICE + "/jobs/{jobid}/start?api-version={apiversion}"),
    Operation(name="BES Status", method="GET", url_template=_SERVICE + "/jobs/{jobid}?api-version={apiversion}"),
    Operation(name="BES Delete", method="DELETE", url_template=_SERVICE + "/jobs/{jobid}?api-version={apiversion}"),
)


def match_operation(operations: Sequence[Operation], method: str, path: str, query: str) -> Operation | None:
    """The first operation that the call is, if there is one."""
    return next((operation for operation in operations if operation.matches(method, path, query)), None)


def _parameter_names(query: str) -> frozenset[str]:
    return frozenset(name for name, _ in parse_qsl(query, keep_blank_values=True))


def _path_matches(template: str, path: str) -> bool:
    wanted, given = template.split("/"), path.split("/")
    return len(wanted) == len(given) and all(map(_segment_matches, wanted, given))


def _segment_matches(wanted: str, given: str) -> bool:
    if not wanted.startswith("{"):
        return wanted == given
    return given != "" and unquote(given) not in _DOT_SEGMENTS
