"""Which files a run reads: from paths, folders and glob patterns to a list of files."""

import glob
from collections.abc import Iterable
from pathlib import Path

from bes.errors import InputError


def find_inputs(given: Iterable[str]) -> list[Path]:
    """The input files, in the order given; those of a folder or pattern sorted by name, none of them twice.

    Args:
        given: Paths of CSV files, folders (their `*.csv`), or glob patterns (`**` for all levels).

    Raises:
        InputError: One of them names nothing.
    """
    found: dict[Path, None] = {}
    for name in given:
        for path in _matches(name):
            found[path.resolve()] = None
    return list(found)


def _matches(name: str) -> list[Path]:
    path = Path(name)
    if path.is_dir():
        inside = sorted(child for child in path.iterdir() if child.suffix.lower() == ".csv" and child.is_file())
        if not inside:
            raise InputError(f"The folder {name!r} holds no .csv file.", "Name the files, or another folder.")
        return inside
    if path.is_file():
        return [path]
    if path.exists():
        raise InputError(f"{name!r} is not a regular file.", "Write its rows to a CSV file, and name that.")
    # Path.glob takes no absolute pattern.
    matching = sorted(Path(match) for match in glob.glob(name, recursive=True) if Path(match).is_file())  # noqa: PTH207
    if matching:
        return matching
    what = "pattern matches no file" if glob.has_magic(name) else "input file does not exist"
    raise InputError(f"{name!r}: the {what}.", f"Looked in {str(Path.cwd())!r}; check the name.")
