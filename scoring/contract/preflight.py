"""What can be told from the first bytes and the header of a file, before its records are read."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bes.errors import InputError
from scoring.contract.spelling import choose_from, nearest, shown

# Enough for every signature below, with white space before a web page.
_HEAD_BYTES: Final = 1024

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


def check_kind(path: Path) -> None:
    """Refuse what is not a file of plain UTF-8 text.

    Raises:
        InputError: It is missing, a folder, empty, compressed, UTF-16, a web page, or another known kind of file.
    """
    if path.is_dir():
        raise InputError(f"Input {str(path)!r} is a folder.", "Name the CSV file in it.")
    if not path.is_file():
        raise InputError(f"There is no input file {str(path)!r}.", "Check the path.")
    head = _head(path)
    if not head.removeprefix(b"\xef\xbb\xbf").strip():
        raise InputError(f"Input {path.name!r} is empty.", "Check the extract that wrote it.")
    for signature, kind, next_step in _SIGNATURES:
        if head.startswith(signature):
            raise InputError(f"Input {path.name!r} is {kind}, not CSV.", next_step)
    if b"\0" in head[:4]:
        raise InputError(f"Input {path.name!r} is UTF-16 or binary, not UTF-8.", _CONVERT)
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_MARKUP):
        raise InputError(f"Input {path.name!r} is a web page, not CSV.", "Look at it: the download may have failed.")


def check_header(path: Path, found: Sequence[str], wanted: Sequence[str]) -> None:
    """Refuse a header that is not exactly the contract's columns in their order.

    Raises:
        InputError: A column is missing, there twice, renamed, not in the contract or not in its place; names it.
    """
    if list(found) == list(wanted):
        return
    what, next_step = _difference(found, wanted)
    raise InputError(f"Input {path.name!r}: {what}", next_step)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
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
