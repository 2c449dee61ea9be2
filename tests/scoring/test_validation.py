"""What names a contract in the key of a run."""

from pathlib import Path

from scoring.contract.loading import load_contract
from scoring.contract.model import Tolerance
from scoring.validation import digest_of


def test_a_contract_that_bears_more_bad_rows_is_the_same_and_one_that_sends_other_columns_is_not(repository: Path):
    contract = load_contract("book_reviews", repository / "data/contracts")
    more = contract.model_copy(update={"tolerance": Tolerance(rows=5)})
    other = contract.model_copy(update={"passthrough": ()})
    assert digest_of(more) == digest_of(contract) != digest_of(other)
