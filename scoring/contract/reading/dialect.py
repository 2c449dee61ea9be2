"""How the files of a contract are written: delimiter, quote, encoding, and whether there is a header."""

from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from scoring.contract.problem import ContractProblem

# A record of more than this is the rest of a file behind a quote that was never closed.
MAX_RECORD_BYTES: Final = 8 * 1024 * 1024

# Encodings in which delimiters, quotes and line ends are the single bytes of ASCII, and nothing else is.
Encoding = Literal["utf-8", "latin-1", "iso8859-15", "cp1250", "cp1252"]


class Dialect(BaseModel):
    """RFC 4180's by default: commas, double quotes doubled inside quotes, UTF-8, one header line.

    Args:
        delimiter: One ASCII character between the fields of a record.
        quote: One ASCII character around fields that hold delimiters or line ends; None for files without quotes.
        encoding: Of the bytes; a byte order mark of UTF-8 is taken for one.
        header: Whether the first record holds the names of the columns.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    delimiter: str = ","
    quote: str | None = '"'
    encoding: Encoding = "utf-8"
    header: bool = True

    @model_validator(mode="after")
    def _can_be_told_apart(self) -> Self:
        for member, mark in (("delimiter", self.delimiter), ("quote", self.quote)):
            if mark is not None and (len(mark) != 1 or not mark.isascii() or mark in "\r\n\0"):
                raise ContractProblem(member, f"{mark!r} is not one ASCII character.", "Give one, such as ';'.")
        if self.delimiter == self.quote:
            raise ContractProblem("quote", f"{self.quote!r} is the delimiter as well.", "Give two different ones.")
        return self
