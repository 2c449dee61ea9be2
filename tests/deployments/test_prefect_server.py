"""How commands tell that the Prefect server that is set is away, or refuses them."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from bes.errors import AccessDenied, ConfigurationError, ScoringError, Unavailable
from deployments.prefect_server import prefect_server


@dataclass
class Gate:
    """A server that is healthy, and answers everything else with `status`."""

    api: str = ""
    status: int = 200


@pytest.fixture
def gate() -> Iterator[Gate]:
    known = Gate()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/api/health" else known.status)
            self.end_headers()
            self.wfile.write(b"say who you are")

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        known.api = f"http://127.0.0.1:{server.server_port}/api"
        with temporary_settings({PREFECT_API_URL: known.api, PREFECT_CLIENT_MAX_RETRIES: 0}):
            yield known
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, AccessDenied), (403, AccessDenied), (422, ConfigurationError), (500, Unavailable), (503, Unavailable)],
)
def test_an_answer_that_refuses_is_told_by_what_can_be_done_about_it(gate: Gate, status: int, kind: type[ScoringError]):
    gate.status = status
    with pytest.raises(kind, match=f"answers {status} to GET /api/.*say who you are"), prefect_server() as (client, _):
        client.request("GET", "/work_pools/")


def test_a_server_that_is_away_is_told_before_anything_is_asked(gate: Gate):
    with temporary_settings({PREFECT_API_URL: f"{gate.api}/nowhere"}):
        gate.status = 404
        with pytest.raises(Unavailable, match=r"does not answer.*nothing was done"), prefect_server():
            pass
