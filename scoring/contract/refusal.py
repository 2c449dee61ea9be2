"""An input that is refused after its rows were looked at, with what was found."""

from collections.abc import Sequence

from bes.errors import InputError
from scoring.contract.findings import Finding


class InputRefused(InputError):
    """The rows of an input, or the input as a whole, break the contract.

    Args:
        findings: Rules that rows break, the most frequent first.
        n_quarantined: Rows that break a critical one; of an input that was not read to its end, at least so many.
        n_input: All rows; None when not all were read.
    """

    def __init__(
        self, what: str, next_step: str, findings: Sequence[Finding], n_quarantined: int, n_input: int | None
    ) -> None:
        super().__init__(what, next_step, tuple(findings), n_quarantined, n_input)
        self.findings = tuple(findings)
        self.n_quarantined = n_quarantined
        self.n_input = n_input
