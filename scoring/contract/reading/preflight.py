"""What can be told from the first bytes and the header of each file, before a record of any is read."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bes.errors import InputError
from scoring.contract.model import Contract
from scoring.contract.reading.dialect import MAX_RECORD_BYTES, Dialect
from scoring.contract.reading.strict import StrictReader
from scoring.contract.spelling import choose_from, nearest, shown

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
    (b"BZh91AY", "compressed with bzip2", _DECOMPRESS),
    (b"\xfd7zXZ\x00", "compressed with xz", _DECOMPRESS),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", _DECOMPRESS),
    (b"PAR1\x15", "a Parquet file", _EXPORT),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook", _EXPORT),
    (b"%PDF-", "a PDF", _EXPORT),
    (b"\xff\xfe", "UTF-16", _CONVERT),
    (b"\xfe\xff", "UTF-16", _CONVERT),
)
_MARKUP: Final = (b"<!doctype html", b"<html", b"<?xml")
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
    names = [path.name for path in paths]
    labels = [path.name if names.count(path.name) == 1 else str(path) for path in paths]
    return [_inspected(path, label, contract) for path, label in zip(paths, labels, strict=True)]


def check_kind(path: Path) -> None:
    """Refuse what is not a file of plain text in an encoding of single bytes for ASCII.

    Raises:
        InputError: It is missing, a folder, empty, compressed, UTF-16, a web page, or another known kind of file.
    """
    if path.is_dir():
        raise InputError(f"Input {str(path)!r} is a folder.", "Name the CSV file in it.")
    if not path.is_file():
        raise InputError(f"There is no input file {str(path)!r}.", "Check the path.")
    head = _head(path, _HEAD_BYTES)
    text = head.removeprefix(_BYTE_ORDER_MARK)
    if not text.strip():
        raise InputError(f"Input {path.name!r} is empty.", "Check the extract that wrote it.")
    for signature, kind, next_step in _SIGNATURES:
        if head.startswith(signature):
            raise InputError(f"Input {path.name!r} is {kind}, not CSV.", next_step)
    if b"\0" in head[:4]:
        raise InputError(f"Input {path.name!r} is UTF-16 or binary, not UTF-8.", _CONVERT)
    if text.lstrip().lower().startswith(_MARKUP):
        raise InputError(f"Input {path.name!r} is a web page, not CSV.", "Look at it: the download may have failed.")
    if b"\n" not in head and b"\r" in text.rstrip(b"\r"):
        raise InputError(f"Input {path.name!r} ends its lines with CR alone.", "Convert it: tr '\\r' '\\n'.")


def _check_header(path: Path, found: Sequence[str], wanted: Sequence[str]) -> None:
    if list(found) == list(wanted):
        return
    what, next_step = _difference(found, wanted)
    raise InputError(f"Input {path.name!r}: {what}", next_step)


def _check_paths(paths: Sequence[Path]) -> None:
    if not paths:
        raise InputError("No input file is named.", "Name at least one CSV file.")
    resolved = [path.resolve() for path in paths]
    for index, path in enumerate(resolved):
        if path in resolved[:index]:
            raise InputError(f"Input file {str(paths[index])!r} is named twice.", "Name it once.")


def _inspected(path: Path, label: str, contract: Contract) -> InspectedFile:
    check_kind(path)
    offset = _mark_bytes(path, contract.dialect)
    line = 1
    if contract.dialect.header:
        header, size_bytes, line = _header(path, offset, contract.dialect)
        _check_header(path, header, list(contract.columns))
        offset += size_bytes
    size_bytes = path.stat().st_size
    if size_bytes <= offset:
        raise InputError(f"Input {path.name!r} has a header and no records.", "Check the extract that wrote it.")
    return InspectedFile(path=path, name=label, size_bytes=size_bytes, body_offset=offset, body_line=line)


def _mark_bytes(path: Path, dialect: Dialect) -> int:
    is_marked = dialect.encoding == "utf-8" and _head(path, len(_BYTE_ORDER_MARK)) == _BYTE_ORDER_MARK
    return len(_BYTE_ORDER_MARK) if is_marked else 0


def _header(path: Path, offset: int, dialect: Dialect) -> tuple[tuple[str, ...], int, int]:
    """The cells of the first record, its size in bytes, and the physical line below it."""
    reader = StrictReader(dialect, None)
    # Nearly every header is short, and only for the others more is read.
    for size in (_HEAD_BYTES, MAX_RECORD_BYTES + 1):
        data = _head(path, offset + size)[offset:]
        reading = reader.read(data, is_end=len(data) < size)
        for refused in reading.unreadable[:1]:
            if refused.place.index == 0:
                what = f"Input {path.name!r}, the header, line 1: {refused.message} ({refused.fault})."
                raise InputError(what, "Mend the first line of the extract.")
        if reading.readable:
            first = reading.readable[0]
            data = data[: first.place.end]
            return first.cells, len(data), 1 + max(1, data.count(b"\n"))
    raise InputError(f"Input {path.name!r} has no header.", "Check the extract that wrote it.")


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
    missing = [name for name in wanted if name not in found]
    extra = [name for name in found if name not in wanted]
    if missing:
        return _missing(missing, extra, wanted)
    if extra:
        return f"column {shown(extra[0])} is not in the contract.", choose_from(extra[0][:200], wanted)
    order = ", ".join(wanted)
    return f"its columns are not in the contract's order ({', '.join(found)}).", f"Write them as: {order}."


def _missing(missing: Sequence[str], extra: Sequence[str], wanted: Sequence[str]) -> tuple[str, str]:
    named = ", ".join(repr(name) for name in missing)
    renamed = nearest(missing[0], [name[:200] for name in extra])
    if renamed is not None:
        return f"column {missing[0]!r} is missing.", f"Did you mean {missing[0]!r} by {shown(renamed)}? Rename it."
    header = ", ".join(wanted)
    return f"column {named} is missing.", f"Add it; the first line must be: {header}."
