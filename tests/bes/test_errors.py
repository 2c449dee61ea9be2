"""The tree of errors: documented, picklable with every field, and with an exit code."""

import inspect
import pickle
import re

import pytest

from bes import errors
from bes.errors import (
    AccessDenied,
    ConfigurationError,
    Conflict,
    GateStopped,
    InputError,
    IntegrityError,
    JobFailed,
    JobTimedOut,
    NotFound,
    ProtocolError,
    Rejected,
    RemoteError,
    RunHeld,
    ScoringError,
    Throttled,
    Unavailable,
)

WHAT, NEXT = "Job 'a' was lost.", "Look for it."

SAMPLES = {
    ScoringError(WHAT, NEXT): {},
    InputError(WHAT, NEXT): {},
    ConfigurationError(WHAT, NEXT): {},
    RemoteError(WHAT, NEXT): {},
    Unavailable(WHAT, NEXT, True): {"was_sent": True},
    Throttled(WHAT, NEXT, 57.0): {"was_sent": False, "retry_after_seconds": 57.0},
    AccessDenied(WHAT, NEXT): {},
    NotFound(WHAT, NEXT, ["NotFound", "JobNotFound"]): {"codes": ("NotFound", "JobNotFound")},
    Conflict(WHAT, NEXT): {},
    RunHeld(WHAT, NEXT): {},
    Rejected(WHAT, NEXT, 400, ["BadArgument", "BadVersionCall"]): {
        "status": 400,
        "codes": ("BadArgument", "BadVersionCall"),
    },
    ProtocolError(WHAT, NEXT): {},
    JobFailed(WHAT, NEXT, "a", None): {"job_id": "a", "details": None},
    JobTimedOut(WHAT, NEXT, ["a", "b"]): {"job_ids": ("a", "b")},
    IntegrityError(WHAT, NEXT): {},
    GateStopped(WHAT, NEXT, ["psi"]): {"gates": ("psi",)},
}
every_error = pytest.mark.parametrize(
    ("error", "fields"), SAMPLES.items(), ids=[type(error).__name__ for error in SAMPLES]
)


def test_there_is_a_sample_of_every_error():
    defined = {value for _, value in inspect.getmembers(errors, inspect.isclass) if value.__module__ == "bes.errors"}
    assert {type(error) for error in SAMPLES} == defined


@every_error
def test_an_error_keeps_its_class_and_fields_between_processes(error, fields):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert vars(again) == vars(error) == {"what": WHAT, "next_step": NEXT, **fields}
    assert str(again) == str(error)


@every_error
def test_the_text_says_what_happened_and_what_to_do(error, fields):
    assert str(error) == f"{WHAT} {NEXT}"


@every_error
def test_a_mistake_of_the_caller_ends_with_2_a_gate_with_3_and_any_other_with_1(error, fields):
    codes = {InputError: 2, ConfigurationError: 2, GateStopped: 3}
    assert error.exit_code == codes.get(type(error), 1)


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes():
    drawn = {}
    branch = []
    for indent, name in re.findall(r"^([│├└─ ]*)([A-Z]\w+)  ", errors.__doc__, flags=re.MULTILINE):
        branch = [*branch[: len(indent) // 4], name]
        drawn[name] = branch[-2] if len(branch) > 1 else "Exception"
    assert drawn == {type(error).__name__: type(error).__base__.__name__ for error in SAMPLES}
