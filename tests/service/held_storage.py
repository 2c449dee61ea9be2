"""A storage host that keeps its callers waiting: jobs that read from it run for exactly as long as a test wants."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOLD_SECONDS = 60
TOKEN = "?sv=2020-02-10&sr=b&sp=r&sig=bm90LWEtcmVhbC1zaWduYXR1cmU%3D"


class _Handler(BaseHTTPRequestHandler):
    server: "HeldStorage"
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.called.append(self.path.split("?")[0])
        if self.server.redirects_to:
            self._answer(302, b"", {"Location": self.server.redirects_to})
            return
        self.server.released.wait(HOLD_SECONDS)
        content = self.server.content
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["x-ms-range"])
        part = content[int(asked[1]) : int(asked[2]) + 1]
        content_range = f"bytes {asked[1]}-{int(asked[1]) + len(part) - 1}/{len(content)}"
        headers = {"Content-Range": content_range, "ETag": '"1"', "x-ms-blob-type": "BlockBlob"}
        self._answer(206, part, headers)

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Keeps the tests quiet."""


class HeldStorage(ThreadingHTTPServer):
    """Answers every blob with `content` once `released` is set; `called` lists the paths that were asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = b"Col2\nThis is a good day\n"
        self.released = threading.Event()
        self.redirects_to = ""
        self.called: list[str] = []

    def hold(self) -> None:
        """Keep callers waiting from now on, as a new one does."""
        self.released.clear()
        self.redirects_to = ""
        self.called.clear()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def reference(self, name: str) -> dict[str, str]:
        return {
            "BaseLocation": f"http://{self.host}/account/",
            "RelativeLocation": f"container/{name}",
            "SasBlobToken": TOKEN,
        }

    def was_asked_for(self, name: str) -> bool:
        return f"/account/container/{name}" in self.called

    def handle_error(self, request: object, client_address: object) -> None:
        """Callers are killed on purpose."""


@contextmanager
def held_storage() -> Iterator[HeldStorage]:
    with HeldStorage() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join()
