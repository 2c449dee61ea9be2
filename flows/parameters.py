"""Types of parameters that several flows have.

From them and from the `Args` of a flow's docstring, Prefect makes the form of a run and the schema by which its server
checks the parameters before the run exists. (It shows no description that stands in an `Annotated`.)
"""

from datetime import date
from typing import Annotated

from pydantic import Field, StringConstraints

FilePath = Annotated[str, StringConstraints(pattern=r"\S")]
BlockName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$")]
ContractReference = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9][A-Za-z0-9_-]{0,62}|.*[^/]\.ya?ml)$")]
RunKey = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
# The server knows no formats; what a pattern cannot say, such as 30 February, is refused when the flow begins.
RunDate = Annotated[date, Field(json_schema_extra={"pattern": r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$"})]
