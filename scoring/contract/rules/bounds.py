"""The bounds of a rule: from its kwargs, in words, and against a whole column at once."""

import math
from dataclasses import dataclass, replace
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from scoring.contract.problem import ContractProblem
from scoring.contract.rules.column_types import ColumnType
from scoring.contract.rules.masks import Mask, any_of, if_any
from scoring.contract.rules.members import FLAG, Kwargs, Member, in_words, is_number

Bound = int | float | str

NEEDS: Final = ("min_value", "max_value")

# Beyond all integers that a contract takes, and within 64 bits.
_BEYOND_INTEGERS: Final = 10**18


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """A lowest and a highest value, of which one may be missing.

    Args:
        above: Whether the lowest value itself is outside.
        below: Whether the highest value itself is outside.
    """

    lowest: Bound | None = None
    highest: Bound | None = None
    above: bool = False
    below: bool = False

    @classmethod
    def of(cls, kwargs: Kwargs) -> "Bounds":
        """Read min_value, max_value, strict_min and strict_max."""
        lowest, highest = kwargs.get("min_value"), kwargs.get("max_value")
        return cls(
            lowest=lowest if isinstance(lowest, Bound) else None,
            highest=highest if isinstance(highest, Bound) else None,
            above=bool(kwargs.get("strict_min")),
            below=bool(kwargs.get("strict_max")),
        )

    @property
    def in_words(self) -> str:
        """`between 1 and 5`, `at least 1`, `above 0 and at most 1`."""
        if self.lowest is not None and self.highest is not None and not self.above and not self.below:
            return f"between {_shown(self.lowest)} and {_shown(self.highest)}"
        parts = []
        if self.lowest is not None:
            parts.append(f"{'above' if self.above else 'at least'} {_shown(self.lowest)}")
        if self.highest is not None:
            parts.append(f"{'below' if self.below else 'at most'} {_shown(self.highest)}")
        return " and ".join(parts)

    def fitted_to(self, type_: ColumnType) -> "Bounds":
        """Return bounds that compare with values of that type without any of the two being rounded."""
        if type_ == "float":
            return replace(self, lowest=_as_float(self.lowest), highest=_as_float(self.highest))
        return self._of_integers() if type_ == "integer" else self

    def _of_integers(self) -> "Bounds":
        """The same integers lie between them: 0.5 to 2.5 is 1 to 2, and above 1 is at least 2."""
        lowest, highest = self.lowest, self.highest
        if isinstance(lowest, int | float):
            lowest = _clipped(math.floor(lowest) + 1 if self.above else math.ceil(lowest))
        if isinstance(highest, int | float):
            highest = _clipped(math.ceil(highest) - 1 if self.below else math.floor(highest))
        return Bounds(lowest=lowest, highest=highest)

    def outside(self, values: pa.Array) -> Mask:
        """Return where values lie outside; null lies nowhere.

        Args:
            values: Of the type that these bounds are fitted to.
        """
        low = high = None
        if self.lowest is not None:
            too_low = pc.less_equal if self.above else pc.less
            low = if_any(too_low(values, pa.scalar(self.lowest, values.type)))
        if self.highest is not None:
            too_high = pc.greater_equal if self.below else pc.greater
            high = if_any(too_high(values, pa.scalar(self.highest, values.type)))
        return any_of((low, high))


def members(kind: Member) -> dict[str, Member]:
    """Return the members of an expectation that has bounds of that kind."""
    return {"min_value": kind, "max_value": kind, "strict_min": FLAG, "strict_max": FLAG}


def check_order(kwargs: Kwargs) -> None:
    """Refuse bounds between which nothing lies.

    Raises:
        ContractProblem: The lowest is above the highest, or is the highest and excluded.
    """
    lowest, highest = kwargs.get("min_value"), kwargs.get("max_value")
    same_kind = (is_number(lowest) and is_number(highest)) or (isinstance(lowest, str) and isinstance(highest, str))
    if not same_kind:
        return
    if lowest > highest:  # type: ignore[operator]
        raise ContractProblem("kwargs", f"min_value {lowest} is above max_value {highest}.", "Swap them.")
    if lowest == highest and (kwargs.get("strict_min") or kwargs.get("strict_max")):
        raise ContractProblem("kwargs", f"Nothing lies between {lowest} and itself.", "Leave out strict_min and _max.")


def _shown(bound: Bound) -> str:
    return bound if isinstance(bound, str) else in_words(bound)


def _as_float(bound: Bound | None) -> Bound | None:
    return float(bound) if isinstance(bound, int) else bound


def _clipped(bound: int) -> int:
    return max(-_BEYOND_INTEGERS, min(bound, _BEYOND_INTEGERS))
