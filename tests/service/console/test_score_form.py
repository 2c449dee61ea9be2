"""The Test form: one typed field for each column, the row that comes back, and errors in words."""

import pytest

from tests.service.console import odd_service
from tests.service.console.conftest import Stack
from tests.service.console.running import Console, Page
from tests.service.console.test_pages import assert_nothing_runs

ODD_FORM = f"/console/services/{odd_service.SERVICE}/test"
GOOD = {
    "input-0-0": "This is a good day",
    "input-0-1": "1",
    "input-0-2": "1.5",
    "input-0-3": "true",
    "parameter-0": "2",
}


def sent(stack: Stack, **form: str) -> Page:
    return stack.console.post(f"/console/services/{stack.endpoint.service}/test", form)


def test_text_of_the_guide_gives_the_row_of_the_guide(stack: Stack) -> None:
    page = sent(stack, **{"input-0-0": "This is a good day", "parameter-0": "3", "parameter-1": "2"})
    assert page.status == 200
    assert "output1 1 1 2 2 0 2 0 1 Column Type Value" in page.text
    assert "Col2_HashingFeature.2 Int32 2" in page.text
    assert page.element("input-0-0")["value"] == "This is a good day"


def test_empty_global_parameter_takes_its_default(stack: Stack) -> None:
    page = sent(stack, **{"input-0-0": "This is a good day", "parameter-0": "", "parameter-1": ""})
    assert "1 1 2 2 0 2 0 1" in page.text


def test_row_that_is_too_wide_to_show_is_cut_and_counted(stack: Stack) -> None:
    page = sent(stack, **{"input-0-0": "a", "parameter-0": "16"})
    assert page.status == 200
    assert page.html.count("<tr>") == 1_001
    assert "… and 64536 more columns." in page.text


def test_refusal_is_told_in_the_documented_words(stack: Stack) -> None:
    page = sent(stack, **{"input-0-0": "a", "parameter-0": "99"})
    assert page.status == 400
    assert "400 BadArgument : Invalid argument provided. BadParameterValue : The parameter value" in page.text
    assert "it must be in the range 1 to 16." in page.text
    assert page.element("parameter-0")["value"] == "99"


def test_each_type_has_its_field(odd_console: Console) -> None:
    page = odd_console.get(ODD_FORM)
    assert page.element("input-0-1")["inputmode"] == "numeric"
    assert page.element("input-0-2")["inputmode"] == "decimal"
    assert [tag for tag, attributes in page.elements if attributes.get("id") == "input-0-3"] == ["select"]
    assert page.element("input-0-4")["placeholder"] == "2024-08-31T12:00:00"
    assert "required" in page.element("parameter-0")
    labels = {attributes["for"] for tag, attributes in page.elements if tag == "label"}
    assert labels == {*(f"input-0-{index}" for index in range(5)), "parameter-0"}


def test_all_types_are_taken(odd_console: Console) -> None:
    page = odd_console.post(ODD_FORM, {**GOOD, "input-0-4": "2024-08-31T12:00:00"})
    assert page.status == 200
    assert "Result output1" in page.text
    assert_nothing_runs(page)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("input-0-1", "many", "row 1 of input"),
        ("input-0-1", str(2**31), "has no Int32 in column 'count'"),
        ("input-0-2", "1,5", "has no Double in column 'share'"),
        ("input-0-3", "perhaps", "has no Boolean in column 'is good'"),
        ("input-0-4", "<b>now</b>", "has no DateTime in column 'when'"),
        ("parameter-0", "", "MissingRequiredGlobalParameters"),
        ("parameter-0", "0.4", "it must be in the range 0.5 to inf"),
    ],
)
def test_value_of_another_type_is_told_where_it_is(odd_console: Console, field: str, value: str, words: str) -> None:
    page = odd_console.post(ODD_FORM, {**GOOD, field: value})
    assert page.status == 400
    assert words in page.text
    assert_nothing_runs(page)


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "\" onfocus='alert(1)' autofocus", "{{ 7 * 7 }}", "\u202e\x00é\r\n"]
)
def test_what_was_typed_comes_back_as_text(odd_console: Console, text: str) -> None:
    page = odd_console.post(ODD_FORM, {**GOOD, "input-0-0": text})
    assert page.status == 200
    assert "49" not in page.html
    assert_nothing_runs(page)
    shown = page.element("input-0-0")["value"]
    assert shown == text


def test_texts_that_are_typed_are_not_logged(stack: Stack) -> None:
    sent(stack, **{"input-0-0": "a secret text", "parameter-0": "99"})
    log = stack.console.log.read_text()
    assert f"/console/services/{stack.endpoint.service}/test 400" in log
    assert "secret" not in log
