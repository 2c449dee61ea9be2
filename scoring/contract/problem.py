"""One thing that is wrong in a contract, with its place and the next step."""


class ContractProblem(ValueError):
    """One thing that is wrong in a contract.

    Args:
        member: Where in the contract, from the member that is being looked at.
        what: What is wrong with it.
        next_step: What to do about it.
    """

    def __init__(self, member: str, what: str, next_step: str) -> None:
        super().__init__(member, what, next_step)
        self.member = member
        self.what = what
        self.next_step = next_step

    def under(self, parent: str) -> "ContractProblem":
        """Return the same problem, seen from one level up."""
        return ContractProblem(f"{parent}.{self.member}", self.what, self.next_step)
