"""The console in a real browser: Debian's Chromium, driven by Playwright."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.service.console.conftest import Stack

playwright_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
CHROMIUM = shutil.which("chromium")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A page that asked for anything elsewhere would not even find it.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]

NARROW = {"width": 360, "height": 740}
WIDE = {"width": 1280, "height": 800}
ROW = "1 1 2 2 0 2 0 1"

OpenPage = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Any, stack: Stack) -> Iterator[OpenPage]:
    """Opens a page in a browser of its own; at the end nothing was asked for elsewhere, and nothing was blocked."""
    contexts, asked, complaints = [], [], []

    def open_it(address: str, **options: Any) -> Any:
        context = browser.new_context(**{"viewport": WIDE, **options})
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert asked
    assert [url for url in asked if not url.startswith(f"{stack.console.url}/")] == []
    # The status of an answer is not a complaint of the page's.
    assert [text for text in complaints if not text.startswith("Failed to load resource: the server responded")] == []


def expect(locator: Any) -> Any:
    return playwright_api.expect(locator)


def tab_to(page: Any, selector: str) -> None:
    """Press Tab until an element has the focus, which must be seen on the way."""
    target = page.locator(selector)
    for _ in range(60):
        page.keyboard.press("Tab")
        focus = page.locator(":focus")
        if focus.count() == 0:
            # Behind the last element the focus leaves the page, and comes back at its start.
            continue
        outline = focus.evaluate("element => getComputedStyle(element).outlineWidth")
        assert float(outline.removesuffix("px")) >= 2
        if target.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{selector} cannot be reached with the keyboard")


def put_in_keys(page: Any, stack: Stack) -> None:
    page.get_by_label("Ocp-Apim-Subscription-Key").fill(stack.subscription_key)
    page.get_by_label("Authorization").fill(f"Bearer {stack.api_key}")


def test_text_of_the_guide_gives_the_row_of_the_guide(open_page: OpenPage, stack: Stack) -> None:
    page = open_page(f"{stack.console.url}/")
    page.get_by_role("link", name="Test", exact=True).click()
    page.get_by_label("Col2").fill("This is a good day")
    page.get_by_role("button", name="Test").click()
    expect(page.locator("#result .row")).to_have_text(ROW)
    values = page.locator("#result tbody td.value").all_text_contents()
    assert " ".join(values) == ROW


def test_refusal_is_shown_beside_what_was_typed(open_page: OpenPage, stack: Stack) -> None:
    page = open_page(f"{stack.pages}/test")
    page.get_by_label("Hashing bitsize").fill("99")
    page.get_by_role("button", name="Test").click()
    expect(page.locator("#result")).to_contain_text("400 BadArgument: Invalid argument provided.")
    expect(page.get_by_label("Hashing bitsize")).to_have_value("99")


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "no script"])
def test_try_it_walks_a_job_through_its_life(open_page: OpenPage, stack: Stack, has_script: bool) -> None:
    page = open_page(f"{stack.pages}/try-it", java_script_enabled=has_script)

    def send(operation: str) -> str:
        page.get_by_role("radio", name=operation).check()
        if operation == "RRS Execute" or not has_script:
            # With the script they stay where they were typed.
            put_in_keys(page, stack)
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#response-status")).to_have_text("200 OK")
        url = page.locator(".url")
        expect(url).to_contain_text(PARTS[operation])
        return url.inner_text()

    assert send("RRS Execute").startswith(f"POST {stack.endpoint.url}/workspaces/")
    expect(page.locator("#response-content")).to_contain_text('["1", "1", "2", "2", "0", "2", "0", "1"]')
    for heading in ("Requested URL", "Response status", "Response latency", "Response headers", "Response content"):
        expect(page.get_by_role("heading", name=heading)).to_be_visible()

    place = {"ConnectionString": stack.connection_string, "RelativeLocation": "/missing/in.csv"}
    page.get_by_role("radio", name="BES Submit").check()
    page.get_by_label("Request body of BES Submit").fill(json.dumps({"Input": place}))
    send("BES Submit")
    expect(page.locator("#response-content")).to_have_text(re.compile('^"[0-9a-f]{32}"$'))
    job_id = page.locator("#response-content").inner_text().strip('"')
    expect(page.locator("#jobid")).to_have_value(job_id)

    send("BES Start")
    assert f"/jobs/{job_id}?" in send("BES Status")
    expect(page.locator("#response-content")).to_contain_text('"StatusCode"')
    send("BES Delete")

    page.get_by_role("link", name="Jobs").click()
    page.get_by_role("link", name=job_id).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Job {job_id}")


PARTS = {
    "RRS Execute": "/execute?api-version=2.0&details=true",
    "BES Submit": "/jobs?api-version=2.0",
    "BES Start": "/start?api-version=2.0",
    "BES Status": "GET ",
    "BES Delete": "DELETE ",
}


def test_only_the_fields_of_the_chosen_operation_are_shown(open_page: OpenPage, stack: Stack) -> None:
    page = open_page(f"{stack.pages}/try-it")
    optional = ("#jobid", "#details", "#content_type", "#execute_body", "#submit_body")
    shown = {}
    for operation in ("rrs-execute", "bes-submit", "bes-start", "bes-status", "bes-delete"):
        page.locator(f"#{operation}").check()
        shown[operation] = [name for name in optional if page.locator(name).is_visible()]
    of_a_job = ["#jobid"]
    assert shown == {
        "rrs-execute": ["#details", "#content_type", "#execute_body"],
        "bes-submit": ["#content_type", "#submit_body"],
        "bes-start": of_a_job,
        "bes-status": of_a_job,
        "bes-delete": of_a_job,
    }


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "no script"])
def test_keys_are_in_no_page_no_address_and_no_storage(open_page: OpenPage, stack: Stack, has_script: bool) -> None:
    page = open_page(f"{stack.pages}/try-it", java_script_enabled=has_script)
    put_in_keys(page, stack)
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#response-status")).to_have_text("200 OK")
    kept = json.dumps(page.context.storage_state()) + page.content() + page.url
    assert stack.subscription_key not in kept
    assert stack.api_key not in kept
    typed = stack.subscription_key if has_script else ""
    assert page.get_by_label("Ocp-Apim-Subscription-Key").input_value() == typed
    assert page.context.cookies() == []


def test_all_is_reached_with_the_keyboard_alone(open_page: OpenPage, stack: Stack) -> None:
    page = open_page(f"{stack.console.url}/")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the content")
    expect(page.locator(":focus")).to_be_in_viewport()
    page.keyboard.press("Enter")
    tab_to(page, "a[href$='/test']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/test")
    tab_to(page, "#input-0-0")
    page.keyboard.type("This is a good day")
    page.keyboard.press("Enter")
    expect(page.locator("#result .row")).to_have_text(ROW)

    tab_to(page, "a[href$='/try-it']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/try-it")
    tab_to(page, "#rrs-execute")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#bes-submit")).to_be_checked()
    page.keyboard.press("ArrowUp")
    tab_to(page, "#subscription_key")
    page.keyboard.type(stack.subscription_key)
    tab_to(page, "#authorization")
    page.keyboard.type(stack.api_key)
    tab_to(page, "button")
    page.keyboard.press("Enter")
    expect(page.locator("#response-status")).to_have_text("200 OK")
    # The answer has the focus, so a screen reader begins there.
    expect(page.locator("#answer")).to_be_focused()


def test_problem_links_lead_to_their_field(open_page: OpenPage, stack: Stack) -> None:
    page = open_page(f"{stack.pages}/try-it")
    page.locator("#bes-status").check()
    page.get_by_role("button", name="Send").click()
    page.get_by_role("link", name="jobid must be filled in.").click()
    expect(page.locator("#jobid")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [NARROW, WIDE], ids=["360 px", "1280 px"])
def test_no_page_scrolls_sideways(open_page: OpenPage, stack: Stack, viewport: dict[str, int], scheme: str) -> None:
    job_id = stack.submitted_job()
    page = open_page(f"{stack.console.url}/", viewport=viewport, color_scheme=scheme)
    addresses = [
        f"{stack.console.url}/",
        f"{stack.console.url}/console/jobs",
        f"{stack.console.url}/console/nothing",
        f"{stack.pages}/jobs/{job_id}",
        *(f"{stack.pages}/{name}" for name in ("test", "try-it", "samples")),
    ]
    for address in addresses:
        page.goto(address)
        width = page.locator("html").evaluate("root => root.scrollWidth")
        assert width <= viewport["width"], address
        small = page.locator("main button, main .tabs a").evaluate_all(
            "all => all.filter(one => one.getBoundingClientRect().height < 24).length"
        )
        assert small == 0, address


CONTRAST = """
() => {
  const light = (text) => {
    const [r, g, b] = text.match(/[\\d.]+/g).map(Number).map((each) => each / 255)
      .map((each) => each <= 0.03928 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!/, 0\\)$/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  return [...document.querySelectorAll("body *")]
    .filter((each) => [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    .map((each) => {
      const [a, b] = [light(getComputedStyle(each).color), light(ground(each))];
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), each.outerHTML.slice(0, 80)];
    })
    .filter(([contrast]) => contrast < 4.5);
}
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(open_page: OpenPage, stack: Stack, scheme: str) -> None:
    stack.submitted_job()
    page = open_page(f"{stack.console.url}/", color_scheme=scheme)
    for address in (page.url, *(f"{stack.pages}/{name}" for name in ("test", "try-it", "samples"))):
        page.goto(address)
        assert page.evaluate(CONTRAST) == [], address


def test_every_field_has_a_label_and_every_page_one_heading(open_page: OpenPage, stack: Stack) -> None:
    page = open_page(f"{stack.pages}/test")
    for name in ("test", "try-it"):
        page.goto(f"{stack.pages}/{name}")
        fields = page.locator("input, select, textarea")
        assert fields.count() >= 3
        assert fields.evaluate_all("all => all.filter(one => one.labels.length !== 1).map(one => one.name)") == []
        assert page.locator("h1").count() == 1
        assert page.locator("html").get_attribute("lang") == "en"
