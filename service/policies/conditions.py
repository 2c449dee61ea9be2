"""The one expression that a `retry` may ask: what is the status of the answer?

`@(context.Response.StatusCode == 503 || context.Response.StatusCode >= 500 && context.Response.StatusCode != 501)`:
comparisons with a number, joined by `&&` and `||`, without parentheses. In a file of XML `&&` is written `&amp;&amp;`.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_OPERATORS: Mapping[str, Callable[[int, int], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_EXPRESSION = re.compile(r"@\((.*)\)", re.DOTALL)
_COMPARISON = re.compile(r"\s*context\.Response\.StatusCode\s*(==|!=|>=|<=|>|<)\s*(\d{3})\s*")


@dataclass(frozen=True, slots=True)
class Comparison:
    """The status compared with a number."""

    sign: str
    number: int

    def holds(self, status: int) -> bool:
        """Whether it is true of this status."""
        return _OPERATORS[self.sign](status, self.number)


@dataclass(frozen=True, slots=True)
class StatusCondition:
    """True if all comparisons of one alternative are."""

    alternatives: tuple[tuple[Comparison, ...], ...]

    def holds(self, status: int) -> bool:
        """Whether it is true of this status."""
        return any(all(each.holds(status) for each in alternative) for alternative in self.alternatives)


def parse_condition(text: str) -> StatusCondition | None:
    """The condition that `text` spells, None if it is another expression than this module knows."""
    expression = _EXPRESSION.fullmatch(text.strip())
    if expression is None:
        return None
    alternatives = []
    for alternative in expression[1].split("||"):
        found = [_COMPARISON.fullmatch(each) for each in alternative.split("&&")]
        comparisons = tuple(Comparison(each[1], int(each[2])) for each in found if each)
        if len(comparisons) < len(found):
            return None
        alternatives.append(comparisons)
    return StatusCondition(tuple(alternatives))
