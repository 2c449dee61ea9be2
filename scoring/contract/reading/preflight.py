"""What can be told from the first bytes and the header of each file, before a record of any is read."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bes.errors import InputError
from scoring.contract.model import Contract
from scoring.contract.reading.dialect import MAX_RECORD_BYTES, Dialect
from scoring.contract.reading.strict import StrictReader
from scoring.contract.spelling import choose_from, listed, listed_names, nearest, shown

# Enough to see how lines end, and for every signature below with white space before a web page.
_HEAD_BYTES: Final = 64 * 1024
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

_DECOMPRESS: Final = "Decompress it first."
_EXPORT: Final = "Export it as 'CSV UTF-8'."
_CONVERT: Final = "Convert it to UTF-8, for instance with `iconv -f UTF-16 -t UTF-8`."

# First bytes, what such a file is, and what to do with it.
_SIGNATURES: Final = (
    (b"\x1f\x8b", "compressed with gzip", _DECOMPRESS),
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "Unpack it, or export the sheet as 'CSV UTF-8'."),
    # The digit is its level.
    (tuple(b"BZh%d1AY" % level for level in range(1, 10)), "compressed with bzip2", _DECOMPRESS),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "Unpack it first."),
    (b"\x04\x22\x4d\x18", "compressed with lz4", _DECOMPRESS),
    (b"\xfd7zXZ\x00", "compressed with xz", _DECOMPRESS),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", _DECOMPRESS),
    (b"PAR1\x15", "a Parquet file", _EXPORT),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook", _EXPORT),
    (b"%PDF-", "a PDF", _EXPORT),
    (b"\x89PNG\r\n", "a PNG picture", "Check the path."),
    (b"\xff\xfe", "UTF-16", _CONVERT),
    (b"\xfe\xff", "UTF-16", _CONVERT),
)
_MARKUP: Final = (b"<!doctype html", b"<html", b"<head", b"<!--", b"<?xml")
_SEPARATOR_LINE: Final = re.compile(rb"\s*sep=.?\r?\n", re.IGNORECASE)
_JSON_OPENING: Final = re.compile(rb"\{\s*\"|\[\s*[\[{\"]")
_OTHER_DELIMITERS: Final = {";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectedFile:
    """A file that may be read.

    Args:
        name: How people call it: its name; the path where two files have the same name.
        body_offset: Place of the first record's first byte, below byte order mark and header.
        body_line: Physical line on which that stands, from 1.
    """

    path: Path
    name: str
    size_bytes: int
    body_offset: int
    body_line: int


def inspect_files(paths: Sequence[Path], contract: Contract) -> list[InspectedFile]:
    """Look at the beginning of each file.

    Raises:
        InputError: No file is named, or one is named twice, is no CSV, has another header, or has no records.
    """
    _check_paths(paths)
    n_files = Counter(path.name for path in paths)
    labels = [path.name if n_files[path.name] == 1 else str(path) for path in paths]
    return [_inspected(path, label, contract) for path, label in zip(paths, labels, strict=True)]


def check_kind(path: Path, name: str | None = None) -> None:
    """Refuse what is not a file of plain text in an encoding of single bytes for ASCII.

    Args:
        path: The file.
        name: How people call it, where that is not its own name.

    Raises:
        InputError: It is missing, a folder, empty, compressed, UTF-16, a web page, or another known kind of file.
    """
    if path.is_dir():
        raise InputError(f"Input {str(path)!r} is a folder.", "Name the CSV file in it.")
    if not path.is_file():
        raise InputError(f"There is no input file {str(path)!r}.", "Check the path.")
    label = path.name if name is None else name
    head = _head(path, _HEAD_BYTES)
    text = head.removeprefix(_BYTE_ORDER_MARK)
    if not text.strip():
        raise InputError(f"Input {label!r} is empty.", "Check the extract that wrote it.")
    for signature, kind, next_step in _SIGNATURES:
        if head.startswith(signature):
            raise InputError(f"Input {label!r} is {kind}, not CSV.", next_step)
    if b"\0" in head[:4]:
        raise InputError(f"Input {label!r} is UTF-16 or binary, not UTF-8.", _CONVERT)
    _check_text(text, label)


def _check_text(text: bytes, label: str) -> None:
    if text.lstrip().lower().startswith(_MARKUP):
        raise InputError(f"Input {label!r} is a web page, not CSV.", "Look at it: the download may have failed.")
    if _is_json(text):
        raise InputError(f"Input {label!r} is JSON, not CSV.", _EXPORT)
    if _SEPARATOR_LINE.match(text):
        raise InputError(f"Input {label!r} begins with a line 'sep=', which only Excel reads.", "Take that line out.")
    if b"\n" not in text and b"\r" in text.rstrip(b"\r"):
        raise InputError(f"Input {label!r} ends its lines with CR alone.", "Convert it: tr '\\r' '\\n'.")


def _is_json(text: bytes) -> bool:
    """Whether it begins as an array or object of JSON does, and as no record that ends with a cell of JSON."""
    line, ends, _ = text.lstrip().partition(b"\n")
    if not line.startswith((b"{", b"[")):
        return False
    if not line.strip(b"[{ \t\r") or (not ends and _JSON_OPENING.match(line)):
        return True
    # One object a line, or the first line of an array.
    return any(_is_parsed(line.rstrip(b", \t\r") + end) for end in (b"", b"]"))


def _is_parsed(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _check_header(label: str, found: Sequence[str], wanted: Sequence[str]) -> None:
    if list(found) == list(wanted):
        return
    what, next_step = _difference(found, wanted)
    raise InputError(f"Input {label!r}: {what}", next_step)


def _check_paths(paths: Sequence[Path]) -> None:
    if not paths:
        raise InputError("No input file is named.", "Name at least one CSV file.")
    seen = set()
    for path in paths:
        resolved = path.resolve()
        if resolved in seen:
            raise InputError(f"Input file {str(path)!r} is named twice.", "Name it once.")
        seen.add(resolved)


def _inspected(path: Path, label: str, contract: Contract) -> InspectedFile:
    check_kind(path, label)
    offset = _mark_bytes(path, contract.dialect)
    line = 1
    if contract.dialect.header:
        header, size_bytes, line = _header(path, label, offset, contract.dialect)
        _check_header(label, header, list(contract.columns))
        offset += size_bytes
    size_bytes = path.stat().st_size
    if size_bytes <= offset:
        raise InputError(f"Input {label!r} has a header and no records.", "Check the extract that wrote it.")
    return InspectedFile(path=path, name=label, size_bytes=size_bytes, body_offset=offset, body_line=line)


def _mark_bytes(path: Path, dialect: Dialect) -> int:
    is_marked = dialect.encoding == "utf-8" and _head(path, len(_BYTE_ORDER_MARK)) == _BYTE_ORDER_MARK
    return len(_BYTE_ORDER_MARK) if is_marked else 0


def _header(path: Path, label: str, offset: int, dialect: Dialect) -> tuple[tuple[str, ...], int, int]:
    """The cells of the first record, its size in bytes, and the physical line below it."""
    reader = StrictReader(dialect, None)
    # Nearly every header is short, and only for the others more is read.
    for size in (_HEAD_BYTES, MAX_RECORD_BYTES + 1):
        data = _head(path, offset + size)[offset:]
        reading = reader.read(data, is_end=len(data) < size)
        for refused in reading.unreadable[:1]:
            if refused.place.index == 0:
                what = f"Input {label!r}, the header, line 1: {refused.message} ({refused.fault})."
                raise InputError(what, "Mend the first line of the extract.")
        if reading.readable:
            first = reading.readable[0]
            data = data[: first.place.end]
            return first.cells, len(data), 1 + max(1, data.count(b"\n"))
    raise InputError(f"Input {label!r} has no header.", "Check the extract that wrote it.")


def _head(path: Path, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError as error:
        raise InputError(f"Input {str(path)!r} cannot be read: {error.strerror}.", "Check its permissions.") from error


def _difference(found: Sequence[str], wanted: Sequence[str]) -> tuple[str, str]:
    for delimiter, plural in _OTHER_DELIMITERS.items():
        if len(found) == 1 < len(wanted) and delimiter in found[0]:
            return f"its columns are separated by {plural}.", "Export it with commas."
    twice = [name for name, count in Counter(found).items() if count > 1]
    if twice:
        return f"column {shown(twice[0])} is there {found.count(twice[0])} times.", "Keep one of them."
    known, there = set(wanted), set(found)
    missing = [name for name in wanted if name not in there]
    extra = [name for name in found if name not in known]
    if missing:
        return _missing(missing, extra, wanted)
    if extra:
        return f"column {shown(extra[0])} is not in the contract.", choose_from(extra[0][:200], wanted)
    place = next(place for place, pair in enumerate(zip(found, wanted, strict=True)) if pair[0] != pair[1])
    what = f"{shown(found[place])} is column {place + 1}, and by the contract that is {shown(wanted[place])}"
    return f"its columns are in another order: {what}.", f"Write them as: {listed_names(wanted)}."


def _missing(missing: Sequence[str], extra: Sequence[str], wanted: Sequence[str]) -> tuple[str, str]:
    renamed = nearest(missing[0], [name[:200] for name in extra])
    if renamed is not None:
        name = shown(missing[0])
        return f"column {name} is missing.", f"Did you mean {name} by {shown(renamed)}? Rename it."
    header = f"the first line must be: {listed_names(wanted)}."
    if len(missing) == 1:
        return f"column {shown(missing[0])} is missing.", f"Add it; {header}"
    return f"columns {listed(map(shown, missing))} are missing.", f"Add them; {header}"
