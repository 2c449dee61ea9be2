"""The page: it needs nothing else, holds nothing that runs, and is bounded whatever the run."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from scoring.manifest import GateResult, InputFile
from scoring.output_profile import OutputProfile
from scoring.report.charts import histogram
from scoring.report.figures import figure, seconds, share, size
from scoring.report.gathering import failure_of, report_of
from scoring.report.model import ColumnPair, Failure, FileLine, FindingLine
from scoring.report.page import as_html
from tests.scoring.report.knowns import SHA, attempt, books, column, known, last_good, story

ATTACK = "\"'><script>alert(1)</script><img src=https://cdn.test/x onerror=alert(1)>{{ 7 * 7 }}`"


class Tags(HTMLParser):
    """The tags of a page with their attributes, as a browser reads them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, list[tuple[str, str | None]]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, attrs))


@pytest.fixture
def hostile() -> str:
    finding = FindingLine(
        is_quarantined=True, rule=ATTACK, column=ATTACK, message=ATTACK, count=3, example=ATTACK + " " + "x" * 100
    )
    gate = GateResult(name=ATTACK, column=ATTACK, value=1.0, threshold=0.5, action="warn", passed=False, message=ATTACK)
    return as_html(
        report_of(
            known(
                dataset=ATTACK,
                books=books(1000, n_quarantined=3, n_refused=1),
                failure=Failure(what=ATTACK, next_step=ATTACK),
                inputs=[InputFile(path=f"/in/{ATTACK.replace('/', '')}", size_bytes=1, sha256=SHA)],
                files=[FileLine(role="report", name=ATTACK, href="predictions.csv", size_bytes=1, sha256=SHA)],
                findings=[finding],
                gates=[gate],
                stories=[story("0", attempt(), file=ATTACK)],
                profile=OutputProfile(columns=(column(ATTACK),)),
                last=last_good(column(ATTACK)),
            )
        )
    )


def test_names_cells_and_words_are_text_whatever_they_hold(hostile: str):
    assert "<script" not in hostile
    assert "<img" not in hostile
    assert hostile.count("&lt;script&gt;") > 10
    assert "{{ 7 * 7 }}" in hostile


def test_nothing_of_the_page_comes_from_elsewhere(hostile: str):
    tags = Tags()
    tags.feed(hostile)
    assert len(tags.found) > 100
    assert {tag for tag, _ in tags.found}.isdisjoint({"script", "img", "link", "base", "iframe", "object", "form"})
    names = {name for _, attributes in tags.found for name, _ in attributes}
    assert [name for name in names if name in ("src", "srcset", "style", "xlink:href") or name.startswith("on")] == []
    links = [value for _, attributes in tags.found for name, value in attributes if name == "href"]
    assert links == ["#next", "predictions.csv"]
    assert "url(" not in hostile
    assert "@import" not in hostile


def test_the_page_is_well_formed_and_its_style_is_the_one_that_its_policy_allows(hostile: str):
    body = hostile[hostile.index("<body>") :].removesuffix("</html>")
    ET.fromstring(body)
    assert re.search(r"default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]{44}'", hostile)


def test_of_10000_columns_2000_shards_and_a_thousand_of_all_else_the_page_stays_below_a_megabyte():
    long = "\u00e4" * 3000
    finding = FindingLine(is_quarantined=True, rule="r", column="c", message=long[:300], count=3, example=long[:300])
    gate = GateResult(name="psi", column=long, value=1.0, threshold=0.5, action="warn", passed=False, message=long)
    columns = tuple(column(f"c{index}") for index in range(10_000))
    page = as_html(
        report_of(
            known(
                books=books(10**9, n_quarantined=10**6),
                inputs=[InputFile(path=f"/in/{index}.csv", size_bytes=1, sha256=SHA) for index in range(1000)],
                findings=[finding] * 1000,
                gates=[gate] * 1000,
                stories=[story(str(index), attempt(), first_row=index * 100, file=long) for index in range(2000)],
                profile=OutputProfile(columns=columns),
                last=last_good(*columns),
            )
        )
    )

    assert len(page.encode()) < 1_000_000
    for words in ("1,900 more shards", "9,976 more columns", "960 more rules", "960 more gates", "960 more files"):
        assert words in page


def test_what_is_left_out_is_counted_in_words_that_fit():
    files = [InputFile(path=f"/in/{index}.csv", size_bytes=1, sha256=SHA) for index in range(41)]

    assert "1 more file is in manifest.json." in as_html(report_of(known(inputs=files)))


def test_what_the_storage_did_not_tell_is_not_said_to_be_nothing():
    failure = Failure(what="The storage is away.", next_step="Run again.")
    page = as_html(report_of(known(failure=failure, version=None, is_last_known=False)))

    assert "Nothing was published. What was the latest stays it." in page
    assert "What was published before is not known: the storage did not tell." in page
    assert "Nothing was published before" not in page
    assert "No earlier version" not in page


def test_a_run_of_which_little_is_known_has_a_page_too():
    nothing = books(0)
    page = as_html(
        report_of(
            known(
                books=nothing,
                inputs=[],
                failure=Failure(what="No file.", next_step="Name one."),
                nothing_sent=True,
                version=None,
            )
        )
    )

    assert "Nothing was published. No earlier version exists." in page
    assert "No job was sent." in page
    assert "No gate was reached." in page
    assert "Name one." in page


def test_a_run_that_may_have_asked_gates_and_sent_golden_rows_is_not_said_to_have_done_neither():
    page = as_html(report_of(known(failure=failure_of(KeyboardInterrupt()), version=None)))

    assert "Which gates were asked is not told: the run ended before all of them were" in page
    assert "No job for the input is known." in page
    assert "No gate was reached" not in page
    assert "No job was sent" not in page


def test_how_jobs_were_polled_is_one_line():
    polled = [
        attempt().model_copy(update={"status_calls": calls, "noticed_after_seconds": seconds})
        for calls, seconds in ((3, 0.5), (4, 1.5), (None, None))
    ]
    page = as_html(report_of(known(stories=[story(str(index), one) for index, one in enumerate(polled)])))

    assert "3.5 status calls a job; the end of a job is noticed after 1.0 s." in page


@pytest.mark.parametrize(
    "counts",
    [(0, 0, 0, 0, 0), (0, 100, 0, 0, 0), (5, 0, 0, 0, 5)],
    ids=["no value", "one bin", "values beyond the edges of the last good run"],
)
def test_a_histogram_is_drawn_within_its_frame(counts: tuple[int, ...]):
    chart = histogram(ColumnPair(name="c", now=column("c", counts=counts), before=column("c")))

    svg = ET.fromstring(chart)
    assert "distribution of c: 0 to 1, mean 0.5; in the last good run" in svg.attrib["aria-label"]
    for bar in svg.findall("rect"):
        x, y, width, height = (float(bar.attrib[name]) for name in ("x", "y", "width", "height"))
        assert 0 <= x < x + width <= 1000.1
        assert y >= 0
        assert y + height == pytest.approx(100, abs=0.1)
    assert len(svg.findall("rect")) == sum(count > 0 for count in counts)
    assert len(svg.findall("polyline")) == 1


def test_a_distribution_with_other_edges_is_not_drawn_over_it():
    other = column("c").model_copy(update={"edges": (0.0, 0.1, 0.2, 1.0)})

    assert "<polyline" not in histogram(ColumnPair(name="c", now=column("c"), before=other))


def test_numbers_are_written_as_people_read_them():
    assert [seconds(value) for value in (4.21, 200, 7500)] == ["4.2 s", "3 min 20 s", "2 h 05 min"]
    assert [figure(value) for value in (0.5, -12.345, 1_234_567, 0, None)] == [
        *("0.5000", "\u221212.35", "1.23e+06", "0.000", "\u2013"),
    ]
    assert [share(part, 1000) for part in (0, 1, 1000)] == ["0 %", "0.10 %", "100 %"]
    assert share(1, 10**6) == "< 0.01 %"
    assert [size(value) for value in (12, 2048, 5 << 30)] == ["12 B", "2.0 KiB", "5.0 GiB"]
