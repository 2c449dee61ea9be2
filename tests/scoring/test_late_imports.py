import gc
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module

import pytest

from scoring.late_imports import as_if_not_installed, loaded_at_first_use, without_garbage_collection

FIRST_USE = """
import sys
from scoring.late_imports import loaded_at_first_use, without_garbage_collection

finders = list(sys.meta_path)
with loaded_at_first_use("wave"):
    import wave
assert sys.meta_path == finders
assert type(wave).__name__ == "_LazyModule"
print(object.__getattribute__(wave, "__dict__").get("Wave_read"))
import wave as again
assert again is wave
print(wave.Wave_read.__name__, type(wave).__name__)
"""


def test_a_module_is_loaded_when_it_is_used_and_then_like_any_other():
    ran = subprocess.run([sys.executable, "-c", FIRST_USE], capture_output=True, text=True, check=False)

    assert (ran.stdout, ran.stderr) == ("None\nWave_read module\n", "")


def test_a_module_that_is_loaded_stays_as_it_is():
    before = sys.modules["subprocess"]

    with loaded_at_first_use("subprocess"):
        import subprocess as again

    assert again is before
    assert type(again).__name__ == "module"


def test_a_package_is_kept_out_for_one_thread_and_no_longer_than_the_block(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(sys.modules, "wave", raising=False)

    with ThreadPoolExecutor(1) as other, as_if_not_installed("wave"):
        with pytest.raises(ModuleNotFoundError, match="wave"):
            import_module("wave")
        assert other.submit(import_module, "wave").result().__name__ == "wave"

    monkeypatch.delitem(sys.modules, "wave")
    assert import_module("wave").__name__ == "wave"


def test_great_expectations_is_loaded_without_what_it_needs_for_databases():
    program = "import sys, scoring.contract.docs.expectations; print('sqlalchemy' in sys.modules)"

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ran.stdout == "False\n"


def test_what_was_loaded_is_not_looked_at_again():
    gc.unfreeze()

    with without_garbage_collection():
        loaded = [[] for _ in range(10)]

    assert gc.get_freeze_count() > len(loaded)
    assert not any(one is loaded for one in gc.get_objects())


@pytest.mark.parametrize("is_enabled", [True, False])
def test_garbage_is_looked_for_after_the_block_as_it_was_before(is_enabled: bool):
    before = gc.isenabled()
    (gc.enable if is_enabled else gc.disable)()
    try:
        with without_garbage_collection():
            assert not gc.isenabled()
        assert gc.isenabled() is is_enabled
    finally:
        (gc.enable if before else gc.disable)()
