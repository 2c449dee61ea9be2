"""Try it, as in API Management's developer portal: one call to the one configured address, and what came back."""

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

import httpx

from bes.protocol import SUBSCRIPTION_KEY_HEADER
from service.console.readable import readable
from service.redaction import redact

MAX_CONTENT_BYTES = 256 * 1024
"""Of a longer answer, only so much is read: a page for people, not a download."""

KEY_LENGTH = 8
"""Keys at least that long are blotted out of what comes back; a shorter text may stand there by chance."""

TEMPLATE_PARAMETER = re.compile(r"\{(\w+)\}")
HEADER_VALUE = re.compile(r"[\x20-\x7e]*")
JOB_ID = re.compile(r'"([0-9a-f]{32})"')

_SERVICE = "/workspaces/{workspace}/services/{service}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TryItOperation:
    """An operation as the portal shows it: display name, method and URL template of the API."""

    id: str
    name: str
    method: str
    url_template: str
    body_field: str | None = None


OPERATIONS = (
    TryItOperation(
        id="rrs-execute",
        name="RRS Execute",
        method="POST",
        url_template=_SERVICE + "/execute?api-version={apiversion}&details={details}",
        body_field="execute_body",
    ),
    TryItOperation(
        id="bes-submit",
        name="BES Submit",
        method="POST",
        url_template=_SERVICE + "/jobs?api-version={apiversion}",
        body_field="submit_body",
    ),
    TryItOperation(
        id="bes-start",
        name="BES Start",
        method="POST",
        url_template=_SERVICE + "/jobs/{jobid}/start?api-version={apiversion}",
    ),
    TryItOperation(
        id="bes-status",
        name="BES Status",
        method="GET",
        url_template=_SERVICE + "/jobs/{jobid}?api-version={apiversion}",
    ),
    TryItOperation(
        id="bes-delete",
        name="BES Delete",
        method="DELETE",
        url_template=_SERVICE + "/jobs/{jobid}?api-version={apiversion}",
    ),
)
"""The five operations of the API Management guide for the web service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something to mend in the form before a call can be made."""

    field: str
    sentence: str


class FormProblems(Exception):
    """The form cannot be turned into a call."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems


class NoAnswer(Exception):
    """The call was made, or tried, and there is no answer to show."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that is ready to be made. `secrets` are the keys in its headers."""

    operation: TryItOperation
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAnswer:
    """What came back. The keys of the call are blotted out wherever the other side repeats them."""

    status: int
    reason: str
    latency_milliseconds: float
    headers: tuple[tuple[str, str], ...]
    content: str
    is_cut: bool

    @property
    def job_id(self) -> str | None:
        """The id of the job, if the answer is that of BES Submit."""
        match = JOB_ID.fullmatch(self.content)
        return match[1] if match else None


def prepare(form: Mapping[str, str], base_url: str) -> Call:
    """The call that a filled-in form asks for. Nothing in the form can lead it away from `base_url`.

    Raises:
        FormProblems: Something is missing, or cannot be sent.
    """
    operation = next((each for each in OPERATIONS if each.id == form.get("operation")), None)
    if operation is None:
        raise FormProblems((Problem(field="operation", sentence="Choose an operation."),))
    problems: list[Problem] = []
    path = _filled_in(operation.url_template, form, problems)
    headers, secrets = _headers(operation, form, problems)
    if problems:
        raise FormProblems(tuple(problems))
    body = form.get(operation.body_field, "").encode() if operation.body_field else None
    return Call(operation=operation, url=base_url + path, headers=headers, body=body, secrets=secrets)


def _filled_in(url_template: str, form: Mapping[str, str], problems: list[Problem]) -> str:
    path_template, question_mark, query_template = url_template.partition("?")

    def in_path(match: re.Match[str]) -> str:
        value = form.get(match[1], "").strip()
        # Servers resolve the dots, and the call would leave its operation.
        if value in ("", ".", ".."):
            problems.append(Problem(field=match[1], sentence=f"{match[1]} must be filled in."))
        return quote(value, safe="")

    def in_query(match: re.Match[str]) -> str:
        return quote(form.get(match[1], "").strip(), safe="")

    path = TEMPLATE_PARAMETER.sub(in_path, path_template)
    return path + question_mark + TEMPLATE_PARAMETER.sub(in_query, query_template)


def _headers(
    operation: TryItOperation, form: Mapping[str, str], problems: list[Problem]
) -> tuple[dict[str, str], tuple[str, ...]]:
    subscription_key = form.get("subscription_key", "").strip()
    authorization = form.get("authorization", "").strip()
    if authorization and " " not in authorization:
        # The key alone was pasted.
        authorization = f"Bearer {authorization}"
    given = {
        "subscription_key": (SUBSCRIPTION_KEY_HEADER, subscription_key),
        "authorization": ("Authorization", authorization),
        "content_type": ("Content-Type", form.get("content_type", "").strip() if operation.body_field else ""),
    }
    for name, (header, value) in given.items():
        if not HEADER_VALUE.fullmatch(value):
            problems.append(Problem(field=name, sentence=f"{header} has characters that no header can carry."))
    headers = {header: value for header, value in given.values() if value}
    secrets = tuple(each for each in (subscription_key, authorization.partition(" ")[2]) if len(each) >= KEY_LENGTH)
    return headers, secrets


async def send(call: Call, *, timeout_seconds: float) -> CallAnswer:
    """Make a call, once, and read what comes back. Redirects are shown, not followed.

    Raises:
        NoAnswer: Nobody answers there, or not in time.
    """
    # Proxies of the environment are left aside: the keys go to the configured address and nowhere else.
    client = httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=timeout_seconds)
    # What is shown is what was sent, not what was packed for the way.
    headers = {"User-Agent": "batch-scoring-console", "Accept-Encoding": "identity", **call.headers}
    began = time.monotonic()
    try:
        async with (
            asyncio.timeout(timeout_seconds),
            client,
            client.stream(call.operation.method, call.url, headers=headers, content=call.body) as response,
        ):
            content, is_cut = await _read(response)
    except (TimeoutError, httpx.TimeoutException):
        raise NoAnswer(f"No answer within {timeout_seconds:g} seconds.") from None
    except httpx.ConnectError:
        raise NoAnswer("Nothing answers at this address. Is the gateway up?") from None
    except httpx.HTTPError as error:
        # Its name only: its text may quote a header.
        raise NoAnswer(f"The answer broke off or could not be read ({type(error).__name__}).") from None
    return CallAnswer(
        status=response.status_code,
        reason=response.reason_phrase,
        latency_milliseconds=(time.monotonic() - began) * 1000,
        headers=tuple(
            (name.decode("latin-1"), _without(call.secrets, value.decode("latin-1")))
            for name, value in response.headers.raw
        ),
        content=_without(call.secrets, readable(content.decode(errors="replace"))),
        is_cut=is_cut,
    )


async def _read(response: httpx.Response) -> tuple[bytes, bool]:
    content = b""
    async for part in response.aiter_raw():
        content += part
        if len(content) > MAX_CONTENT_BYTES:
            return content[:MAX_CONTENT_BYTES], True
    return content, False


def _without(secrets: tuple[str, ...], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def shown_again(form: Mapping[str, str]) -> dict[str, str]:
    """What of a form may stand in a page again: no keys, and no account keys and signatures within bodies."""
    return {name: redact(value) for name, value in form.items() if name not in {"subscription_key", "authorization"}}
