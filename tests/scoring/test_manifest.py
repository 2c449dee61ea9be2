"""The manifest and the key of a run."""

import json
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from scoring.manifest import SCHEMA_VERSION, InputFile, JobEntry, Manifest, run_key

SHA = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
KEY_PARTS = {
    "input_digests": ["1" * 64, "2" * 64],
    "contract_digest": "3" * 64,
    "service": ["https://gateway", "workspace", "service"],
    "rows_per_job": 250,
}


@pytest.fixture
def manifest():
    job = JobEntry(
        index=0,
        file="reviews.csv",
        first_row=0,
        n_rows=9,
        job_id="88f2f0a6b61f48f0a11af748d5a6e199",
        status="Finished",
        input_blob="runs/k/input/a/00000.csv",
        output_blob="runs/k/output/a/00000.csv",
        output_sha256=SHA,
        created_at="2016-10-14T14:52:33.979Z",
        start_time=None,
        end_time=None,
    )
    return Manifest(
        run_key="0123456789abcdef",
        status="published",
        contract="book_reviews",
        contract_sha256=SHA,
        endpoint="https://gateway",
        workspace="workspace",
        service="service",
        inputs=[InputFile(path="/data/schön.csv", size_bytes=123, sha256=SHA)],
        n_input=10,
        n_scored=9,
        n_quarantined=1,
        n_failed=0,
        jobs=[job],
        started_at=datetime(2024, 5, 1, 12, tzinfo=UTC),
        ended_at=datetime(2024, 5, 1, 12, 1, tzinfo=UTC),
        duration_seconds=60.0,
        predictions="/runs/predictions.csv",
        predictions_sha256=SHA,
        quarantine="/runs/quarantine.csv",
        data_docs="/runs/data_docs/index.html",
    )


def test_a_manifest_on_disk_is_the_manifest(manifest, tmp_path):
    path = tmp_path / "run" / "manifest.json"
    manifest.write(path)
    assert Manifest.model_validate_json(path.read_bytes()) == manifest
    assert [file.name for file in path.parent.iterdir()] == ["manifest.json"]


def test_a_manifest_is_plain_json_with_its_version_and_times_in_utc(manifest, tmp_path):
    manifest.write(tmp_path / "manifest.json")
    text = (tmp_path / "manifest.json").read_text(encoding="utf-8")
    written = json.loads(text)
    assert next(iter(written)) == "schema_version"
    assert written["schema_version"] == SCHEMA_VERSION
    assert written["started_at"] == "2024-05-01T12:00:00Z"
    assert written["inputs"][0]["path"] == "/data/schön.csv"
    assert written["jobs"][0]["job_id"] == "88f2f0a6b61f48f0a11af748d5a6e199"
    assert text.endswith("}\n")


def test_a_manifest_replaces_an_earlier_one_whole(manifest, tmp_path):
    path = tmp_path / "manifest.json"
    path.write_text("earlier" * 10_000)
    with path.open() as reader:
        manifest.write(path)
        assert reader.read() == "earlier" * 10_000
    assert Manifest.model_validate_json(path.read_bytes()) == manifest


def test_a_manifest_with_a_member_too_many_or_too_few_is_refused(manifest):
    members = manifest.model_dump()
    with pytest.raises(ValidationError, match="weather"):
        Manifest(**members, weather="fine")
    del members["run_key"]
    with pytest.raises(ValidationError, match="run_key"):
        Manifest(**members)


def test_a_key_is_16_hexadecimal_digits_and_the_same_for_ever():
    assert run_key(**KEY_PARTS) == run_key(**KEY_PARTS) == "5cc1fce3755a723b"


@pytest.mark.parametrize(
    "change",
    [
        {"input_digests": ["1" * 64, "4" * 64]},
        {"input_digests": ["1" * 64]},
        {"input_digests": ["2" * 64, "1" * 64]},
        {"input_digests": ["1" * 64 + "2" * 64]},
        {"contract_digest": "4" * 64},
        {"service": ["https://other", "workspace", "service"]},
        {"service": ["https://gateway", "other", "service"]},
        {"service": ["https://gateway", "workspace", "other"]},
        {"service": ["https://gateway", "workspaceservice", ""]},
        {"rows_per_job": 251},
    ],
    ids=str,
)
def test_another_piece_of_work_has_another_key(change):
    assert run_key(**{**KEY_PARTS, **change}) != run_key(**KEY_PARTS)
