"""A blob service at the other end of a modelled link: each request waits, and each connection carries so much.

    python -m benchmarks.blob_link DELAY_MS MB_PER_SECOND [SIZE_BYTES ...]

It keeps nothing: puts are read and answered, and what is got is made from its place. 0 megabytes a second is no bound.
Blobs whose name says `ours-` tell their SHA-256, as those that we upload do.
"""

import base64
import hashlib
import re
import sys
import time
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECE_BYTES = 256 * 1024
PATTERN = hashlib.shake_256(b"blob").digest(1 << 20)


class BlobLink(ThreadingHTTPServer):
    """The service, on a free port of 127.0.0.1.

    Args:
        delay_seconds: Of each request.
        bytes_per_second: Of each connection; 0 for no bound.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, delay_seconds: float, bytes_per_second: float) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.delay_seconds = delay_seconds
        self.bytes_per_second = bytes_per_second


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    rbufsize = PIECE_BYTES
    server: BlobLink

    def do_PUT(self) -> None:
        """Put Blob, Put Block or Put Block List: read at the link's pace."""
        length = int(self.headers.get("Content-Length") or 0)
        paced = _Pace(self.server)
        left = length
        while left:
            piece = self.rfile.read(min(left, PIECE_BYTES))
            if not piece:
                return
            left -= len(piece)
            paced.passed(length - left)
        self._answer(201, 0, {})

    def do_HEAD(self) -> None:
        """The properties of a blob whose name tells its size, and of no other."""
        size = self._size()
        time.sleep(self.server.delay_seconds)
        if size is None:
            self._answer(404, 0, {"x-ms-error-code": "BlobNotFound"})
        else:
            digest = {"x-ms-meta-sha256": _sha256(size)} if "/ours-" in self.path else {}
            self._answer(200, size, {"x-ms-blob-type": "BlockBlob", **digest})

    def do_GET(self) -> None:
        """A range of such a blob, with its MD5 where that is asked for."""
        size = self._size()
        if size is None:
            time.sleep(self.server.delay_seconds)
            self._answer(404, 0, {"x-ms-error-code": "BlobNotFound"})
            return
        wanted = re.search(r"bytes=(\d+)-(\d+)", self.headers.get("x-ms-range") or self.headers.get("Range") or "")
        first, last = (int(wanted[1]), min(int(wanted[2]), size - 1)) if wanted else (0, size - 1)
        more = {"Content-Range": f"bytes {first}-{last}/{size}", "x-ms-blob-type": "BlockBlob"}
        if self.headers.get("x-ms-range-get-content-md5") == "true":
            more["Content-MD5"] = _md5(first % len(PATTERN), last - first + 1)
        paced = _Pace(self.server)
        self._answer(206 if wanted else 200, last - first + 1, more)
        for offset in range(first, last + 1, PIECE_BYTES):
            end = min(offset + PIECE_BYTES, last + 1)
            self.wfile.write(_content(offset, end - offset))
            paced.passed(end - first)

    def _size(self) -> int | None:
        named = re.search(r"/(\d+)\.bytes(?:\?|$)", self.path)
        return int(named[1]) if named else None

    def _answer(self, status: int, length: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        told = {"Content-Length": str(length), "ETag": '"0x1"', "Last-Modified": "Wed, 01 May 2024 00:00:00 GMT"}
        for name, value in {**told, **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep silent."""


class _Pace:
    """Lets bytes pass no faster than the connection carries them, behind the delay of the request."""

    def __init__(self, link: BlobLink) -> None:
        self._link = link
        self._began = time.monotonic()
        time.sleep(link.delay_seconds)

    def passed(self, n_bytes: int) -> None:
        if self._link.bytes_per_second:
            due = self._began + self._link.delay_seconds + n_bytes / self._link.bytes_per_second
            time.sleep(max(0.0, due - time.monotonic()))


def _content(offset: int, n_bytes: int) -> bytes:
    first = offset % len(PATTERN)
    return (PATTERN + PATTERN)[first : first + n_bytes]


_digests: dict[tuple[int, int], str] = {}


def _md5(first: int, n_bytes: int) -> str:
    # Ranges of equal length that begin at the same place of the pattern are equal.
    if (first, n_bytes) not in _digests:
        digest = hashlib.md5(usedforsecurity=False)
        for offset in range(first, first + n_bytes, PIECE_BYTES):
            digest.update(_content(offset, min(PIECE_BYTES, first + n_bytes - offset)))
        _digests[first, n_bytes] = base64.b64encode(digest.digest()).decode()
    return _digests[first, n_bytes]


@cache
def _sha256(size: int) -> str:
    digest = hashlib.sha256()
    for offset in range(0, size, PIECE_BYTES):
        digest.update(_content(offset, min(PIECE_BYTES, size - offset)))
    return digest.hexdigest()


def main() -> None:
    """Listen, say where, and serve until the process is stopped."""
    delay_ms, megabytes = (float(given) for given in sys.argv[1:3])
    for size in sys.argv[3:]:
        # Or whoever asks first would wait for it.
        _sha256(int(size))
    with BlobLink(delay_ms / 1000, megabytes * 1e6) as link:
        sys.stdout.write(f"listening on http://127.0.0.1:{link.server_port}\n")
        sys.stdout.flush()
        link.serve_forever()


if __name__ == "__main__":
    main()
