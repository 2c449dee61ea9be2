"""The last good run of a dataset, on a real storage emulator: what readers have, and never the run itself."""

from datetime import UTC, date, datetime

import pytest

from bes.errors import Unavailable
from scoring.last_good import last_good, profile_name, put_profile
from scoring.manifest import Manifest
from scoring.output_profile import ColumnProfile, OutputProfile
from scoring.report.occasions import read_last_good
from scoring.versions import Version, point_to, roll_back, version_folder

DATASET = "book_reviews"
PROFILE = OutputProfile(
    columns=(
        ColumnProfile(name="score", is_numeric=True, n_rows=1, n_null=0, is_constant=True, edges=(1,), counts=(1, 0)),
    )
)


@pytest.fixture
def documents(store):
    return store.documents()


def publish(documents, run_key, *, generation=1, n_scored=7, profile=PROFILE):
    folder = version_folder(DATASET, date(2024, 5, 1), run_key, generation)
    now = datetime.now(UTC)
    version = Version(
        run_key=run_key, generation=generation, run_date=date(2024, 5, 1), folder=folder, predictions_sha256="",
        n_scored=n_scored, published_at=now,
    )  # fmt: skip
    manifest = Manifest(
        run_key=run_key, status="published", contract=DATASET, contract_sha256="", endpoint="", workspace="",
        service="", inputs=[], n_input=n_scored, n_scored=n_scored, n_quarantined=0, n_failed=0, jobs=[],
        started_at=now, ended_at=now, duration_seconds=0, predictions="", predictions_sha256="", quarantine="",
        data_docs="",
    )  # fmt: skip
    if profile is not None:
        put_profile(documents, folder, profile)
    documents.create(f"{folder}/manifest.json", manifest.model_dump_json().encode())
    point_to(documents, DATASET, version)
    return version


def test_a_dataset_that_was_never_published_has_no_last_good_run(documents):
    assert last_good(documents, DATASET) is None


def test_the_current_version_is_the_last_good_run_with_its_profile(documents):
    publish(documents, "a")
    version = publish(documents, "b", n_scored=9)
    found = last_good(documents, DATASET)
    assert (found.version, found.manifest.n_scored, found.profile) == (version, 9, PROFILE)


def test_a_version_of_an_older_release_has_no_profile(documents):
    publish(documents, "a", profile=None)
    found = last_good(documents, DATASET)
    assert (found.version.run_key, found.profile) == ("a", None)


def test_a_run_is_not_its_own_last_good_run_in_any_generation(documents):
    publish(documents, "a")
    publish(documents, "b")
    publish(documents, "b", generation=2)
    assert last_good(documents, DATASET, other_than="b").version.run_key == "a"
    assert last_good(documents, DATASET, other_than="a").version.generation == 2


def test_a_version_that_was_rolled_back_is_not_good(documents):
    publish(documents, "a")
    publish(documents, "b")
    roll_back(documents, DATASET)
    assert last_good(documents, DATASET, other_than="c").version.run_key == "a"
    assert last_good(documents, DATASET, other_than="a") is None


def test_a_version_that_is_gone_gives_way_to_the_one_before(documents, caplog):
    publish(documents, "a")
    gone = publish(documents, "b")
    documents.delete(f"{gone.folder}/manifest.json")
    assert last_good(documents, DATASET).version.run_key == "a"
    assert "has no manifest any more" in caplog.text


def test_a_profile_that_cannot_be_read_is_told_and_compared_with_nothing(documents, caplog):
    version = publish(documents, "a", profile=None)
    documents.create(profile_name(version.folder), b'{"columns": 7}')
    assert last_good(documents, DATASET) is None
    assert f"nothing is compared with {version.folder}: its OutputProfile cannot be read" in caplog.text


def test_a_profile_that_a_process_left_without_a_manifest_is_replaced(documents):
    put_profile(documents, "published/x", OutputProfile(columns=()))
    put_profile(documents, "published/x", PROFILE)
    assert OutputProfile.model_validate_json(documents.read(profile_name("published/x")).content) == PROFILE


def test_an_interrupted_run_is_compared_with_the_last_good_one_and_an_outage_is_not_waited_for(store, documents):
    version = publish(documents, "a")

    found, is_known = read_last_good(store._settings, DATASET, "b", KeyboardInterrupt())

    assert (found.version, is_known) == (version, True)
    outage = Unavailable("It is away.", "Run again.", False)
    assert read_last_good(store._settings, DATASET, "b", outage) == (None, False)
