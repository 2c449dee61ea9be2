"""A web service that answers at once: a job is finished, and its output in the storage, when its start is answered.

    python -m benchmarks.instant_service ROWS_PER_JOB

So what a run over it takes is what the run itself takes. It is no model of the service that this repository carries.
"""

import argparse
import asyncio
import http.client
import itertools
import json
import re
import sys
from datetime import UTC, datetime
from urllib.parse import urlsplit

from bes.protocol import BlobReference

_OUTPUT_HEADER = "Score\n"


class InstantService:
    """Its jobs: each with the place of its output, until it is started.

    Args:
        rows_per_job: Rows of every job's output; the inputs are not read.
    """

    def __init__(self, rows_per_job: int) -> None:
        self._output = (_OUTPUT_HEADER + "".join(f"{row % 97}\n" for row in range(rows_per_job))).encode()
        self._numbers = itertools.count(1)
        self._outputs: dict[str, str] = {}

    def submit(self, body: bytes) -> str:
        """Take note of a job; returns its id."""
        (output,) = json.loads(body)["Outputs"].values()
        job_id = f"{next(self._numbers):032x}"
        self._outputs[job_id] = BlobReference.model_validate(output).url
        return job_id

    def start(self, job_id: str) -> None:
        """Write the job's output."""
        to = urlsplit(self._outputs.pop(job_id))
        connection = http.client.HTTPConnection(to.netloc, timeout=60)
        headers = {"x-ms-blob-type": "BlockBlob", "x-ms-version": "2021-12-02"}
        connection.request("PUT", f"{to.path}?{to.query}", self._output, headers)
        status = connection.getresponse().status
        connection.close()
        if status != http.client.CREATED:
            raise RuntimeError(f"The storage answered {status} to the output of job {job_id}.")

    async def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        """Status code and JSON of one call."""
        if method == "POST" and path.endswith("/jobs"):
            return 200, self.submit(body)
        if method == "POST" and path.endswith("/start"):
            await asyncio.to_thread(self.start, path.split("/")[-2])
            return 204, None
        if method == "GET":
            now = datetime.now(UTC).isoformat()
            return 200, {"StatusCode": "Finished", "CreatedAt": now, "StartTime": now, "EndTime": now}
        return 204, None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the calls of one connection, one after another."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                method, target, _ = head.decode("latin-1").split(" ", 2)
                length = re.search(rb"content-length: *(\d+)", head.lower())
                body = await reader.readexactly(int(length[1])) if length else b""
                code, content = await self.answer(method, urlsplit(target).path, body)
                sent = b"" if content is None else json.dumps(content).encode()
                writer.write(
                    b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                    % (code, len(sent), sent)
                )
        except asyncio.IncompleteReadError:
            writer.close()


async def _serve(service: InstantService) -> None:
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0)
    sys.stdout.write(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def main() -> None:
    """Listen on a free port, say which, and answer until the process is stopped."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("rows_per_job", type=int)
    asyncio.run(_serve(InstantService(parser.parse_args().rows_per_job)))


if __name__ == "__main__":
    main()
