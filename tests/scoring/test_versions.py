"""The pointer of a dataset, on a real storage emulator: it moves once a version, and back."""

import threading
from datetime import UTC, date, datetime

import pytest

from bes.errors import InputError, IntegrityError
from scoring.versions import Version, latest_name, other_latest, point_to, read_latest, roll_back, version_folder

DATASET = "book_reviews"


@pytest.fixture
def documents(store):
    return store.documents()


def version(run_key, run_date=date(2024, 5, 1)):
    return Version(
        run_key=run_key,
        generation=1,
        run_date=run_date,
        folder=version_folder(DATASET, run_date, run_key, 1),
        predictions_sha256="0" * 64,
        n_scored=7,
        published_at=datetime(2024, 5, 2, tzinfo=UTC),
    )


def current(documents):
    return read_latest(documents, DATASET).current.run_key


def test_a_dataset_without_versions_has_no_latest(documents):
    assert read_latest(documents, DATASET) is None
    with pytest.raises(InputError, match="Nothing is published for the dataset 'book_reviews'"):
        roll_back(documents, DATASET)


def test_the_newest_version_is_the_latest_and_a_rollback_leads_to_the_one_before(documents):
    for key in ("a", "b", "c"):
        point_to(documents, DATASET, version(key))
    assert current(documents) == "c"
    assert roll_back(documents, DATASET).current.run_key == "b"
    assert roll_back(documents, DATASET).current.run_key == "a"
    assert [known.run_key for known in read_latest(documents, DATASET).withdrawn] == ["c", "b"]
    with pytest.raises(InputError, match="only version"):
        roll_back(documents, DATASET)
    assert current(documents) == "a"


def test_a_rollback_of_a_version_that_is_not_the_latest_changes_nothing(documents):
    versions = [version(key) for key in ("a", "b", "c")]
    for one in versions:
        point_to(documents, DATASET, one)
    assert roll_back(documents, DATASET, if_latest=versions[2].folder).current.run_key == "b"
    with pytest.raises(InputError, match=f"is '{versions[1].folder}', and not '{versions[2].folder}'"):
        roll_back(documents, DATASET, if_latest=versions[2].folder)
    assert current(documents) == "b"
    assert roll_back(documents, DATASET, if_latest="b").current.run_key == "a"


def test_a_version_knows_which_other_one_readers_have(documents):
    assert other_latest(documents, DATASET, version("a").folder) is None
    for key in ("a", "b"):
        point_to(documents, DATASET, version(key))
    assert other_latest(documents, DATASET, version("a").folder) == version("b").folder
    assert other_latest(documents, DATASET, version("b").folder) is None


def test_a_version_is_published_once_even_when_it_was_rolled_back(documents):
    for key in ("a", "b", "b"):
        point_to(documents, DATASET, version(key))
    assert [known.run_key for known in read_latest(documents, DATASET).versions] == ["a", "b"]
    roll_back(documents, DATASET)
    point_to(documents, DATASET, version("b"))
    assert current(documents) == "a"


def test_a_version_of_an_earlier_date_is_kept_and_not_the_latest(documents):
    point_to(documents, DATASET, version("b", date(2024, 5, 2)))
    point_to(documents, DATASET, version("a", date(2024, 5, 1)))
    latest = read_latest(documents, DATASET)
    assert latest.current.run_key == "b"
    assert {known.run_key for known in latest.versions} == {"a", "b"}


def test_several_that_publish_at_once_are_all_in_the_history(documents):
    keys = [f"{number:02d}" for number in range(6)]
    threads = [threading.Thread(target=point_to, args=(documents, DATASET, version(key))) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    latest = read_latest(documents, DATASET)
    assert sorted(known.run_key for known in latest.versions) == keys
    assert latest.withdrawn == ()


def test_a_pointer_that_cannot_be_read_is_not_overwritten(documents):
    documents.create(latest_name(DATASET), b'{"schema_version": 99}')
    with pytest.raises(IntegrityError, match=r"a newer release wrote it \(version 99"):
        point_to(documents, DATASET, version("a"))
    assert documents.read(latest_name(DATASET)).content == b'{"schema_version": 99}'
