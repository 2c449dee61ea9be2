"""Calls of a Prefect server whose database is locked at times, as that of a busy machine is."""

from http import HTTPStatus

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry


def patient_session(*, repeatable: bool = False) -> requests.Session:
    """Repeats what the server answers with 503, for some minutes; nothing was done then.

    Args:
        repeatable: All calls may be made twice, so they are also repeated when the connection breaks.
    """
    session = requests.Session()
    # The server closes a connection that was idle for 5 s, at times while a call is on its way.
    session.headers["Connection"] = "close"
    locked = [HTTPStatus.SERVICE_UNAVAILABLE]
    again = Retry(
        20,
        connect=0,
        read=20 if repeatable else 0,
        other=0,
        status_forcelist=locked,
        allowed_methods=None,
        backoff_factor=0.2,
        backoff_max=10,
    )
    session.mount("http://", HTTPAdapter(max_retries=again))
    return session
