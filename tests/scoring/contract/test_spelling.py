from scoring.contract.spelling import choose_from, listed, nearest, one_line, shown


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


def test_choose_from_names_a_few_of_many_and_cuts_each():
    names = [f"c{place}" for place in range(10_000)]

    assert choose_from("nothing", names).endswith(
        "Known are: c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11 and 9,988 more."
    )
    assert choose_from("nothing", ["x" * 1000]) == f"Known are: {'x' * 80}…."


def test_a_list_is_cut_and_says_how_many_more_there_are():
    assert listed(["a", "b"], at_most=2) == "a, b"
    assert listed(["a", "b", "c"], at_most=2) == "a, b and 1 more"
    assert listed(["a", "b"], at_most=2, n_all=9) == "a, b and 7 more"


def test_a_text_of_several_lines_becomes_one():
    assert one_line("a\n  b\r\n\u2028c") == "a b c"
