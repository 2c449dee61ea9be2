"""The alarms: Prefect automations from a file, made, changed and removed on a server as the file says."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

import yaml
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.events.schemas.automations import Automation, AutomationCore
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bes.errors import ConfigurationError

ALARMS: Final = Path(__file__).parent / "automations.yaml"

_OURS: Final = "batch-scoring-alarms"
"""Tag of the automations that are ours to change and to remove."""

_HEARTBEATS: Final = 3
"""So many heartbeats must be missing before a run is taken for dead: one may be late, and one may be lost."""

_PAGE: Final = 200
"""Prefect answers with no more at once."""

# Prefect wants at least 10 s for the absence of an event.
Tolerance = Annotated[int, Field(ge=10, le=86400)]
Tag = Annotated[str, Field(pattern=r"^[\w.-]+$")]
Filled: TypeAlias = Any


class Parameters(BaseModel):
    """What `$name` stands for in the file. The file says what each is for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tag: Tag
    nightly_tag: Tag
    resume_tag: Tag
    notify: str | None = None
    heartbeat_tolerance_seconds: Tolerance
    late_tolerance_seconds: Tolerance
    max_resumes: int = Field(ge=0, le=100)
    resume_delay_seconds: Tolerance

    @property
    def resumable_run_counts(self) -> list[str]:
        """How often a crashed run may have begun to be started again, as Prefect writes it in the label."""
        return [str(count) for count in range(1, self.max_resumes + 1)]


class AlarmFile(BaseModel):
    """The file as it is written, with `$name` in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parameters: Parameters
    automations: list[dict[str, Filled]] = Field(min_length=1)

    @classmethod
    def load(cls, path: Path, changes: Mapping[str, str]) -> Self:
        """The file, with some parameters changed.

        Raises:
            ConfigurationError: It cannot be read, or a parameter is wrong or unknown.
        """
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
            if not isinstance(content, dict) or not isinstance(content.get("parameters"), dict):
                raise ConfigurationError(f"{str(path)!r} has no parameters.", "Begin with a copy of the shipped file.")
            return cls.model_validate({**content, "parameters": {**content["parameters"], **changes}})
        except yaml.YAMLError as error:
            raise ConfigurationError(f"{str(path)!r} is not YAML: {error}.", "Mend it.") from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            member = ".".join(str(part) for part in first["loc"])
            raise ConfigurationError(f"{str(path)!r}: {member}: {first['msg']}.", "Mend it, or the --set.") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarms:
    """The automations that a server shall have.

    Args:
        tag: Of the runs that they watch; a server may have alarms for several.
        wanted: With all parameters filled in.
        silent: Names of those that would notify somebody, and have no block to do it with.
    """

    tag: str
    wanted: tuple[AutomationCore, ...]
    silent: tuple[str, ...]


def alarms_of(file: AlarmFile, *, notification_block: str | None, ui: str) -> Alarms:
    """The automations of a file.

    Args:
        file: As it is written.
        notification_block: Id of the block that sends messages; without one nothing is sent, and an automation that
            does nothing else is left out.
        ui: Address of the Prefect UI.

    Raises:
        ConfigurationError: Prefect does not take one of them; names it.
    """
    parameters = file.parameters
    values = {
        **parameters.model_dump(),
        "resumable_run_counts": parameters.resumable_run_counts,
        "ui": ui.rstrip("/"),
    }
    wanted: list[AutomationCore] = []
    silent: list[str] = []
    for written in file.automations:
        automation = _fill(written, values)
        name = f"{parameters.tag}: {automation.get('name')}"
        every = automation.get("actions") or []
        actions = [_with_block(action, notification_block) for action in every]
        done = [action for action in actions if action is not None]
        if len(done) < len(every):
            silent.append(name)
        if done or not every:
            wanted.append(_validated({**automation, "name": name, "actions": done, "tags": [_OURS, parameters.tag]}))
    return Alarms(tag=parameters.tag, wanted=tuple(wanted), silent=tuple(silent))


def _with_block(action: Filled, block: str | None) -> Filled | None:
    if not isinstance(action, dict) or action.get("type") != "send-notification":
        return action
    return None if block is None else {**action, "block_document_id": block}


def _validated(members: dict[str, Filled]) -> AutomationCore:
    try:
        return AutomationCore.model_validate(members)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        member = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(
            f"Prefect does not take the automation {members['name']!r}: {member}: {first['msg']}.", "Mend its file."
        ) from error


def _fill(written: Filled, values: Mapping[str, Filled]) -> Filled:
    if isinstance(written, dict):
        return {key: _fill(value, values) for key, value in written.items()}
    if isinstance(written, list):
        return [_fill(value, values) for value in written]
    if not isinstance(written, str):
        return written
    if written.startswith("$") and written[1:] in values:
        # Alone, a parameter stays a number or a list.
        return values[written[1:]]
    try:
        return Template(written).substitute(values)
    except (KeyError, ValueError) as error:
        unknown = str(error.args[0]) if isinstance(error, KeyError) else "a lone $"
        raise ConfigurationError(
            f"There is no parameter {unknown!r}, as in {written[:60]!r}.", f"There are: {', '.join(sorted(values))}."
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What was done with one automation of the server."""

    name: str
    what: Literal["created", "updated", "unchanged", "removed"]


def apply(client: SyncPrefectClient, alarms: Alarms) -> Iterator[Change]:
    """Give the server these alarms, and no others for their tag; each is told when it is done.

    One that was paused stays paused. What is not ours is never touched.
    """
    there: dict[str, Automation] = {}
    for automation in ours(client, alarms.tag):
        if there.setdefault(automation.name, automation) is not automation:
            client.delete_automation(automation.id)
            yield Change(name=automation.name, what="removed")
    for wanted in alarms.wanted:
        found = there.pop(wanted.name, None)
        if found is None:
            client.create_automation(wanted)
            yield Change(name=wanted.name, what="created")
            continue
        mine = wanted.model_copy(update={"enabled": found.enabled})
        if _members(found) == _members(mine):
            yield Change(name=wanted.name, what="unchanged")
            continue
        client.update_automation(found.id, AutomationCore(**mine.model_dump(exclude={"owner_resource"})))
        yield Change(name=wanted.name, what="updated")
    for automation in there.values():
        client.delete_automation(automation.id)
        yield Change(name=automation.name, what="removed")


def remove(client: SyncPrefectClient, tag: str) -> Iterator[Change]:
    """Remove the alarms for a tag; each is told when it is done."""
    for automation in ours(client, tag):
        client.delete_automation(automation.id)
        yield Change(name=automation.name, what="removed")


def ours(client: SyncPrefectClient, tag: str) -> list[Automation]:
    """The alarms for a tag that the server has, by name."""
    found: list[Automation] = []
    while page := client.read_automations(limit=_PAGE, offset=len(found)):
        found += page
    return sorted((one for one in found if {_OURS, tag} <= set(one.tags)), key=lambda one: one.name)


def _members(automation: AutomationCore) -> Filled:
    return automation.model_dump(exclude={"id", "owner_resource"})


def notification_block(client: SyncPrefectClient, name: str) -> str:
    """Id of a notification block.

    Args:
        client: Of the server that has it.
        name: As TYPE/NAME, such as slack-webhook/on-call.

    Raises:
        ConfigurationError: There is none.
    """
    match = re.fullmatch(r"([a-z0-9-]+)/([a-z0-9-]+)", name)
    if match is None:
        raise ConfigurationError(f"{name!r} names no block.", "Write TYPE/NAME, such as slack-webhook/on-call.")
    try:
        return str(client.read_block_document_by_name(match[2], match[1]).id)
    except ObjectNotFound as error:
        raise ConfigurationError(
            f"The Prefect server has no block {name!r}.",
            f"`prefect block ls` lists those it has; `prefect block create {match[1]}` or the UI makes one.",
        ) from error


def too_quiet(client: SyncPrefectClient, parameters: Parameters) -> list[str]:
    """The deployments whose healthy runs could be taken for dead, as far as the server knows their heartbeat."""
    of_tag = DeploymentFilter(tags=DeploymentFilterTags(all_=[parameters.tag]))
    longest = parameters.heartbeat_tolerance_seconds / _HEARTBEATS
    quiet: list[str] = []
    for deployment in client.read_deployments(deployment_filter=of_tag):
        environment: Mapping[str, Filled] = (deployment.job_variables or {}).get("env") or {}
        seconds = _seconds(environment)
        if seconds > longest:
            flow = client.read_flow(deployment.flow_id)
            quiet.append(f"{flow.name}/{deployment.name} (every {seconds:g} s)")
    return quiet


def _seconds(environment: Mapping[str, Filled]) -> float:
    set_there = environment.get("PREFECT_FLOWS_HEARTBEAT_FREQUENCY")
    # Prefect's default, since the worker's own environment is not known here.
    return float(set_there) if set_there else 180.0


def ui_address(api: str) -> str:
    """Where people see the server's pages: what Prefect's settings say, or beside its API."""
    return get_current_settings().ui_url or api.rstrip("/").removesuffix("/api")
