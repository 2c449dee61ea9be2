"""Imports that take seconds, made to take fewer: what is rarely used waits, and nobody looks for garbage meanwhile."""

import gc
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from types import ModuleType


class _LoadedAtFirstUse(importlib.abc.MetaPathFinder):
    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self._names:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = importlib.util.LazyLoader(spec.loader)
        return spec


def loaded_at_first_use(*names: str) -> AbstractContextManager[None]:
    """Put off the loading of modules that are imported within the block.

    Nothing stays patched: the block's end takes the finder away, and a module that is still unloaded then is loaded
    whole by the next import of it, or by whatever reads from it first. One that is loaded already stays as it is.

    Args:
        names: Full names, such as `scipy.stats`.
    """
    return _asked_first(_LoadedAtFirstUse(frozenset(names)))


class _NotInstalled(importlib.abc.MetaPathFinder):
    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._thread = threading.get_ident()

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:  # noqa: ARG002
        if fullname in self._names and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


def as_if_not_installed(*names: str) -> AbstractContextManager[None]:
    """Keep packages from being imported within the block, by this thread, unless they are loaded already.

    Args:
        names: Packages that those who import them can do without.
    """
    return _asked_first(_NotInstalled(frozenset(names)))


@contextmanager
def _asked_first(finder: importlib.abc.MetaPathFinder) -> Iterator[None]:
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Let nobody look for garbage within the block: imports make many objects and drop none of them.

    What there is at its end is never looked at again. At the end of the process alone that would take
    2 s, where Great Expectations and Prefect are loaded.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
