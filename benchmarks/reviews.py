"""Book reviews of any size, written the same way every time, with faults at places that are told."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HEADER = "id,title,review,rating,helpful,price,lang,posted_at"

_WORDS = (  # noqa: SIM905 (as a list it would take eighty lines)
    "the a of and to in this book story author character plot was is I it very really loved hated chapter ending slow"
    " brilliant dull prose “magnificent” café naïve résumé 日本語 本 книга хорошая 😀 📚 but because never again would"
    ' recommend friend, family, however, "masterpiece" "so-called" don\'t it\'s page-turner twist Łódź Ünïcödé — … 5/5'
    " 100% #1 & <i>italic</i> e.g. i.e."
).split()
_LANGUAGES = ("en", "de", "fr", "ja", "ru")
_N_REVIEWS = 20_000
_N_TITLES = 3_000
_BATCH_ROWS = 5_000
_NEW_LINE_SHARE = 0.4
_CRLF_SHARE = 0.02

# What is written in place of a record, and what the contract must find there. {n} is the number of the record.
_FAULTS = {
    "ragged_row": '{n},title,"a, review",4,1,3.00,en\n',
    "bad_encoding": "{n},title,a review \udcff,4,1,3.00,en,2024-01-01T00:00:00Z\n",
    "nul": "{n},title,a\0review,4,1,3.00,en,2024-01-01T00:00:00Z\n",
    "bad_quoting": '{n},title,"closed" too early,4,1,3.00,en,2024-01-01T00:00:00Z\n',
    "blank_line": "\n",
    "type": "{n},title,a review,five,1,3.00,en,2024-01-01T00:00:00Z\n",
    "expect_column_values_to_not_be_null": "{n},title,,4,1,3.00,en,2024-01-01T00:00:00Z\n",
    "expect_column_values_to_be_between": "{n},title,a review,9,1,3.00,en,2024-01-01T00:00:00Z\n",
    "expect_column_value_lengths_to_be_between": "{n},title,x,4,1,3.00,en,2024-01-01T00:00:00Z\n",
    "expect_column_values_to_be_in_set": "{n},title,a review,4,1,3.00,xx,2024-01-01T00:00:00Z\n",
    "expect_column_values_to_match_regex": "{n},title,a review,4,1,3.00,en,12/31/2024\n",
    "expect_column_values_to_be_unique": "1,title,a review,4,1,3.00,en,2024-01-01T00:00:00Z\n",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A record that is wrong: which one, from 1; the physical line on which it begins, from 1; the rule it breaks."""

    record: int
    line: int
    rule: str


def write_reviews(path: Path, size_bytes: int, *, fault_share: float = 0.0, seed: int = 7) -> list[Fault]:
    """Write a file of about so many bytes; the same arguments give the same bytes.

    Args:
        path: Where to.
        size_bytes: About how many.
        fault_share: Share of the records that are wrong in a way of `_FAULTS`.
        seed: Of the choices.

    Returns:
        All records that are wrong. Where keys are there twice, the first record is one of them.
    """
    rnd = random.Random(seed)  # noqa: S311 (the same file each time is what is wanted)
    reviews = [_quoted(_review(rnd)) for _ in range(_N_REVIEWS)]
    titles = [_quoted(" ".join(rnd.choices(_WORDS, k=rnd.randint(2, 7)))) for _ in range(_N_TITLES)]
    faults: list[Fault] = []
    number, line, n_bytes = 0, 2, 0
    with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        n_bytes += file.write(HEADER + "\n")
        while n_bytes < size_bytes:
            records = []
            for _ in range(_BATCH_ROWS):
                number += 1
                record = _record(number, titles[number % _N_TITLES], reviews[rnd.randrange(_N_REVIEWS)], rnd)
                if number > 1 and rnd.random() < fault_share:
                    rule = rnd.choice(list(_FAULTS))
                    record = _FAULTS[rule].format(n=number)
                    faults.append(Fault(record=number, line=line, rule=rule))
                records.append(record)
                line += record.count("\n")
            text = "".join(records)
            file.write(text)
            n_bytes += len(text.encode(errors="surrogateescape"))
    if any(fault.rule == "expect_column_values_to_be_unique" for fault in faults):
        faults.insert(0, Fault(record=1, line=2, rule="expect_column_values_to_be_unique"))
    return faults


def contract_document() -> dict[str, object]:
    """The contract of these files: 8 columns and 13 expectations."""
    return {
        "name": "generated_reviews",
        "key": "id",
        "columns": {
            "id": "integer",
            "title": "string",
            "review": "string",
            "rating": "integer",
            "helpful": "integer",
            "price": "float",
            "lang": "string",
            "posted_at": "string",
        },
        "inputs": {"input1": ["review"]},
        "output": "output1",
        "suite": {"expectations": list(_expectations())},
    }


def _expectations() -> Iterator[dict[str, object]]:
    timestamp = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"
    yield _expectation("expect_table_columns_to_match_ordered_list", column_list=HEADER.split(","))
    yield _expectation("expect_table_row_count_to_be_between", min_value=1)
    yield _expectation("expect_column_values_to_not_be_null", column="id")
    yield _expectation("expect_column_values_to_be_unique", column="id")
    yield _expectation("expect_column_values_to_not_be_null", column="review")
    yield _expectation("expect_column_values_to_not_be_null", column="rating")
    yield _expectation("expect_column_values_to_be_between", column="rating", min_value=1, max_value=5)
    yield _expectation("expect_column_values_to_be_between", column="price", min_value=0, max_value=1000)
    yield _expectation("expect_column_value_lengths_to_be_between", column="review", min_value=2, max_value=20000)
    yield _expectation("expect_column_values_to_be_in_set", column="lang", value_set=list(_LANGUAGES))
    yield _expectation("expect_column_values_to_match_regex", column="posted_at", regex=timestamp)
    yield _expectation("expect_column_mean_to_be_between", column="rating", min_value=1, max_value=5)
    yield _expectation("expect_column_stdev_to_be_between", column="price", min_value=0, max_value=100)


def _expectation(type_: str, **kwargs: object) -> dict[str, object]:
    return {"type": type_, "kwargs": kwargs, "severity": "critical"}


def _record(number: int, title: str, review: str, rnd: random.Random) -> str:
    posted = f"2024-{1 + number % 12:02d}-{1 + number % 28:02d}T{number % 24:02d}:{number % 60:02d}:00Z"
    price, helpful = f"{rnd.random() * 80 + 1:.2f}", rnd.randrange(500)
    return f"{number},{title},{review},{1 + number % 5},{helpful},{price},{_LANGUAGES[number % 5]},{posted}\n"


def _review(rnd: random.Random) -> str:
    words = rnd.choices(_WORDS, k=max(5, int(rnd.lognormvariate(4.2, 0.6))))
    for place in range(0, len(words), 37):
        if rnd.random() < _NEW_LINE_SHARE:
            words[place] += "\n"
    if rnd.random() < _CRLF_SHARE:
        words.append("\r\n")
    return " ".join(words).strip()


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\n\r') else text
