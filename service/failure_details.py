"""The text in a failed job's `Details`: free text, in the form that captured answers of the real service have."""

import json

MODULE_EXCEPTION_CODE = "1000"


def failure_details(job_id: str, message: str) -> str:
    """What a failed job tells its client.

    Args:
        job_id: Stands where the real service gave its request id.
        message: Why, with line and column where they are known; never a credential.
    """
    # A name from a file that is not UTF-8 may be quoted in it.
    message = message.encode(errors="backslashreplace").decode()
    sentence = f"Error {MODULE_EXCEPTION_CODE}: AFx Library library exception: {message}"
    exception = {
        "Exception": {
            "ErrorId": "LibraryException",
            "ErrorCode": MODULE_EXCEPTION_CODE,
            "ExceptionType": "ModuleException",
            "Message": sentence,
        }
    }
    return (
        f"requestId = {job_id} errorComponent=Module. taskStatusCode=400. "
        f"{json.dumps(exception, separators=(',', ':'))}Error: {sentence} Process exited with error code -2"
    )
