"""Each known client of BES does its work, at the web service's own address and behind the gateway."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.conformance.dotnet_clients import (
    adf,
    adf_with,
    azuremlps,
    azuremlps_with,
    dotnet_sdk,
    microsoft_csharp,
    microsoft_csharp_with,
)
from tests.conformance.java_clients import bonapetite, nk773
from tests.conformance.other_clients import (
    dataspider,
    dataspider_start,
    dataspider_wait,
    of_february_2015,
    task_factory,
    task_factory_with,
)
from tests.conformance.python_clients import azmlclient, azmlclient_with, seed
from tests.conformance.sites import INPUT, NO_OUTPUT, OUTPUT, TEXT, TWO_PORTS, Site
from tests.conformance.told import JobFailed, Refused
from tests.service.held_storage import HeldStorage

Client = Callable[[Site, str], str]

CLIENTS = [
    seed, azmlclient, azuremlps, bonapetite, nk773, microsoft_csharp, dotnet_sdk, adf, task_factory, dataspider,
]  # fmt: skip
EMPTY = ",".join("0" * 8)


def name_of(client: Client) -> str:
    return client.__name__


@pytest.mark.parametrize("client", CLIENTS, ids=name_of)
def test_client_brings_the_output_home(site: Site, client: Client) -> None:
    assert client(site, INPUT).splitlines() == OUTPUT


@pytest.mark.parametrize(
    "client", [seed, azmlclient, azuremlps, microsoft_csharp, dotnet_sdk, adf], ids=name_of
)  # fmt: skip
def test_client_tells_its_user_why_the_job_failed(direct: Site, client: Client) -> None:
    with pytest.raises(JobFailed, match="column 'Col2' is missing from the header"):
        client(direct, f"Text\n{TEXT}\n")


@pytest.mark.parametrize(
    "client", [seed, azmlclient, azuremlps, bonapetite, microsoft_csharp, dotnet_sdk, adf], ids=name_of
)
def test_client_tells_its_user_why_it_was_refused(site: Site, client: Client) -> None:
    with pytest.raises(Refused, match="Invalid credentials provided"):
        client(replace(site, api_key="wrong"), INPUT)


@pytest.mark.parametrize("client", [of_february_2015, bonapetite], ids=name_of)
def test_client_that_knows_the_contract_of_2015_brings_the_output_home(of_2015: Site, client: Client) -> None:
    assert client(of_2015, INPUT).splitlines() == OUTPUT


def test_client_of_2015_tells_its_user_why_the_job_failed(of_2015: Site) -> None:
    with pytest.raises(JobFailed, match="column 'Col2' is missing from the header"):
        of_february_2015(of_2015, f"Text\n{TEXT}\n")


SECOND_INPUT = f"Rating,Col2\n5,\n1,{TEXT}\n"
SECOND_OUTPUT = [OUTPUT[0], EMPTY, OUTPUT[1]]


def test_azmlclient_sends_two_inputs_and_gets_two_outputs(direct: Site) -> None:
    outputs = azmlclient_with(
        direct.at(TWO_PORTS), {"input1": INPUT, "input2": SECOND_INPUT}, ["output1", "output2"], {"Random seed": 3}
    )
    assert {name: text.splitlines() for name, text in outputs.items()} == {"output1": OUTPUT, "output2": SECOND_OUTPUT}


def test_azuremlps_sends_two_inputs_and_the_number_of_its_readme(direct: Site) -> None:
    outputs = {"output1": direct.new_blob(), "output2": direct.new_blob()}
    inputs = {"input1": direct.upload(INPUT), "input2": direct.upload(SECOND_INPUT)}
    job = {
        "GlobalParameters": {"Random seed": 12345},
        "Inputs": {name: direct.reference(path) for name, path in inputs.items()},
        "Outputs": {name: direct.reference(path) for name, path in outputs.items()},
    }
    azuremlps_with(direct.at(TWO_PORTS), json.dumps(job))
    assert [direct.download(path).splitlines() for path in outputs.values()] == [OUTPUT, SECOND_OUTPUT]


def test_adf_maps_two_inputs_and_overrides_one_of_two_outputs(direct: Site) -> None:
    inputs = {"input1": direct.upload(INPUT), "input2": direct.upload(SECOND_INPUT)}
    output = direct.new_blob()
    adf_with(
        direct.at(TWO_PORTS),
        {name: direct.reference(path) for name, path in inputs.items()},
        {"output2": direct.reference(output)},
        {"Random seed": "3"},
    )
    assert direct.download(output).splitlines() == SECOND_OUTPUT


REPORTED = {
    ("input1", "vishal/training/input"): (
        "The blob reference: vishal/training/input has an invalid or missing file extension. Supported file extensions "
        'for this output type are: ".csv, .tsv'
    ),
    ("AMLInput", "vishal/input.csv"): (
        "Invalid service input name(s) specified in the request: AMLInput. Please map the input data to the correct "
        "service inputs and try again."
    ),
}


@pytest.mark.parametrize(("port", "blob"), REPORTED)
def test_adf_shows_the_refusals_that_its_users_reported(direct: Site, port: str, blob: str) -> None:
    with pytest.raises(Refused) as refused:
        adf_with(direct, {port: direct.reference(blob)}, {}, {})
    assert f"/jobs was 'Invalid argument provided. {REPORTED[port, blob]}" in str(refused.value)


def test_azmlclient_does_not_wait_for_ever_for_a_service_without_outputs(direct: Site) -> None:
    assert azmlclient_with(direct.at(NO_OUTPUT), {"input1": INPUT}, []) == {}


def test_microsoft_csharp_deletes_the_job_after_its_time_out_and_goes_by_what_it_saw_before(
    direct: Site, slow_storage: HeldStorage
) -> None:
    source = slow_storage.reference("csharp.csv")
    status = microsoft_csharp_with(direct, "", timeout_seconds=0.2, source=source)
    assert status["StatusCode"] in ("NotStarted", "Running")
    assert (status["Results"], status["Details"]) == (None, None)


def test_task_factory_sends_a_cancel_after_its_time_out(direct: Site, slow_storage: HeldStorage) -> None:
    output = direct.new_blob()
    source = slow_storage.reference("task-factory.csv")
    assert task_factory_with(direct, source, output, timeout_seconds=0.2) == "Cancelled"
    assert not direct.exists(output)


def test_dataspider_need_not_wait_for_its_job(site: Site) -> None:
    job_id = dataspider_start(site, INPUT)
    assert list(dataspider_wait(site, job_id)["Results"]) == ["output1"]
