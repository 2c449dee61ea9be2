"""Which of many cases every change is tested with; all of them are run by `make test-slow` and `make test-faults`."""

from collections.abc import Iterable
from typing import Any

import pytest

_Case = type(pytest.param())


def sampled(cases: Iterable[Any], n_always: int) -> list[Any]:
    """The cases as parameters, of which some are always run, at equal distances, and the others only in campaigns."""
    cases = list(cases)
    always = {round(number * (len(cases) - 1) / max(1, n_always - 1)) for number in range(n_always)}
    return [case if place in always else _only_in_campaigns(case) for place, case in enumerate(cases)]


def _only_in_campaigns(case: Any) -> Any:
    whole = case if isinstance(case, _Case) else pytest.param(case)
    return pytest.param(*whole.values, id=whole.id, marks=[*whole.marks, pytest.mark.slow])
