"""Which of many cases every change is tested with; all of them are run by `make test-slow` and `make test-faults`."""

from collections.abc import Iterable
from typing import Any

import pytest


def sampled(cases: Iterable[Any], n_always: int) -> list[Any]:
    """The cases as parameters, of which some are always run, at equal distances, and the others only in campaigns."""
    cases = list(cases)
    always = {round(number * (len(cases) - 1) / max(1, n_always - 1)) for number in range(n_always)}
    return [case if place in always else _only_in_campaigns(case) for place, case in enumerate(cases)]


def _only_in_campaigns(case: Any) -> Any:
    values, case_id = (case.values, case.id) if hasattr(case, "values") and hasattr(case, "marks") else ((case,), None)
    return pytest.param(*values, id=case_id, marks=pytest.mark.slow)
