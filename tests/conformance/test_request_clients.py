"""Each known client of RRS gets the counts, at the web service's own address and behind the gateway."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from tests.conformance.dotnet_clients import azuremlps_rrs, microsoft_csharp_rrs
from tests.conformance.other_clients import r_azureml_discovered, r_azureml_rrs
from tests.conformance.python_clients import (
    azmlclient_rrs,
    azmlclient_rrs_swagger,
    azmlclient_tables,
    azureml_rrs,
    seed_rrs,
)
from tests.conformance.sites import COUNTS, NAMES, TEXT, TWO_PORTS, Site
from tests.conformance.told import Refused

Client = Callable[[Site, str], Sequence[str] | Sequence[int]]

CLIENTS = [
    seed_rrs, azmlclient_rrs, azmlclient_rrs_swagger, azuremlps_rrs, microsoft_csharp_rrs, r_azureml_rrs, azureml_rrs,
]  # fmt: skip


def name_of(client: Client) -> str:
    return client.__name__


@pytest.mark.parametrize("client", CLIENTS, ids=name_of)
def test_client_gets_the_counts_of_the_guide(site: Site, client: Client) -> None:
    assert [str(cell) for cell in client(site, TEXT)] == COUNTS


@pytest.mark.parametrize("client", CLIENTS, ids=name_of)
def test_client_tells_its_user_why_it_was_refused(site: Site, client: Client) -> None:
    with pytest.raises(Refused, match="Invalid credentials provided"):
        client(replace(site, api_key="wrong"), TEXT)


@pytest.mark.parametrize("form", ["", "&format=swagger"])
def test_azmlclient_sends_numbers_and_nulls_to_two_inputs(direct: Site, form: str) -> None:
    columns = ["Rating", "Col2"]
    rows = [[5, TEXT], [-1, None], [None, TEXT]]
    second = (
        [dict(zip(columns, row, strict=True)) for row in rows] if form else {"ColumnNames": columns, "Values": rows}
    )
    first = [{"Col2": TEXT}] if form else {"ColumnNames": ["Col2"], "Values": [[TEXT]]}
    tables = azmlclient_tables(direct.at(TWO_PORTS), {"input1": first, "input2": second}, form, {"Random seed": 12345})
    counts = [int(count) for count in COUNTS]
    assert list(tables) == ["output1", "output2"]
    assert tables["output1"].to_numpy().tolist() == [counts]
    assert tables["output2"].to_numpy().tolist() == [counts, [0] * 8, counts]
    assert list(tables["output2"].columns) == NAMES


def test_r_discovers_address_columns_and_schema_without_a_key(direct: Site) -> None:
    url, columns, schema = r_azureml_discovered(replace(direct, api_key=""))
    assert url.startswith(f"{direct.base}/execute?api-version=2.0")
    assert columns == ["Col2"]
    assert schema["properties"]["Col2"]["type"] == "string"


@pytest.mark.parametrize(("rating", "text"), [(5.0, "This is a good day"), (5, float("nan"))])
def test_azmlclient_sends_what_a_data_frame_holds(direct: Site, rating: float, text: str | float) -> None:
    """A column of whole numbers with a gap, or beside one of fractions, is one of fractions to pandas; a gap is NaN."""
    inputs = {
        "input1": {"ColumnNames": ["Col2"], "Values": [[TEXT]]},
        "input2": {"ColumnNames": ["Rating", "Col2"], "Values": [[rating, text]]},
    }
    assert len(azmlclient_tables(direct.at(TWO_PORTS), inputs)["output2"]) == 1
