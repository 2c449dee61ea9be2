"""The file of the deployments, `prefect.yaml`: read and checked as a whole before anything is deployed."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from prefect import Flow
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import MissingFlowError, ScriptError
from prefect.flows import load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools import ValidationError as SchemaError
from prefect.utilities.schema_tools import validate
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from bes.errors import ConfigurationError
from scoring.run_dates import TimeZone


def _is_cron(text: str) -> str:
    try:
        CronSchedule(cron=text)
    except ValidationError as error:
        raise ValueError(f"{text!r} is not a cron expression. Write it as in '30 3 * * *'.") from error
    return text


class Schedule(BaseModel):
    """One schedule; members that are not named here are Prefect's business.

    Args:
        slug: By which it is known when it is deployed again.
        cron: When runs are due; the clock changes are why it is no interval.
        active: None leaves a schedule as it is, so that one that an operator has paused stays so.
        parameters: Of its runs, over those of the deployment.
    """

    model_config = ConfigDict(frozen=True)

    slug: str = Field(min_length=1)
    cron: Annotated[str, AfterValidator(_is_cron)]
    timezone: TimeZone = "UTC"
    active: bool | None = None
    parameters: dict[str, Any] = {}


class _Pool(BaseModel):
    name: str


class _Limit(BaseModel):
    collision_strategy: str = "ENQUEUE"


class Deployment(BaseModel):
    """One deployment, as far as it is checked here."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(min_length=1)
    entrypoint: str = Field(min_length=1)
    parameters: dict[str, Any] = {}
    schedules: tuple[Schedule, ...] = ()
    work_pool: _Pool
    concurrency_limit: int | _Limit | None = None

    @property
    def cancels_new(self) -> bool:
        """Whether a run that finds all places taken is cancelled instead of waiting."""
        limit = self.concurrency_limit
        return isinstance(limit, _Limit) and limit.collision_strategy == "CANCEL_NEW"

    @model_validator(mode="after")
    def _slugs_differ(self) -> Self:
        twice = [slug for slug, count in Counter(schedule.slug for schedule in self.schedules).items() if count > 1]
        if twice:
            raise ValueError(f"The slug {twice[0]!r} stands twice. Give each schedule its own.")
        return self


class PrefectFile(BaseModel):
    """The deployments of a file.

    Args:
        path: Where Prefect reads them.
    """

    model_config = ConfigDict(frozen=True)

    path: Path
    deployments: tuple[Deployment, ...] = Field(min_length=1)


def read_prefect_file(path: Path) -> PrefectFile:
    """What the file says, if Prefect can deploy it.

    Raises:
        ConfigurationError: There is no such file, or it is wrong; names the member.
    """
    document = load_document(path)
    try:
        return PrefectFile(path=path, deployments=document.get("deployments") or ())
    except ValidationError as error:
        # The innermost: that a list is too short, pydantic says as well when one of its members is wrong.
        first = max(error.errors(include_url=False), key=lambda problem: len(problem["loc"]))
        raise ConfigurationError(f"{path}: {_member(document, first['loc'])}: {_said(first['msg'])}", _MEND) from error


def load_document(path: Path) -> dict[str, Any]:
    """The file as plain values.

    Raises:
        ConfigurationError: There is no such file, or it is not a mapping in YAML.
    """
    try:
        document = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{str(path)!r} cannot be read: {error.strerror}.", "Check the path.") from error
    except yaml.YAMLError as error:
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        where = f", line {mark.line + 1}" if mark else ""
        what = error.problem if isinstance(error, yaml.MarkedYAMLError) else error
        raise ConfigurationError(f"{path}{where}: It is not YAML: {what}.", _MEND) from error
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path}: It has no deployments.", "Write them as in deployments/prefect.yaml.")
    return document


def load_flows(file: PrefectFile) -> dict[str, Deployment]:
    """The deployments by their full names, `flow/deployment`, each of whose flows loads and takes its parameters.

    Raises:
        ConfigurationError: An entrypoint does not load, a parameter is refused, or schedules and parameters disagree.
    """
    named: dict[str, Deployment] = {}
    for deployment in file.deployments:
        flow = _load(deployment)
        name = f"{flow.name}/{deployment.name}"
        if name in named:
            raise ConfigurationError(f"{file.path}: {name} stands twice.", "Give one of them another name.")
        _check(flow, deployment, name)
        named[name] = deployment
    return named


_MOST = 200
_MEND = "Mend it and deploy again; nothing was deployed."


def _member(document: dict[str, Any], location: tuple[int | str, ...]) -> str:
    """Where it stands: deployments by name, since nobody counts them."""
    words: list[str] = []
    for part in location:
        if isinstance(part, int) and words == ["deployments"]:
            entry = document["deployments"][part]
            words = [f"deployment {entry.get('name', part)!r}" if isinstance(entry, dict) else f"deployments[{part}]"]
        else:
            words.append(f"[{part}]" if isinstance(part, int) else str(part))
    return ".".join(words).replace(".[", "[")


def _said(message: str) -> str:
    text = message.removeprefix("Value error, ")
    return text if text.endswith(".") else f"{text}."


def _load(deployment: Deployment) -> Flow[..., Any]:
    script, _, function = deployment.entrypoint.rpartition(":")
    if script and not Path(script).is_file():
        raise ConfigurationError(
            f"There is no file {script!r} below {str(Path.cwd())!r}, with the flow {function!r}.",
            "Deploy from the root of the project.",
        )
    try:
        return load_flow_from_entrypoint(deployment.entrypoint, use_placeholder_flow=False)
    except (ScriptError, MissingFlowError, ImportError, ValueError) as error:
        reason = repr(error.user_exc) if isinstance(error, ScriptError) else str(error).strip()
        raise ConfigurationError(
            f"The entrypoint {deployment.entrypoint!r} of {deployment.name!r} does not load: {reason}.", _MEND
        ) from error


def _check(flow: Flow[..., Any], deployment: Deployment, name: str) -> None:
    schema = parameter_schema(flow).model_dump()
    _check_parameters(deployment.parameters, schema, name)
    for schedule in deployment.schedules:
        parameters = {**deployment.parameters, **schedule.parameters}
        _check_parameters(parameters, schema, f"{name}, schedule {schedule.slug!r}")
        zone = parameters.get("time_zone", "UTC")
        if "time_zone" in schema["properties"] and schedule.timezone != zone:
            raise ConfigurationError(
                f"{name}: The schedule {schedule.slug!r} is in {schedule.timezone}, and the parameter time_zone is"
                f" {zone}: a run could get the date of another day.",
                _MEND,
            )
        if deployment.cancels_new and parameters.get("missed_runs") == "latest":
            raise ConfigurationError(
                f"{name}: With CANCEL_NEW, the run that missed_runs 'latest' leaves the work to may be cancelled.",
                "Take ENQUEUE as its collision_strategy; nothing was deployed.",
            )


def _check_parameters(parameters: dict[str, Any], schema: dict[str, Any], name: str) -> None:
    unknown = sorted(set(parameters) - set(schema["properties"]))
    if unknown:
        known = ", ".join(schema["properties"])
        raise ConfigurationError(f"{name}: The flow has no parameter {unknown[0]!r}; it has {known}.", _MEND)
    try:
        # What is not given, the form asks for.
        validate(parameters, schema, raise_on_error=True, ignore_required=True)
    except SchemaError as error:
        raise ConfigurationError(f"{name}: parameters: {_shortened(str(error))}.", _MEND) from error


def _shortened(message: str) -> str:
    # Of a time zone, the names of all others would follow.
    return f"{message[:_MOST]} …" if len(message) > _MOST else message
