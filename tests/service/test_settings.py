from pathlib import Path

import pytest
from pydantic import ValidationError

from service.errors import ServiceError
from service.settings import ENVIRONMENT_PREFIX, ServiceSettings
from service.storage_policy import StoragePolicy

CONNECTION_STRING = "BlobEndpoint=http://127.0.0.1:10000/a;AccountName=a;AccountKey=c2VjcmV0"


def made(monkeypatch: pytest.MonkeyPatch, **values: str) -> ServiceSettings:
    for name, value in {"definition": "service.toml", "data_dir": "data", **values}.items():
        monkeypatch.setenv(ENVIRONMENT_PREFIX + name.upper(), value)
    return ServiceSettings()


def test_settings_come_from_the_environment_with_documented_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = made(monkeypatch)
    assert (settings.definition, settings.host, settings.port) == (Path("service.toml"), "127.0.0.1", 0)
    assert (settings.max_running_jobs, settings.max_concurrent_requests) == (40, 20)
    assert not settings.integer_status_codes
    assert not settings.faults


def test_every_setting_explains_itself() -> None:
    assert [name for name, field in ServiceSettings.model_fields.items() if not field.description] == []


def test_settings_do_not_change_and_do_not_show_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = made(monkeypatch, storage_connection_string=CONNECTION_STRING)
    with pytest.raises(ValidationError):
        settings.port = 1
    assert "c2VjcmV0" not in repr(settings)


def test_only_the_services_own_storage_is_allowed_unless_hosts_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    own = StoragePolicy.from_settings(made(monkeypatch, storage_connection_string=CONNECTION_STRING))
    assert own.allowed_hosts == ("127.0.0.1:10000",)
    named = made(monkeypatch, allowed_storage_hosts=" One.example:1, *.two.example ")
    assert StoragePolicy.from_settings(named).allowed_hosts == ("one.example:1", "*.two.example")
    monkeypatch.delenv(ENVIRONMENT_PREFIX + "STORAGE_CONNECTION_STRING")
    monkeypatch.delenv(ENVIRONMENT_PREFIX + "ALLOWED_STORAGE_HOSTS")
    assert StoragePolicy.from_settings(made(monkeypatch)).allowed_hosts == ()


def test_wrong_connection_string_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ServiceError) as caught:
        StoragePolicy.from_settings(made(monkeypatch, storage_connection_string="AccountKey=c2VjcmV0"))
    assert "c2VjcmV0" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "console", "has_console"),
    [
        ("127.0.0.1", None, True),
        ("localhost", None, True),
        ("127.0.0.1", "false", False),
        ("0.0.0.0", None, False),
        ("192.0.2.1", None, False),
        ("0.0.0.0", "true", True),
    ],
)
def test_console_is_there_on_a_loopback_address_or_when_asked_for(
    monkeypatch: pytest.MonkeyPatch, host: str, console: str | None, has_console: bool
) -> None:
    given = {} if console is None else {"console": console}
    assert made(monkeypatch, host=host, **given).has_console is has_console
