import subprocess
import sys

from scoring.contract.docs.late_imports import loaded_at_first_use

FIRST_USE = """
import sys
from scoring.contract.docs.late_imports import loaded_at_first_use

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
