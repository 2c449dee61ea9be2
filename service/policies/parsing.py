"""From a policy file to statements. What is unknown or stands where it has no effect is refused, never ignored.

All four sections must be there, each with `<base/>` if it shall inherit: whether a missing section inherits is not
documented, so nobody has to guess.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from service.policies.attributes import Attributes, NamedValues
from service.policies.model import SECTIONS, Base, PolicyDocument, Scope, Section, Statement
from service.policies.reading import Element, read_policy_file
from service.policies.statements import (
    forward_request,
    quota,
    rate_limit,
    rate_limit_by_key,
    refuse_content,
    refuse_text,
    retry,
    return_response,
    set_backend_service,
    set_header,
)

_ALL = frozenset(SECTIONS)
_INBOUND: frozenset[Section] = frozenset({"inbound"})
_BACKEND: frozenset[Section] = frozenset({"backend"})

_SECTIONS_OF: Mapping[str, frozenset[Section]] = {
    "base": _ALL,
    "rate-limit": _INBOUND,
    "rate-limit-by-key": _INBOUND,
    "quota": _INBOUND,
    # Not backend, where it would be the one statement that may stand there, and nothing would be forwarded.
    "set-header": _ALL - _BACKEND,
    "set-backend-service": _INBOUND,
    "retry": _BACKEND,
    "forward-request": _BACKEND,
    "return-response": _ALL,
}
_ONCE_A_DOCUMENT = ("rate-limit", "quota")
"""Source: the usage notes of both policies."""


def load_policy(path: Path, *, scope: Scope, named_values: NamedValues) -> PolicyDocument:
    """The statements of a policy file.

    Raises:
        PolicyFileError: It has something outside the subset, with its line.
    """
    return parse_policy(read_policy_file(path), scope=scope, named_values=named_values)


def parse_policy(root: Element, *, scope: Scope, named_values: NamedValues) -> PolicyDocument:
    """The statements below a root element `<policies>`."""
    if root.name != "policies":
        root.refuse(f"the root is <{root.name}>, must be <policies>")
    refuse_text(root)
    with Attributes(root, named_values):
        pass
    found: dict[Section, Element] = {}
    for child in root.children:
        section = next((each for each in SECTIONS if each == child.name), None)
        if section is None:
            child.refuse(f"<{child.name}> is no section; put it into one of {', '.join(SECTIONS)}")
        if section in found:
            child.refuse(f"a second <{section}>; make one of both")
        found[section] = child
    for section in SECTIONS:
        if section not in found:
            root.refuse(f"there is no <{section}>; add <{section}><base/></{section}> to inherit it")
    parser = _Parser(scope, named_values)
    return {section: parser.section(section, found[section]) for section in SECTIONS}


class _Parser:
    def __init__(self, scope: Scope, named_values: NamedValues) -> None:
        self._scope = scope
        self._named_values = named_values
        self._seen: list[str] = []
        self._builders: Mapping[str, Callable[[Element], Statement]] = {
            "base": self._base,
            "rate-limit": lambda element: rate_limit(element, named_values, self._counter(element)),
            "rate-limit-by-key": lambda element: rate_limit_by_key(element, named_values, self._counter(element)),
            "quota": lambda element: quota(element, named_values, self._counter(element)),
            "set-header": lambda element: set_header(element, named_values),
            "set-backend-service": lambda element: set_backend_service(element, named_values),
            "retry": lambda element: retry(element, named_values),
            "forward-request": lambda element: forward_request(element, named_values),
            "return-response": lambda element: return_response(element, named_values),
        }

    def section(self, section: Section, element: Element) -> tuple[Statement, ...]:
        refuse_text(element)
        with Attributes(element, self._named_values):
            pass
        statements = tuple(map(partial(self._statement, section), element.children))
        names = [child.name for child in element.children]
        if names.count("base") > 1:
            element.refuse(f"<{section}> inherits twice; leave one <base/>")
        if section == "backend" and len(names) != 1:
            element.refuse(f"<backend> has {len(names)} policies, must have exactly one; <base/> forwards the call")
        return statements

    def _statement(self, section: Section, child: Element) -> Statement:
        self._check_place(section, child)
        return self._builders[child.name](child)

    def _check_place(self, section: Section, child: Element) -> None:
        if child.name not in _SECTIONS_OF:
            known = ", ".join(_SECTIONS_OF)
            child.refuse(f"<{child.name}> is outside what this gateway enforces ({known}); take it out")
        if section not in _SECTIONS_OF[child.name]:
            allowed = " or ".join(f"<{each}>" for each in SECTIONS if each in _SECTIONS_OF[child.name])
            child.refuse(f"<{child.name}> cannot stand in <{section}>; move it to {allowed}")
        if child.name == "quota" and self._scope.kind != "product":
            child.refuse(f"<quota> cannot stand in the policy of {self._scope}; move it to a product's")
        if child.name in _ONCE_A_DOCUMENT and child.name in self._seen:
            child.refuse(f"a second <{child.name}>; it can stand once in a file")
        self._seen.append(child.name)

    def _counter(self, element: Element) -> str:
        """Which limit of the scope it is. Stays the same while others change, for counts outlive a restart."""
        return f"{self._scope}: {element.name} {self._seen.count(element.name)}"

    def _base(self, element: Element) -> Base:
        refuse_content(element)
        with Attributes(element, self._named_values):
            pass
        return Base(place=element.place)
