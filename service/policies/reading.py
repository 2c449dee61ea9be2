"""A policy file as a tree of elements, each with the line where it stands.

Strict XML in UTF-8: no document type, no own entities, no processing instructions. Nothing is expanded or fetched.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

MAX_FILE_BYTES = 256 * 1024
"""The size that API Management accepts for one policy document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where something stands."""

    path: Path
    line: int


class PolicyFileError(ValueError):
    """A policy file cannot be used.

    Args:
        place: Where in which file.
        problem: What is wrong and what to do; quotes the file, never what a named value stands for.
    """

    def __init__(self, place: Place, problem: str) -> None:
        super().__init__(place, problem)
        self.place = place
        self.problem = problem

    def __str__(self) -> str:
        return f"The policy file {str(self.place.path)!r} cannot be used: line {self.place.line}: {self.problem}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """One XML element; `text` is all character data directly in it."""

    name: str
    attributes: Mapping[str, str]
    children: tuple["Element", ...]
    text: str
    place: Place

    def refuse(self, problem: str) -> NoReturn:
        """Raise `PolicyFileError` at this element."""
        raise PolicyFileError(self.place, problem)


@dataclass(slots=True)
class _Open:
    """An element whose end has not been read yet."""

    name: str
    attributes: dict[str, str]
    place: Place
    children: list[Element] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def close(self) -> Element:
        return Element(
            name=self.name,
            attributes=self.attributes,
            children=tuple(self.children),
            text="".join(self.texts),
            place=self.place,
        )


def read_policy_file(path: Path) -> Element:
    """The root element of a policy file.

    Raises:
        PolicyFileError: It cannot be read, is too large, or is no XML of the strict kind.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PolicyFileError(Place(path=path, line=1), f"{error.strerror}; name another file") from error
    if len(content) > MAX_FILE_BYTES:
        raise PolicyFileError(Place(path=path, line=1), f"larger than {MAX_FILE_BYTES} bytes; split it by scope")
    return _Reader(path).read(content)


class _Reader:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: list[_Open] = []
        self._roots: list[Element] = []
        # Whatever the declaration says: other encodings are no files that are deployed.
        self._parser = expat.ParserCreate(encoding="utf-8")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._refusing("a document type; take it out")
        self._parser.ProcessingInstructionHandler = self._refusing("a processing instruction; take it out")

    def read(self, content: bytes) -> Element:
        try:
            self._parser.Parse(content, True)
        except expat.ExpatError as error:
            problem = f"no well-formed XML, {expat.ErrorString(error.code)} at column {error.offset + 1}"
            raise PolicyFileError(Place(path=self._path, line=error.lineno), problem) from error
        return self._roots[0]

    def _here(self) -> Place:
        return Place(path=self._path, line=self._parser.CurrentLineNumber)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._open.append(_Open(name, attributes, self._here()))

    def _end(self, _: str) -> None:
        element = self._open.pop().close()
        (self._open[-1].children if self._open else self._roots).append(element)

    def _text(self, text: str) -> None:
        self._open[-1].texts.append(text)

    def _refusing(self, what: str) -> Callable[..., None]:
        def refuse(*_: object) -> None:
            raise PolicyFileError(self._here(), what)

        return refuse
