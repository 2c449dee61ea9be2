from scoring.contract.spelling import choose_from, nearest, shown


def test_nearest_overlooks_case_and_outer_blanks():
    assert nearest(" col1 ", ["review_id", "Col1"]) == "Col1"


def test_nearest_is_none_when_no_name_is_near():
    assert nearest("price", ["review_id", "Col1"]) is None


def test_choose_from_asks_and_lists_what_is_known():
    assert choose_from("Col_1", ["Col1", "Col2"]) == "Did you mean 'Col1'? Known are: Col1, Col2."


def test_choose_from_says_so_when_nothing_is_known():
    assert choose_from("reviews", []) == "Known are: none."


def test_shown_cuts_long_texts_and_escapes_control_characters():
    assert shown("a\x1b[31m") == r"'a\x1b[31m'"
    assert shown("x" * 1000) == "'" + "x" * 80 + "'…"
