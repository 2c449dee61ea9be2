"""The contract of the book reviews, and files to check against it."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from scoring.contract.check import CheckedInput, check_input
from scoring.contract.loading import load_contract
from scoring.contract.model import Contract, Tolerance


@pytest.fixture(scope="session")
def contracts_dir(repository: Path) -> Path:
    return repository / "data" / "contracts"


@pytest.fixture(scope="session")
def contract(contracts_dir: Path) -> Contract:
    """That of the book reviews, as patient as files of a few rows need it."""
    return load_contract("book_reviews", contracts_dir).model_copy(update={"tolerance": Tolerance()})


@pytest.fixture
def write_csv(tmp_path: Path) -> Callable[..., Path]:
    """Write rows below the header of the book reviews, or below another one."""

    def write(
        rows: Sequence[Sequence[str]], name: str = "reviews.csv", header: Sequence[str] = ("review_id", "Col1", "Col2")
    ) -> Path:
        path = tmp_path / name
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            writer.writerows(rows)
        return path

    return write


@pytest.fixture
def check(tmp_path: Path, contract: Contract) -> Callable[..., CheckedInput]:
    """Check files against the contract of the book reviews, or against another one."""

    def check(*paths: Path, against: Contract = contract, **options: Any) -> CheckedInput:
        return check_input(
            paths,
            against,
            docs_dir=tmp_path / "docs",
            quarantine_path=tmp_path / "quarantine.csv",
            run_name="nightly",
            **options,
        )

    return check
