"""Data Docs in a real browser: Debian's Chromium, driven by Playwright."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scoring.contract.docs.expectations import evaluate
from tests.campaigns import sampled
from tests.scoring.contract.finished_pass import contract_of, expectation, pass_over

playwright_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
CHROMIUM = shutil.which("chromium")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
NARROW = {"width": 360, "height": 740}
WIDE = {"width": 1280, "height": 800}
LOOKS = [
    pytest.param(viewport, scheme, id=f"{viewport['width']} px-{scheme}")
    for viewport, scheme in ((NARROW, "light"), (WIDE, "light"), (NARROW, "dark"), (WIDE, "dark"))
]

SCRIPT = "<script>alert('cell')</script>"
HEADER = "<img src=x onerror=alert('header')><script src=https://cdn.example/a.js></script>"
MARKUP = f"\"'><svg onload=alert(1)>{SCRIPT}<link rel=stylesheet href=https://cdn.example/a.css> $x ${{y}}"

OpenPage = Callable[..., Any]


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of two runs over cells, a column, a file and a value of the contract that all hold markup."""
    columns = {"id": "string", "n": "integer", HEADER: "string", "mail": "string"}
    suite = [
        expectation("expect_column_values_to_be_between", column="n", min_value=1, max_value=5),
        expectation("expect_column_values_to_be_in_set", column=HEADER, value_set=[MARKUP, "fine"]),
        expectation("expect_column_pair_values_to_be_equal", column_A="id", column_B=HEADER),
        expectation("expect_column_values_to_match_regex", column="mail", regex="^<a$"),
        expectation("expect_table_columns_to_match_ordered_list", column_list=list(columns)),
        expectation("expect_column_distinct_values_to_be_in_set", column=HEADER, value_set=["fine"]),
        expectation("expect_column_most_common_value_to_be_in_set", column=HEADER, value_set=["fine"]),
        expectation("expect_column_values_to_not_be_null", column="n"),
    ]
    contract = contract_of(columns, *suite, sensitive=["mail"])
    rows = [(SCRIPT, "five", SCRIPT, "secret"), (MARKUP, "9", MARKUP * 3, "secret"), ("x" * 400, "7", "y" * 400, None)]
    folder = tmp_path_factory.mktemp("docs")
    for name, some in (("first", rows), ("second <b>", rows)):
        profile, rules = pass_over(contract, some, folder / "spill", file=f"{SCRIPT}.csv", n_unreadable=1)
        evaluate(profile, rules, contract, docs_dir=folder, run_name=name)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Any, docs: Path) -> Iterator[OpenPage]:
    """Opens pages; at the end no script ran, nothing beside the pages was asked for, and nothing had to be blocked."""
    contexts, asked, complaints = [], [], []

    def open_it(path: Path, **options: Any) -> Any:
        context = browser.new_context(**{"viewport": WIDE, **options})
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path.as_uri())
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert asked
    assert [
        url for url in asked if not (url.startswith(docs.as_uri()) and url.partition("#")[0].endswith(".html"))
    ] == []
    assert complaints == []


def pages_of(docs: Path) -> list[Path]:
    pages = sorted(docs.rglob("*.html"))
    assert len(pages) == 4
    return pages


def run_page(docs: Path) -> Path:
    return next((docs / "validations").rglob("*.html"))


def test_no_script_of_a_cell_a_column_or_a_file_runs_and_nothing_is_asked_for(open_page: OpenPage, docs: Path) -> None:
    page = open_page(run_page(docs))
    for path in pages_of(docs):
        page.goto(path.as_uri())
        page.wait_for_timeout(200)
        assert (
            page.locator("script, img, svg, link, iframe, object, embed, [onload], [onerror], [onclick]").count() == 0
        )


def test_they_are_shown_as_the_text_that_they_are(open_page: OpenPage, docs: Path) -> None:
    text = open_page(run_page(docs)).locator("body").inner_text()

    for shown in (SCRIPT, HEADER, MARKUP, f"{SCRIPT}.csv line 2"):
        assert shown in text
    assert "secret" not in text


def test_a_script_that_came_into_a_page_all_the_same_would_not_run(browser: Any, docs: Path, tmp_path: Path) -> None:
    page = browser.new_context().new_page()
    blocked: list[tuple[str, str]] = []
    page.on("requestfailed", lambda request: blocked.append((request.url, request.failure)))
    slipped = tmp_path / "slipped.html"
    injected = (
        "<script>document.title = 'ran'</script><img src='https://cdn.example/a.png' onerror='document.title = 1'>"
    )
    slipped.write_text(run_page(docs).read_text(encoding="utf-8").replace("</body>", f"{injected}</body>"))

    page.goto(slipped.as_uri())

    assert page.locator("script").count() == 1
    assert page.title().startswith("reviews failed: ")
    assert blocked == [("https://cdn.example/a.png", "csp")]
    page.context.close()


def test_the_latest_run_is_one_click_from_the_index_and_one_back(open_page: OpenPage, docs: Path) -> None:
    page = open_page(docs / "index.html")
    page.locator("tbody a").first.click()
    assert "second--b-" in page.locator("nav ol").inner_text()
    assert page.title() == "reviews failed: second--b-"

    page.get_by_role("link", name="reviews", exact=True).click()
    assert "Expectation Suite" in page.locator("body").inner_text()
    page.get_by_role("link", name="Home").click()
    assert page.title() == "Data Docs"


def test_what_failed_can_be_shown_alone(open_page: OpenPage, docs: Path) -> None:
    page = open_page(run_page(docs))
    passed = page.locator("tr:has(> td:first-child .fa-check-circle)")
    failed = page.locator("tr:has(> td:first-child .fa-times)")
    assert passed.count() >= 2
    n_failed = failed.count()
    assert n_failed >= 6

    page.get_by_label("Failed Only").check()
    assert all(not row.is_visible() for row in passed.all())
    assert all(row.is_visible() for row in failed.all())

    page.get_by_label("Show All").check()
    assert all(row.is_visible() for row in passed.all())


@pytest.mark.parametrize(("viewport", "scheme"), sampled(LOOKS, 2))
def test_no_page_scrolls_sideways(open_page: OpenPage, docs: Path, viewport: dict[str, int], scheme: str) -> None:
    page = open_page(run_page(docs), viewport=viewport, color_scheme=scheme)
    for path in pages_of(docs):
        page.goto(path.as_uri())
        assert page.locator("html").evaluate("root => root.scrollWidth") <= viewport["width"], path


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
def test_every_text_stands_out_from_its_ground(open_page: OpenPage, docs: Path, scheme: str) -> None:
    page = open_page(run_page(docs), color_scheme=scheme)
    for path in pages_of(docs):
        page.goto(path.as_uri())
        assert page.evaluate(CONTRAST) == [], path
