import pytest

from scoring.counted import be, counted


@pytest.mark.parametrize(("number", "sentence"), [(0, "0 rows are"), (1, "1 row is"), (2000, "2,000 rows are")])
def test_what_is_counted_and_its_verb_follow_the_number(number: int, sentence: str):
    assert f"{counted(number, 'row')} {be(number)}" == sentence
