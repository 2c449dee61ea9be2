"""How the servers of this package run: own socket, one ready line, logs on standard error, a clean end on signals."""

import asyncio
import logging
import signal
import socket
import sys
from typing import Any

import uvicorn
from starlette.types import ASGIApp

STOP_SECONDS = 5
"""Calls still running that long after the signal are cut; whoever started us kills after 10 s."""

_IDLE_SECONDS = 120
"""A connection without a call is kept that long: longer than clients pause between their status calls."""


class _NotCutCalls(logging.Filter):
    """Drops the traceback of calls that were cut because the server stops; that they are cut is logged before."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


LOG_CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "filters": {"not_cut_calls": {"()": _NotCutCalls}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["not_cut_calls"]}},
    "root": {"level": "INFO", "handlers": ["stderr"]},
    # Quieter: uvicorn says again what we say; the others write addresses, and an address may hold a key.
    "loggers": {name: {"level": "WARNING"} for name in ("uvicorn", "httpx", "httpcore", "azure")},
}
"""For `logging.config.dictConfig`."""


class _AnnouncingServer(uvicorn.Server):
    """Says on standard output that it listens, once it accepts calls."""

    def __init__(self, config: uvicorn.Config, address: str) -> None:
        super().__init__(config)
        self._address = address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            sys.stdout.write(f"listening on {self._address}\n")
            sys.stdout.flush()


def serve(app: ASGIApp, *, host: str, port: int, adds_date: bool = True) -> None:
    """Serve `app` until SIGTERM or SIGINT; prints `listening on http://HOST:PORT` when it accepts calls.

    Args:
        app: Its lifespan runs; calls under way at the end get `STOP_SECONDS` to finish.
        host: IPv4 address or name.
        port: 0 takes a free one.
        adds_date: False if the app answers with a `Date` of its own.

    Raises:
        SystemExit: The address cannot be used, or the app did not start.
    """
    with _listen(host, port) as listener:
        config = uvicorn.Config(
            app,
            # Not "auto": the same parser wherever this runs, whatever else is installed.
            http="h11",
            ws="none",
            lifespan="on",
            log_config=LOG_CONFIG,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=adds_date,
            timeout_keep_alive=_IDLE_SECONDS,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        server = _AnnouncingServer(config, f"http://{host}:{listener.getsockname()[1]}")
        # uvicorn raises the signal again at its end, for the handler that it found: with ours the process just ends.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, server.handle_exit)
        server.run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    """A bound socket, or an end with the reason."""
    # The protocol is named, for asyncio sets TCP_NODELAY only then: without it each small answer waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        listener.close()
        reason = error.strerror or error
        sys.exit(f"Cannot listen on {host}:{port}: {reason}. Choose another address, or port 0 for a free one.")
    return listener
