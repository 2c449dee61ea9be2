"""Numbers in sentences: `1 row is`, `2,000 rows are`."""


def counted(number: int, noun: str) -> str:
    """The number and what it counts, in the form that follows it."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def be(number: int) -> str:
    """`is` or `are`, as it follows the number."""
    return "is" if number == 1 else "are"
