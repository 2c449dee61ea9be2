"""The loop of azmlclient 2.6.0 (`execute_bes`), step by step, on the storage SDK and the Python of today.

    python -m benchmarks.peers.azmlclient BASE_URL INPUT OUTPUT

What the library does, in its order: the input is a frame, which becomes one CSV text, which becomes one blob; the job
is asked for every 5 s, and once more 5 s are waited when it has ended; the job is deleted; the output is read as one
text, which becomes a frame. It was written for azure-storage 0.33, whose two calls have their successors here. The keys
come in environment variables. Source: github.com/smarie/python-azureml-client, `base.py` and `base_databinding*.py`,
by Sylvain Marié and contributors (BSD 3-Clause).
"""

import json
import os
import sys
import time
from datetime import UTC, datetime
from io import BytesIO, StringIO
from typing import Any

import pandas as pd
import requests
from azure.storage.blob import BlobServiceClient, ContentSettings

SECONDS_BETWEEN_STATUS_QUERIES = 5
FAILED, CANCELLED = ("2", "Failed"), ("3", "Cancelled")


class Client:
    """Calls of one web service.

    Args:
        base_url: Address up to and with the id of the web service.
        api_key: Its key.
        subscription_key: The gateway's key, which goes into a header of the session, as its users do it.
    """

    def __init__(self, base_url: str, api_key: str, subscription_key: str) -> None:
        self._base_url = base_url
        self._session = requests.Session()
        self._session.headers.update(
            {"Authorization": f"Bearer {api_key}", "Ocp-Apim-Subscription-Key": subscription_key}
        )
        self.n_calls = 0

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> str:
        """The text of an answer."""
        self.n_calls += 1
        headers = {} if body is None else {"Content-Type": "application/json; charset=utf-8"}
        data = None if body is None else json.dumps(body).encode()
        url = f"{self._base_url}/jobs{path}?api-version=2.0"
        response = self._session.request(method, url, headers=headers, data=data, timeout=None)
        response.raise_for_status()
        return response.text


def execute_bes(client: Client, connection_string: str, container: str, frame: pd.DataFrame) -> pd.DataFrame:
    """The output of the web service for a frame."""
    prefix = datetime.now(UTC).strftime("%Y-%m-%d_%H%M%S_%f")
    blobs = BlobServiceClient.from_connection_string(connection_string)
    input_name, output_name = f"{prefix}-input-input1.csv", f"{prefix}-output-output1.csv"
    text = frame.to_csv(index=False, date_format="%Y-%m-%dT%H:%M:%S.000%z")
    blobs.get_blob_client(container, input_name).upload_blob(
        BytesIO(text.encode()), content_settings=ContentSettings(content_type="text.csv", content_encoding="utf-8")
    )
    references = [
        {"ConnectionString": connection_string, "RelativeLocation": f"{container}/{name}"}
        for name in (input_name, output_name)
    ]
    _run_job(
        client, {"Inputs": {"input1": references[0]}, "GlobalParameters": {}, "Outputs": {"output1": references[1]}}
    )
    output = blobs.get_blob_client(container, output_name).download_blob(encoding="utf-8").readall()
    return pd.read_csv(StringIO(output), sep=",", decimal=".")


def _run_job(client: Client, request: dict[str, Any]) -> None:
    job_id = client.call("POST", "", request).strip('"')
    try:
        client.call("POST", f"/{job_id}/start")
        results = None
        while results is None:
            state = json.loads(client.call("GET", f"/{job_id}"))
            if state["StatusCode"] in (*FAILED, *CANCELLED):
                raise RuntimeError(f"The job ended with an error: {state['Details']}")
            results = state["Results"]
            time.sleep(SECONDS_BETWEEN_STATUS_QUERIES)
    finally:
        client.call("DELETE", f"/{job_id}")


def main() -> None:
    """Score a file, and print how many calls that took."""
    base_url, source, target = sys.argv[1:]
    client = Client(base_url, os.environ["PEER_API_KEY"], os.environ["PEER_SUBSCRIPTION_KEY"])
    scored = execute_bes(
        client, os.environ["PEER_CONNECTION_STRING"], os.environ["PEER_CONTAINER"], pd.read_csv(source)
    )
    scored.to_csv(target, index=False)
    sys.stdout.write(json.dumps({"n_calls": client.n_calls}))


if __name__ == "__main__":
    main()
