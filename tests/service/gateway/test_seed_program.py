"""The sample program of the API Management guide under the product Starter: it polls every second and dies of it.

Starter allows five calls in a minute: submit, start and three polls. The fourth poll is refused, and the program, which
treats every refusal as the end, loses sight of its job.
"""

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.service.gateway.rehearsal import KEYS, MovedClock, rehearse


class SampleProgram:
    """The guide's `invokeBatchExecutionService` in today's Python, with a subscription key; time is moved."""

    def __init__(self, url: str, api_key: str, clock: MovedClock) -> None:
        self.url = url
        self.headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {api_key}",
            "Ocp-Apim-Subscription-Key": KEYS["trial"][1],
        }
        self.clock = clock
        self.done: list[str] = []

    def run(self, payload: object) -> None:
        job_id = self.call("submit", "POST", "", json.dumps(payload).encode()).decode()[1:-1]
        self.call("start", "POST", f"/{job_id}/start", b"")
        while True:
            result = json.loads(self.call("poll", "GET", f"/{job_id}", None))
            if result["StatusCode"] in ("Failed", "Cancelled", "Finished"):
                return
            self.clock.now += 1

    def call(self, step: str, method: str, path: str, body: bytes | None) -> bytes:
        url = f"{self.url}/jobs{path}?api-version=2.0"
        request = urllib.request.Request(url, body, self.headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as response:
            self.done.append(step)
            return response.read()


def test_the_sample_program_dies_at_its_fourth_poll(tmp_path: Path, faulty_service):
    # Long enough that the job is still waiting when the program asks.
    faulty_service.fault(kind="queue", seconds=30)
    payload = {
        "Input": faulty_service.upload("mydatablob.csv", "Col2\nThis is a good day\n"),
        "Outputs": {"output1": faulty_service.reference("myresultsblob.csv")},
        "GlobalParameters": {},
    }

    with rehearse(tmp_path, faulty_service.url) as gateway:
        address = f"{gateway.url}/azureml-demo/workspaces/{faulty_service.workspace}/services/{faulty_service.service}"
        program = SampleProgram(address, faulty_service.api_key, gateway.clock)
        with pytest.raises(urllib.error.HTTPError) as died:
            program.run(payload)
        with died.value as answer:
            body = answer.read()

    assert program.done == ["submit", "start", "poll", "poll", "poll"]
    assert (died.value.code, died.value.headers["Retry-After"]) == (429, "57")
    assert body == b'{ "statusCode": 429, "message": "Rate limit is exceeded. Try again in 57 seconds." }'
