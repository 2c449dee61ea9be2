"""Who may use the console: a browser that was pointed at this very address, and forms of the console's own pages.

The console asks for no key, so the browser's word is all there is: `Host` stops names that were re-bound to this
machine, `Sec-Fetch-Site` and `Origin` stop forms that other sites send.
"""

import ipaddress
import re
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.settings import LOOPBACK

HOST = re.compile(r"^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d{1,5})?$")

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    # What the pages show is for the person before them, not for a cache on the way.
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not "no-referrer": with that, browsers send `Origin: null` with the console's own forms.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""Of every answer: nothing comes from elsewhere, nothing goes elsewhere, nothing is embedded or kept."""

SAFE_METHODS = frozenset({"GET", "HEAD"})

Refusal = Callable[[int, str, str], Response]
"""Makes the page that refuses, from status, title and sentence."""


class ConsoleGuard:
    """Refuses what did not come from a person at this console, and protects what is answered.

    Args:
        app: The console.
        host: Address that the service listens on.
        refusal: Makes the pages of refusals.
    """

    def __init__(self, app: ASGIApp, *, host: str, refusal: Refusal) -> None:
        self._app = app
        self._hosts = frozenset({*LOOPBACK, host.lower()})
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""

        async def protect(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refused = self._refused(scope)
        await (self._app if refused is None else refused)(scope, receive, protect)

    def _refused(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("Host", "").lower()
        if not self._is_ours(host, scope):
            sentence = "The console answers under the address that the service listens on, and under localhost."
            return self._refusal(421, "This is not the console's address", sentence)
        if scope["method"] not in SAFE_METHODS and not _is_same_origin(headers, host):
            sentence = "The form was not sent by a page of this console. Open the console and send it from there."
            return self._refusal(403, "This form came from elsewhere", sentence)
        return None

    def _is_ours(self, host: str, scope: Scope) -> bool:
        """Whether `host` names this service. The port is free, for it may be forwarded."""
        match = HOST.match(host)
        if match is None:
            return False
        name = match[1].strip("[]")
        # Bound to all addresses, the service is called by the one that the connection came in on.
        return name in self._hosts or (_is_address(name) and name == scope["server"][0])


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_same_origin(headers: Headers, host: str) -> bool:
    """Whether the browser says that the page which sends is of this host. Who says nothing is not believed."""
    site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
    if site is None and origin is None:
        return False
    return site in (None, "same-origin") and origin in (None, f"http://{host}", f"https://{host}")
