import pickle

from service import error_codes
from service.errors import (
    DeclarationError,
    DocumentedError,
    ScoringFailed,
    ServiceError,
    StagedBlocksLost,
    did_you_mean,
)

DOCUMENTED_STATUSES = {400, 401, 404, 408, 409, 413, 500, 503, 504}

DOCUMENTED = [value for value in vars(error_codes).values() if isinstance(value, DocumentedError)]


def test_every_error_has_a_documented_status_and_a_class_message() -> None:
    assert len(DOCUMENTED) > 40
    for error in DOCUMENTED:
        assert error.error_class.status in DOCUMENTED_STATUSES
        assert error.error_class.message.endswith(".")


def test_envelope_has_code_message_and_details() -> None:
    error = error_codes.INVALID_INPUT_NAMES("a, b", hint="Did you mean 'c'?")
    assert error.envelope.to_wire() == {
        "error": {
            "code": "BadArgument",
            "message": "Invalid argument provided.",
            "details": [
                {
                    "code": "InvalidInputNames",
                    "message": "Invalid service input name(s) specified in the request: a, b. Please map the input "
                    "data to the correct service inputs and try again. Did you mean 'c'?",
                }
            ],
        }
    }


def test_braces_in_a_value_stay_as_they_are() -> None:
    assert error_codes.JOB_NOT_FOUND("{0}").message.startswith("Job {0} not found")


def test_errors_survive_the_way_between_processes() -> None:
    errors: list[Exception] = [
        error_codes.SCORE_REQUEST_TIMEOUT(),
        DeclarationError("file", "member", "what"),
        ScoringFailed("message"),
        StagedBlocksLost("blob"),
    ]
    for error in errors:
        copy = pickle.loads(pickle.dumps(error))
        assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))
    assert isinstance(errors[0], ServiceError)


def test_nearest_name_is_suggested_only_when_it_is_near() -> None:
    assert did_you_mean("imput1", ["input1", "input2"]) == "Did you mean 'input1'?"
    assert did_you_mean("zebra", ["input1"]) == ""
