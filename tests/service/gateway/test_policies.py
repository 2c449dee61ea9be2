"""What policies do to calls on their way: counted, changed, answered, repeated, sent elsewhere."""

import logging
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.service.gateway.rehearsal import (
    JOB,
    KEYS,
    SERVICE,
    SHIPPED,
    VERSION,
    policy_text,
    rehearse,
    write_configuration,
)

NIGHTLY = KEYS["nightly"][1]


def header(name: str, value: str, action: str = "override") -> str:
    return f'<set-header name="{name}" exists-action="{action}"><value>{value}</value></set-header>'


def test_of_fifty_callers_at_once_five_pass(tmp_path: Path, backend):
    everyone_is_here = threading.Barrier(50)

    with rehearse(tmp_path, backend.url) as gateway, ThreadPoolExecutor(50) as callers:

        def poll(_: int) -> int:
            everyone_is_here.wait(30)
            return gateway.poll().status_code

        statuses = Counter(callers.map(poll, range(50)))

    assert statuses == {200: 5, 429: 45}
    assert len(backend.seen) == 5


def test_one_subscriptions_limit_is_not_anothers(tmp_path: Path, backend):
    with rehearse(tmp_path, backend.url) as gateway:
        assert [gateway.poll().status_code for _ in range(6)] == [200] * 5 + [429]
        assert [gateway.poll(key=NIGHTLY).status_code for _ in range(6)] == [200] * 6


def test_the_key_of_another_product_is_no_key_for_an_api(tmp_path: Path, backend):
    configuration = write_configuration(tmp_path)
    text = configuration.read_text().replace('products = ["Starter", "Unlimited"]', 'products = ["Starter"]')
    configuration.write_text(text)

    with rehearse(tmp_path, backend.url, configuration=configuration) as gateway:
        assert gateway.poll().status_code == 200
        assert gateway.poll(key=NIGHTLY).status_code == 401
    assert len(backend.seen) == 1


def test_several_apis_have_suffixes_and_backends_of_their_own(tmp_path: Path, backend):
    configuration = write_configuration(tmp_path)
    text = configuration.read_text()
    second = text[text.index("[[api]]") : text.index("[api.operation_policies]")]
    second = second.replace('"demo"', '"second"').replace('"azureml-demo"', '"azureml-demo/v2"')
    configuration.write_text(f'{text}{second}backend_url = "{backend.url}/second"\n')

    with rehearse(tmp_path, f"{backend.url}/first", configuration=configuration) as gateway:
        assert gateway.poll().status_code == 200
        assert gateway.call("GET", f"/v2{JOB}?{VERSION}").status_code == 200
        refused = gateway.call("GET", f"/v2{JOB}?{VERSION}", key=None)

    assert [each.target for each in backend.seen] == [f"/first{JOB}?{VERSION}", f"/second{JOB}?{VERSION}"]
    assert '/azureml-demo/v2",name=' in refused.headers["www-authenticate"]


def test_leaving_during_the_wait_for_another_attempt_ends_the_call(tmp_path: Path, backend, new_gateway):
    failing(backend, 99)
    configuration = write_configuration(tmp_path, bes_status=policy_text(backend=retry('count="9" interval="300"')))

    with new_gateway(backend.url, CONFIGURATION=str(configuration)) as process:
        before = process.n_descriptors
        with process.caller(process.request_text("GET", f"{JOB}?{VERSION}")):
            assert eventually(lambda: "trying GET" in process.log)
        assert eventually(lambda: "BES Status by 'nightly': the caller left" in process.log)
        assert eventually(lambda: process.n_descriptors <= before)
    assert len(backend.seen) == 1


def eventually(condition) -> bool:
    end = time.monotonic() + 30
    while not (met := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return met


def test_calls_that_are_refused_before_the_limit_do_not_count(tmp_path: Path, backend):
    with rehearse(tmp_path, backend.url) as gateway:
        for _ in range(6):
            assert gateway.call("GET", JOB).status_code == 404
            assert gateway.poll(key="wrong").status_code == 401
        assert [gateway.poll().status_code for _ in range(6)] == [200] * 5 + [429]


def test_the_headers_of_a_limit_have_the_names_that_the_policy_gives(tmp_path: Path, backend):
    names = 'retry-after-header-name="X-Wait" remaining-calls-header-name="X-Left" total-calls-header-name="X-All"'
    limit = f'<rate-limit calls="2" renewal-period="60" {names}/>'
    backend.answer = lambda handler: handler.reply(200, b"{}", ("X-Left", "the backend's"))

    with rehearse(
        tmp_path, backend.url, configuration=write_configuration(tmp_path, product=policy_text(inbound=limit))
    ) as gateway:
        answers = [gateway.poll() for _ in range(3)]

    assert [each.status_code for each in answers] == [200, 200, 429]
    assert [each.headers.get_list("x-left") for each in answers] == [["1"], ["0"], ["0"]]
    assert [each.headers["x-all"] for each in answers] == ["2", "2", "2"]
    assert [each.headers.get("x-wait") for each in answers] == [None, None, "60"]
    assert "retry-after" not in answers[2].headers


def test_a_limit_by_address_is_shared_by_all_keys_of_one_machine(tmp_path: Path, backend):
    limit = '<rate-limit-by-key calls="2" renewal-period="60" counter-key="@(context.Request.IpAddress)"/>'
    configuration = write_configuration(tmp_path, api=policy_text(inbound="<base/>" + limit))

    with rehearse(tmp_path, backend.url, configuration=configuration) as gateway:
        statuses = [gateway.poll(key=key).status_code for key in (NIGHTLY, KEYS["trial"][1], NIGHTLY)]

    assert statuses == [200, 200, 429]


def test_a_limit_of_one_operation_leaves_the_others_alone(tmp_path: Path, backend):
    limit = '<rate-limit calls="1" renewal-period="60"/>'
    configuration = write_configuration(tmp_path, bes_status=policy_text(inbound="<base/>" + limit))

    with rehearse(tmp_path, backend.url, configuration=configuration) as gateway:
        assert [gateway.poll().status_code for _ in range(2)] == [200, 429]
        assert gateway.call("POST", f"{SERVICE}/jobs?{VERSION}", content=b"{}").status_code == 200


def test_inbound_changes_what_the_backend_gets(tmp_path: Path, backend):
    inbound = (
        header("Authorization", "Bearer {{aml-api-key}}")
        + header("X-Kept", "no", "skip")
        + header("X-New", "yes", "skip")
        + header("X-More", "2", "append")
        + '<set-header name="X-Gone" exists-action="delete"/>'
    )
    configuration = write_configuration(tmp_path, api=policy_text(inbound=inbound))
    sent = {"Authorization": "Bearer mine", "X-Kept": "1", "X-More": "1", "X-Gone": "1"}

    with rehearse(
        tmp_path, backend.url, configuration=configuration, named_values={"aml-api-key": "secret-0003"}
    ) as gateway:
        assert gateway.poll(headers=sent).status_code == 200

    seen = backend.seen[0]
    assert seen.header("authorization") == ["Bearer secret-0003"]
    assert (seen.header("x-kept"), seen.header("x-new"), seen.header("x-more"), seen.header("x-gone")) == (
        ["1"],
        ["yes"],
        ["1", "2"],
        [],
    )


def test_outbound_changes_what_the_caller_gets_from_the_backend(tmp_path: Path, backend):
    outbound = '<set-header name="Server" exists-action="delete"/>' + header("X-A", "1")
    configuration = write_configuration(tmp_path, api=policy_text(outbound=outbound))
    backend.answer = lambda handler: handler.reply(503, b"busy", ("X-A", "0"))

    with rehearse(tmp_path, backend.url, configuration=configuration) as gateway:
        answer = gateway.poll()
        refused = gateway.poll(key="wrong")

    assert (answer.status_code, answer.content, answer.headers.get_list("x-a")) == (503, b"busy", ["1"])
    assert "server" not in answer.headers
    assert "x-a" not in refused.headers


def test_on_error_changes_what_the_caller_gets_from_the_gateway(tmp_path: Path, backend):
    product = policy_text(
        inbound='<rate-limit calls="1" renewal-period="60"/>', on_error="<base/>" + header("X-Product", "1")
    )
    configuration = write_configuration(
        tmp_path, product=product, api=policy_text(on_error="<base/>" + header("X-Api", "1"))
    )

    with rehearse(tmp_path, backend.url, configuration=configuration) as gateway:
        unknown, passed, limited = gateway.poll(key="wrong"), gateway.poll(), gateway.poll()

    assert [each.status_code for each in (unknown, passed, limited)] == [401, 200, 429]
    # Whose product it is is known only once the key is.
    assert [("x-api" in each.headers, "x-product" in each.headers) for each in (unknown, passed, limited)] == [
        (True, False),
        (False, False),
        (True, True),
    ]
    assert limited.headers["retry-after"] == "60"
    assert limited.headers["content-type"] == "application/json"


CLOSED = (
    '<return-response><set-status code="503" reason="Service Unavailable"/><set-header name="Retry-After">'
    "<value>3600</value></set-header><set-body>closed</set-body></return-response>"
)


@pytest.mark.parametrize(("section", "n_calls"), [("inbound", 0), ("backend", 0), ("outbound", 1)])
def test_a_policy_can_answer_by_itself(tmp_path: Path, backend, section: str, n_calls: int):
    backend.answer = lambda handler: handler.reply_in_chunks(bytes(65536), 100)
    configuration = write_configuration(tmp_path, api=policy_text(**{section: CLOSED}))

    with rehearse(tmp_path, backend.url, configuration=configuration) as gateway:
        answers = [gateway.call("POST", f"{SERVICE}/jobs?{VERSION}", content=b"{}") for _ in range(2)]

    assert [(each.status_code, each.content, each.headers["retry-after"]) for each in answers] == [
        (503, b"closed", "3600")
    ] * 2
    assert len(backend.seen) == 2 * n_calls


def test_on_error_can_answer_by_itself(tmp_path: Path, backend):
    configuration = write_configuration(tmp_path, api=policy_text(on_error=CLOSED))

    with rehearse(tmp_path, backend.url, configuration=configuration) as gateway:
        answer = gateway.poll(key=None)

    assert (answer.status_code, answer.content) == (503, b"closed")


def test_one_operation_can_go_to_another_backend(tmp_path: Path, backend):
    elsewhere = f'<set-backend-service base-url="{backend.url}/other/"/>'
    configuration = write_configuration(tmp_path, rrs_execute=policy_text(inbound="<base/>" + elsewhere))

    with rehearse(tmp_path, f"{backend.url}/first", configuration=configuration) as gateway:
        gateway.call("POST", f"{SERVICE}/execute?{VERSION}", content=b"{}")
        gateway.poll()

    assert [each.target for each in backend.seen] == [
        f"/other{SERVICE}/execute?{VERSION}",
        f"/first{JOB}?{VERSION}",
    ]


def retry(attributes: str, forward: str = "", condition: str = "context.Response.StatusCode == 503") -> str:
    return f'<retry condition="@({condition})" {attributes}><forward-request {forward}/></retry>'


def failing(backend, n_times: int) -> None:
    """Answers 503 that many times, then 200."""

    def answer(handler) -> None:
        handler.reply(503 if len(backend.seen) <= n_times else 200, b"answer %d" % len(backend.seen))

    backend.answer = answer


@pytest.mark.parametrize(
    ("attributes", "slept"),
    [
        ('count="3" interval="10"', [10, 10, 10]),
        ('count="3" interval="10" delta="5"', [10, 15, 20]),
        ('count="3" interval="10" delta="5" first-fast-retry="true"', [0, 15, 20]),
        ('count="1" interval="10"', [10]),
    ],
)
def test_a_status_is_asked_again_after_these_waits(tmp_path: Path, backend, attributes: str, slept: list[int]):
    failing(backend, 99)
    configuration = write_configuration(tmp_path, bes_status=policy_text(backend=retry(attributes)))

    with rehearse(tmp_path, backend.url, configuration=configuration) as gateway:
        answer = gateway.poll()

    assert (answer.status_code, answer.text) == (503, f"answer {len(slept) + 1}")
    assert gateway.clock.slept == slept


def test_exponential_waits_grow_up_to_the_maximum(tmp_path: Path, backend):
    failing(backend, 99)
    text = retry('count="5" interval="10" delta="10" max-interval="100"')

    with rehearse(
        tmp_path, backend.url, configuration=write_configuration(tmp_path, bes_status=policy_text(backend=text))
    ) as gateway:
        gateway.poll()

    bounds = [(10 + (2**number - 1) * 8, 10 + (2**number - 1) * 12) for number in (1, 2, 3)]
    assert all(low <= wait <= high for wait, (low, high) in zip(gateway.clock.slept, bounds, strict=False))
    assert gateway.clock.slept[4] == 100


def test_the_shipped_policy_asks_for_a_status_again_and_for_nothing_else(tmp_path: Path, backend):
    failing(backend, 2)
    with rehearse(tmp_path, backend.url) as gateway:
        assert gateway.poll().text == "answer 3"
        assert gateway.clock.slept == [1, 1]
        for method, path in (("POST", f"{SERVICE}/jobs"), ("POST", f"{JOB}/start"), ("DELETE", JOB)):
            backend.forget()
            failing(backend, 99)
            assert gateway.call(method, f"{path}?{VERSION}", key=NIGHTLY).text == "answer 1"


def test_another_status_is_not_asked_again(tmp_path: Path, backend):
    backend.answer = lambda handler: handler.reply(500)

    with rehearse(tmp_path, backend.url) as gateway:
        assert gateway.poll().status_code == 500

    assert (len(backend.seen), gateway.clock.slept) == (1, [])


def test_a_retry_costs_the_caller_one_call(tmp_path: Path, backend):
    failing(backend, 2)
    with rehearse(tmp_path, backend.url) as gateway:
        assert gateway.poll().text == "answer 3"
        backend.answer = lambda handler: handler.reply(200)
        assert [gateway.poll().status_code for _ in range(5)] == [200] * 4 + [429]


@pytest.mark.parametrize(("size_bytes", "n_calls"), [(0, 3), (70_000, 3), (1 << 20, 3), ((1 << 20) + 1, 1)])
def test_a_body_is_sent_again_while_it_is_small(tmp_path: Path, backend, size_bytes: int, n_calls: int):
    failing(backend, 2)
    text = retry('count="3" interval="1"', 'buffer-request-body="true"')
    configuration = write_configuration(tmp_path, bes_submit=policy_text(backend=text))

    with rehearse(tmp_path, backend.url, configuration=configuration) as gateway:
        answer = gateway.call("POST", f"{SERVICE}/jobs?{VERSION}", content=bytes(size_bytes))

    assert answer.status_code == (200 if n_calls == 3 else 503)
    assert [each.size_bytes for each in backend.seen] == [size_bytes] * n_calls
    assert len({each.digest for each in backend.seen}) == 1


def test_an_unexpected_body_is_passed_on_once(tmp_path: Path, backend):
    failing(backend, 99)
    configuration = write_configuration(tmp_path, bes_status=policy_text(backend=retry('count="3" interval="1"')))

    with rehearse(tmp_path, backend.url, configuration=configuration) as gateway:
        answer = gateway.poll(content=b"a body where none belongs")

    assert (answer.status_code, [each.size_bytes for each in backend.seen]) == (503, [25])


def test_the_timeout_of_a_policy_goes_before_the_settings(tmp_path: Path, backend):
    backend.answer = lambda handler: handler.wait_for_hang_up()
    configuration = write_configuration(tmp_path, api=policy_text(backend='<forward-request timeout="1"/>'))

    with rehearse(tmp_path, backend.url, configuration=configuration, backend_timeout_seconds=30) as gateway:
        assert gateway.poll().status_code == 500
    assert backend.has_lost.wait(5)


def test_no_key_and_no_named_value_reaches_the_log(tmp_path: Path, backend, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG, logger="service")
    failing(backend, 1)
    # The shipped way to let the gateway bring the web service's key.
    configuration = tmp_path / "gateway.toml"
    text = (SHIPPED / "gateway.toml").read_text().replace("policies/api.xml", "policies/api-with-key.xml")
    configuration.write_text(
        text.replace('"policies/', f'"{SHIPPED}/policies/').replace('"openapi', f'"{SHIPPED}/openapi')
    )

    with rehearse(
        tmp_path, backend.url, configuration=configuration, named_values={"aml-api-key": "secret-0003"}
    ) as gateway:
        assert gateway.poll(key=None, params={"api-version": "2.0", "subscription-key": KEYS["trial"][1]}).is_success
        for _ in range(6):
            gateway.poll()
        gateway.poll(key="unknown-key-0004")

    assert backend.seen[0].header("authorization") == ["Bearer secret-0003"]
    assert "trying GET" in caplog.text
    assert "answered 429: Rate limit is exceeded." in caplog.text
    assert [secret for secret in ("secret-0003", "key-0001", "key-0004") if secret in caplog.text] == []
