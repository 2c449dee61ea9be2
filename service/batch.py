"""The bodies of BES: what a submit orders, checked before anything is registered, and what a status tells."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from pydantic import JsonValue

from bes.protocol import BlobReference, JobRequest, JobState, wire_time
from service import error_codes
from service.bodies import read_model, read_object
from service.declaration import WebService
from service.errors import did_you_mean
from service.jobs import Job, JobOrder, JobPhase
from service.parameters import resolve_parameters
from service.places import BlobPlace, locate, same_blob
from service.storage import read_link
from service.storage_policy import StoragePolicy


def read_order(body: bytes, service: WebService, policy: StoragePolicy) -> JobOrder:
    """What the body of a submit asks for.

    Raises:
        ServiceError: The documented error for the first thing that is wrong with it.
    """
    request = read_model(JobRequest, read_object(body))
    inputs = _inputs(request, service)
    outputs = _outputs(request, service)
    _check_distinct([policy.place(reference) for reference in inputs.values()], map(policy.place, outputs.values()))
    if policy.own_account is None:
        missing = [port.name for port in service.outputs if port.name not in outputs]
        if missing:
            raise error_codes.MISSING_REQUIRED_OUTPUT_OVERRIDES(", ".join(missing))
    return JobOrder(
        inputs=inputs,
        outputs={port.name: outputs.get(port.name) for port in service.outputs},
        parameters=resolve_parameters(request.global_parameters, service.global_parameters, api="BES"),
    )


def _inputs(request: JobRequest, service: WebService) -> dict[str, BlobReference]:
    if request.input is not None and request.inputs is not None:
        raise error_codes.DUPLICATE_INPUT_IN_BATCH_CALL()
    ports = [port.name for port in service.inputs]
    given = {ports[0]: request.input} if request.input is not None else dict(request.inputs or {})
    unknown = [name for name in given if name not in ports]
    if unknown:
        raise error_codes.INVALID_INPUT_NAMES(", ".join(unknown), hint=did_you_mean(unknown[0], ports))
    missing = [name for name in ports if name not in given]
    if missing:
        raise error_codes.BATCH_JOB_INPUTS_NOT_SPECIFIED(", ".join(missing))
    return _filled_in(given)


def _filled_in(given: Mapping[str, BlobReference | None]) -> dict[str, BlobReference]:
    references = {name: reference for name, reference in given.items() if reference is not None}
    if len(references) < len(given):
        raise error_codes.MISSING_INPUT_BLOB_INFORMATION()
    return references


def _outputs(request: JobRequest, service: WebService) -> dict[str, BlobReference]:
    if request.output is not None and request.outputs is not None:
        raise error_codes.REQUEST_BODY_INVALID(hint="Output and Outputs cannot both be given.")
    ports = [port.name for port in service.outputs]
    if request.output is not None and not ports:
        raise error_codes.INVALID_OUTPUT_OVERRIDE_NAME("Output")
    given = {ports[0]: request.output} if request.output is not None else dict(request.outputs or {})
    for name, reference in given.items():
        if name not in ports:
            raise error_codes.INVALID_OUTPUT_OVERRIDE_NAME(name, hint=did_you_mean(name, ports))
        if reference is None or not (reference.connection_string or reference.base_location):
            raise error_codes.MISSING_OUTPUT_OVERRIDE_SPECIFICATION(name)
    return _filled_in(given)


def _check_distinct(inputs: Iterable[BlobPlace], outputs: Iterable[BlobPlace]) -> None:
    # A job that is run again after a crash must find its inputs as they were.
    taken = list(inputs)
    for output in outputs:
        if any(same_blob(output, place) for place in taken):
            raise error_codes.INVALID_BLOB(output, hint="An output may be neither an input nor another output.")
        taken.append(output)


def status_body(job: Job, policy: StoragePolicy, now: datetime, *, integer_codes: bool) -> dict[str, JsonValue]:
    """The body of a status answer; links to the results are signed anew each time.

    Args:
        job: The job, as it stands.
        policy: Where outputs lie.
        now: When the links are signed.
        integer_codes: Answer as in 2015: an integer `StatusCode`, and the only result as `Result`.
    """
    state = JobState(
        status=job.phase.status,
        results=_results(job, policy, now) if job.phase is JobPhase.FINISHED else None,
        details=job.details,
        created_at=wire_time(job.created_at),
        start_time=wire_time(job.started_at),
        end_time=wire_time(job.ended_at),
    )
    body = state.to_wire()
    if not integer_codes:
        return body
    results = list((state.results or {}).values())
    old = {"StatusCode": state.status.code, "Result": results[0].to_wire() if results else None}
    return {**old, **{name: value for name, value in body.items() if name not in {"StatusCode", "Results"}}}


def _results(job: Job, policy: StoragePolicy, now: datetime) -> dict[str, BlobReference]:
    return {
        name: read_link(_told_place(job, name, reference, policy), now) for name, reference in job.order.outputs.items()
    }


def _told_place(job: Job, name: str, reference: BlobReference | None, policy: StoragePolicy) -> BlobPlace:
    # The service does not go there: which hosts it may go to by now is of no matter.
    return locate(reference) if reference else policy.output_place(None, job_id=job.job_id, name=name)
