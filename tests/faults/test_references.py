"""What the web service is given to reach blobs: links to one blob that end, unless it takes nothing but an account."""

import base64
import json
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

REFERENCE = ("ConnectionString", "RelativeLocation", "BaseLocation", "SasBlobToken")


def references(proxy: Any) -> list[dict[str, Any]]:
    """What each submit says about its input and its output, in turn."""
    bodies = [json.loads(call.body) for call in proxy.of("submit")]
    return [body[ports][port] for body in bodies for ports, port in (("Inputs", "input1"), ("Outputs", "output1"))]


def account_key(work: Any) -> str:
    return work.connection_string.partition("AccountKey=")[2].partition(";")[0]


def test_no_account_key_leaves_the_process(work: Any, undisturbed: bytes, proxy: Any):
    work.must_run()
    key = account_key(work)
    assert len(base64.b64decode(key)) == 64
    assert len(proxy.of("submit")) == 3
    for call in proxy.calls:
        sent = f"{call.target} {call.headers} {call.body.decode()}"
        assert key not in sent
        assert "AccountKey" not in sent
    work.require_whole(undisturbed)


def test_links_are_for_one_blob_each_and_for_no_more_than_is_needed(work: Any, proxy: Any):
    work.must_run()
    pairs = references(proxy)
    assert len(pairs) == 6
    for reference, rights in zip(pairs, ["r", "cw"] * 3, strict=True):
        assert tuple(reference) == REFERENCE
        assert reference["ConnectionString"] is None
        token = parse_qs(reference["SasBlobToken"].removeprefix("?"))
        assert (token["sr"], token["sp"]) == (["b"], [rights])
        begin, end = (datetime.fromisoformat(token[name][0]) for name in ("st", "se"))
        # Deadlines of queue and job, an hour for late outputs, and five minutes for clocks that differ.
        assert (end - begin).total_seconds() == 3600 + 4 * 3600 + 3600 + 300


def test_each_attempt_is_given_links_of_its_own(work: Any, undisturbed: bytes, faults: Any, proxy: Any):
    faults.arm(kind="queue", seconds=600)
    work.settings = {"queued_timeout_seconds": 2}
    work.must_run()
    inputs, outputs = references(proxy)[::2], references(proxy)[1::2]
    (again,) = inputs[3:]
    (first,) = [reference for reference in inputs[:3] if reference["RelativeLocation"] == again["RelativeLocation"]]
    assert first["SasBlobToken"] != again["SasBlobToken"]
    assert len({reference["RelativeLocation"] for reference in outputs}) == 4
    assert [entry["fault"]["kind"] for entry in faults.served()] == ["queue"]
    work.require_whole(undisturbed)


def test_a_service_that_takes_nothing_else_is_given_the_connection_string(work: Any, undisturbed: bytes, proxy: Any):
    work.must_run(references="connection_string")
    pairs = references(proxy)
    assert len(pairs) == 6
    for reference in pairs:
        assert tuple(reference) == REFERENCE
        assert reference["ConnectionString"] == work.connection_string
        assert reference["RelativeLocation"].startswith(f"{work.container}/runs/")
        assert (reference["BaseLocation"], reference["SasBlobToken"]) == (None, None)
    assert account_key(work) not in (work.home / "log").read_text()
    assert account_key(work) not in "".join(work.read(name).decode() for name in work.names("") if "json" in name)
    work.require_whole(undisturbed)
