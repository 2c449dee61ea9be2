"""What the list of constraints asks of a client: ours, against the real service."""

import pytest

from bes.client import BesClient
from bes.errors import Unavailable
from bes.polling import JobFeed, PollingPlan, poll_jobs
from bes.protocol import BlobReference, JobRequest, JobState, JobStatus
from bes.settings import EndpointSettings
from tests.conformance.calls import arm, status
from tests.conformance.sites import INPUT, Site
from tests.conformance.wire import DEADLINE_SECONDS, send


def our_client(site: Site) -> BesClient:
    endpoint = EndpointSettings(
        url=site.address,
        workspace=site.workspace,
        service=site.service,
        api_key=site.api_key,
        # The web service's own address takes any.
        subscription_key=site.subscription_key or "none",
    )
    return BesClient(endpoint)


def request_of(site: Site) -> JobRequest:
    return JobRequest(input=BlobReference.model_validate(site.reference(site.upload(INPUT))))


class Ends:
    """Waits with our client, and remembers how jobs ended."""

    def __init__(self, client: BesClient) -> None:
        self.read_status = client.status
        self.states: dict[str, JobState] = {}

    def judge(self, _job_id: str, state: JobState) -> JobState:
        return state

    def changed(self, job_id: str, state: JobState) -> None:
        self.states[job_id] = state

    ended = changed


def test_our_client_reads_statuses_as_texts_and_as_numbers(site: Site, of_2015: Site) -> None:
    for address in (site, of_2015):
        with our_client(address) as client:
            job_id = client.submit(request_of(address))
            assert client.status(job_id).status is JobStatus.NOT_STARTED
            client.start(job_id)
            end = Ends(client)
            poll_jobs(end, JobFeed.of([job_id]), plan=PollingPlan(deadline_seconds=DEADLINE_SECONDS))
            assert end.states[job_id].status is JobStatus.FINISHED


def test_our_client_reads_cancelled_in_both_spellings(faulty: Site) -> None:
    with our_client(faulty) as client:
        job_id = client.submit(request_of(faulty))
        client.delete(job_id)
        arm(faulty, kind="canceled")
        assert status(faulty, job_id).json["StatusCode"] == "Canceled"
        arm(faulty, kind="canceled")
        assert [client.status(job_id).status for _ in range(2)] == [JobStatus.CANCELLED] * 2


def test_our_client_submits_once_whatever_becomes_of_the_answer(faulty: Site) -> None:
    arm(faulty, kind="drop", operation="submit", when="after")
    with our_client(faulty) as client:
        with pytest.raises(Unavailable) as lost:
            client.submit(request_of(faulty))
        assert lost.value.was_sent
    assert len(send("GET", f"{faulty.address}/faults", []).json["served"]) == 1
