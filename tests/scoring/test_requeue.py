"""Requeueing: what of a fixed file is taken, and where its rows stand in the next version. No web service is needed."""

import csv
import json
from datetime import UTC, date, datetime

import numpy as np
import pytest
import yaml

from bes.errors import ConfigurationError, InputError, IntegrityError, RunHeld
from bes.protocol import JobState, JobStatus
from bes.settings import Connections, EndpointSettings
from bes.uploads import content_of
from scoring.gates.judging import judge_run
from scoring.gates.settings import GateSettings
from scoring.journal import RunState, work_plan
from scoring.last_good import profile_name
from scoring.manifest import GateResult
from scoring.opening import open_run
from scoring.output_profile import OutputProfile
from scoring.plan import Job, Outcome, RefusedRow, ScoredShard
from scoring.publishing import merge_and_balance, publish_run
from scoring.requeue.mended import MendedFile
from scoring.requeue.requeueing import Order, fetch, merge, publish, summarise, take_up
from scoring.settings import RunSettings
from scoring.stopping import Stop
from scoring.validation import validate_and_plan
from scoring.versions import (
    Version,
    latest_name,
    point_to,
    put_after,
    read_latest,
    read_manifest,
    roll_back,
    version_folder,
)
from scoring.writer import Writer
from tests.scoring.accepting import AWKWARD, accept, read_csv, write_csv

ENDPOINT = EndpointSettings(url="http://127.0.0.1:9/apim", workspace="w" * 32, service="5" * 32)
GOLDEN = GateResult(name="golden_rows", value=0, threshold=0, action="stop", passed=True, message="as known")
RUN_DATE = date(2024, 5, 1)
MONDAY = [["id", "text"], ["a", "one"], ["", "no key"], ["c", "three"], ["d", ""], ["e", 'fi"ve'], ["d", "six"]]
TUESDAY = [["id", "text"], ["h", ""], ["i", "nine"]]


def columns_of(predictions):
    return [row[0] for row in read_csv(predictions)[1:]]


class Home:
    """A data set of two files with a contract, and a container of its own."""

    def __init__(self, folder, storage, *, key="id", rules=(), rows_per_job=2):
        self.folder, self.storage = folder, storage
        self.contract = folder / "letters.yaml"
        self.refuses = set()
        rules = [("not_be_null", "text", {}), *rules]
        if key:
            rules += [("not_be_null", "id", {}), ("be_unique", "id", {})]
        self.document = {
            "name": "letters",
            "key": key,
            "columns": {"id": "string", "text": "string"},
            "inputs": {"input1": ["text"]},
            "output": "output1",
            "passthrough": ["text"],
            "suite": {
                "expectations": [
                    # Judges the whole input: six mended rows would never keep it.
                    {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 7}},
                    *(
                        {"type": f"expect_column_values_to_{rule}", "kwargs": {"column": column, **more}}
                        for rule, column, more in rules
                    ),
                ]
            },
        }
        self.contract.write_text(yaml.safe_dump(self.document))
        self.inputs = [
            write_csv(folder / "monday.csv", MONDAY),
            write_csv(folder / "tuesday.csv", TUESDAY),
        ]
        self.settings = RunSettings(
            data_dir=folder / "runs",
            contracts_dir=folder,
            rows_per_job=rows_per_job,
            lease_seconds=15,
            when_held="leave",
        )

    def score(self, plan):
        """What a web service would give back: the text in capitals, unless it refuses that text."""
        scored, refused = [], []
        plan.folder.work.mkdir(parents=True, exist_ok=True)
        for shard in plan.shards:
            texts = [text or "" for batch in shard.sent_rows() for text in batch.column(0).to_pylist()]
            if self.refuses.intersection(texts):
                refused.append(RefusedRow(shard=shard, words="no such text"))
                continue
            path = write_csv(
                plan.folder.work / f"{shard.name}-output.csv", [["capitals"], *[[t.upper()] for t in texts]]
            )
            job = Job(shard=shard, job_id="0" * 32, input_blob="in", output_blob="out")
            state = JobState(status=JobStatus.FINISHED)
            output = self.store.upload(content_of(path), f"outputs/{plan.run_key}/{shard.name}")
            scored.append(ScoredShard(job=job, state=state, output=output, output_path=path, n_rows=shard.n_rows))
        return Outcome(scored=scored, refused=refused)

    def publish(self, *, rescore=False):
        plan = validate_and_plan(
            [str(path) for path in self.inputs], "letters", settings=self.settings, endpoint=ENDPOINT, attempt="run"
        )
        work = work_plan(
            plan, workspace=ENDPOINT.workspace, service=ENDPOINT.service, rows_per_job=self.settings.rows_per_job
        )
        run = open_run(
            plan, work, self.connections(), settings=self.settings, writer=Writer.here(session="run"),
            run_date=RUN_DATE, rescore=rescore, stop=Stop(),
        )  # fmt: skip
        scored = self.score(plan)
        books = merge_and_balance(plan, scored)
        manifest = publish_run(run, scored, books, judge_run(run, books, [GOLDEN], GateSettings()))
        run.close()
        plan.folder.discard_work()
        self.run_key = plan.run_key
        self.quarantine = plan.folder.quarantine
        self.predictions = plan.folder.predictions
        return manifest

    def lines(self):
        with self.quarantine.open(newline="") as source:
            return list(csv.DictReader(source))

    def fix(self, raws, name="fixed.csv"):
        """A copy of the quarantine with some raw records mended."""
        lines = [{**line, "raw": raws.get((line["file"], int(line["record"])), line["raw"])} for line in self.lines()]
        return write_csv(self.folder / name, [list(lines[0]), *[list(line.values()) for line in lines]])

    def connections(self, endpoint=ENDPOINT):
        return Connections(endpoint=endpoint, storage=self.storage)

    def take_up(self, fixed, *, session="requeue", endpoint=ENDPOINT, **how):
        return take_up(
            Order(run_key=self.run_key, fixed=fixed, **how),
            settings=self.settings, connections=self.connections(endpoint), writer=Writer.here(session=session),
            stop=Stop(),
        )  # fmt: skip

    def requeue(self, fixed, **how):
        taken = self.take_up(fixed, **how)
        try:
            if taken.run is None:
                return summarise(taken, fetch(taken))
            merged = merge(taken, self.score(taken.run.plan))
            return summarise(taken, publish(taken, merged, GateSettings()))
        finally:
            taken.close()

    def latest(self):
        return read_latest(self.store.documents(), "letters")


@pytest.fixture
def new_home(store, azurite, tmp_path):
    def make(**how):
        container = store._container.container_name
        home = Home(tmp_path, azurite.settings.model_copy(update={"container": container}), **how)
        home.store = store
        return home

    return make


@pytest.fixture
def home(new_home):
    made = new_home()
    made.publish()
    return made


ALL = {
    ("monday.csv", 2): "b,two",
    ("monday.csv", 4): 'd,"fo""ur,\r\nin two lines"',
    ("monday.csv", 6): "f,six",
    ("tuesday.csv", 1): "h,eight",
}


def test_mended_rows_stand_in_their_places_and_the_rest_stays_as_it_was(home):
    before = read_csv(home.predictions)
    assert columns_of(home.predictions) == ["a", "c", "e", "i"]

    summary = home.requeue(home.fix(ALL))

    assert (summary.n_input, summary.n_scored, summary.n_quarantined) == (8, 8, 0)
    assert columns_of(home.predictions) == list("abcdefhi")
    after = read_csv(home.predictions)
    assert [row for row in after if row in before] == before
    assert after[4] == ["d", 'fo"ur,\r\nin two lines', 'FO"UR,\r\nIN TWO LINES']
    assert home.lines() == []
    assert home.latest().current.generation == 2


def test_a_part_is_requeued_and_then_another_part_on_top_of_it(home):
    first = home.requeue(home.fix({("monday.csv", 6): "f,six"}))
    second = home.requeue(home.fix({("monday.csv", 2): "b,two", ("tuesday.csv", 1): "h,eight"}))

    assert (first.n_scored, second.n_scored, second.n_quarantined) == (5, 7, 1)
    assert columns_of(home.predictions) == list("abcefhi")
    assert [(line["record"], line["rule"]) for line in home.lines()] == [
        ("4", "expect_column_values_to_not_be_null"),
        ("4", "expect_column_values_to_be_unique"),
    ]
    manifest = json.loads(home.predictions.with_name("manifest.json").read_text())
    assert [step["n_rows"] for step in manifest["requeued_from"]] == [1, 2]
    mended = home.store.documents().read(f"{second.published}/mended.csv").content.decode()
    assert mended == 'file,record,raw\r\nmonday.csv,2,"b,two"\r\nmonday.csv,6,"f,six"\r\ntuesday.csv,1,"h,eight"\r\n'


def test_rows_without_a_key_are_known_by_their_places_in_the_input(new_home):
    home = new_home(key=None)
    home.publish()
    assert [row[:2] for row in read_csv(home.predictions)[1:]] == [
        *(["monday.csv", str(record)] for record in (1, 2, 3, 5, 6)),
        ["tuesday.csv", "2"],
    ]
    home.requeue(home.fix({("monday.csv", 4): "d,four", ("tuesday.csv", 1): "h,eight"}))
    assert [row[:2] for row in read_csv(home.predictions)[1:]] == [
        *(["monday.csv", str(record)] for record in range(1, 7)),
        *(["tuesday.csv", str(record)] for record in (1, 2)),
    ]


def test_the_gates_are_asked_again_of_the_new_version_and_stop_nothing(home, monkeypatch):
    monkeypatch.setenv("BATCH_SCORING_GATE_CONSTANT_OUTPUT", "stop")
    monkeypatch.setenv("BATCH_SCORING_GATE_NULL_SHARE", "stop")
    home.requeue(home.fix(ALL))
    current, documents = home.latest().current, home.store.documents()
    profile = OutputProfile.model_validate_json(documents.read(profile_name(current.folder)).content)
    assert [(column.name, column.n_rows) for column in profile.columns] == [("capitals", 8)]
    gates = read_manifest(documents, current.folder).gates
    assert gates[0] == GOLDEN, "of the run itself, whose rows are not scored again"
    assert {gate.name for gate in gates[1:]} == {"row_count", "null_share", "constant_output", "psi"}
    assert {gate.action for gate in gates[1:]} == {"warn"}


def test_the_same_file_again_gives_the_version_back_and_scores_nothing(home):
    fixed = home.fix(ALL)
    first = home.requeue(fixed)
    home.predictions.unlink()
    taken = home.take_up(fixed)
    assert taken.run is None
    taken.close()
    assert home.requeue(fixed) == first
    assert columns_of(home.predictions) == list("abcdefhi")
    assert len(home.latest().versions) == 2


def test_a_rollback_leads_to_the_version_before_and_the_next_requeue_goes_on_from_there(home):
    home.requeue(home.fix(ALL))
    back = roll_back(home.store.documents(), "letters")
    assert (back.current.generation, back.current.n_scored) == (1, 4)
    home.store.download(f"{back.current.folder}/quarantine.csv", home.quarantine)

    summary = home.requeue(home.fix({("monday.csv", 2): "b,other"}, "other.csv"))

    assert (summary.n_scored, home.latest().current.generation) == (5, 3)
    assert [version.generation for version in home.latest().history] == [1]


def test_a_rescored_run_has_its_quarantine_again_and_takes_the_same_file_anew(home):
    fixed = home.fix(ALL)
    home.requeue(fixed)
    assert (home.publish(rescore=True).generation, columns_of(home.predictions)) == (3, ["a", "c", "e", "i"])
    summary = home.requeue(fixed)
    assert (summary.n_scored, home.latest().current.generation) == (8, 4)


def test_rows_that_break_the_contract_again_stay_with_their_new_reasons(home):
    raws = {
        ("monday.csv", 2): "b",
        ("monday.csv", 4): "x,",
        ("monday.csv", 6): "f,six\r\ng,seven",
        ("tuesday.csv", 1): "h,eight",
    }
    summary = home.requeue(home.fix(raws))
    assert (summary.n_requeued, summary.n_refused_again, summary.n_quarantined) == (1, 3, 3)
    assert [(line["record"], line["line"], line["rule"]) for line in home.lines()] == [
        ("2", "3", "ragged_row"),
        ("4", "5", "expect_column_values_to_not_be_null"),
        ("6", "7", "several_records"),
    ]
    assert {(line["file"], int(line["record"])): line["raw"] for line in home.lines()} == {
        place: raw for place, raw in raws.items() if place[0] == "monday.csv"
    }


def test_a_row_that_was_right_all_along_is_requeued_unchanged_when_that_is_asked_for(home):
    home.requeue(home.fix({("monday.csv", 4): "x,four"}))
    assert ("monday.csv", "6") in [(line["file"], line["record"]) for line in home.lines()]
    with pytest.raises(InputError, match=r"No row of .* was changed"):
        home.requeue(home.fix({}))
    summary = home.requeue(home.fix({}), also_unchanged=True)
    assert (summary.n_requeued, summary.n_refused_again) == (1, 2)
    assert columns_of(home.predictions) == ["a", "c", "x", "e", "d", "i"]


@pytest.mark.parametrize("also_unchanged", [True, False])
def test_a_row_that_the_service_refused_is_requeued_as_any_other(new_home, also_unchanged):
    home = new_home(rows_per_job=1)
    home.refuses = {"three"}
    assert (home.publish().n_scored, columns_of(home.predictions)) == (3, ["a", "e", "i"])
    assert home.lines()[-1]["rule"] == "refused_by_service"
    home.refuses = {"nothing"} if also_unchanged else {"three"}
    raws = {} if also_unchanged else {("monday.csv", 3): "c,three anew"}
    summary = home.requeue(home.fix(raws), also_unchanged=also_unchanged)
    assert (summary.n_requeued, summary.n_scored, summary.n_quarantined, summary.n_refused) == (1, 4, 4, 0)
    assert [row[:2] for row in read_csv(home.predictions)[1:]] == [
        ["a", "one"],
        ["c", "three" if also_unchanged else "three anew"],
        ["e", 'fi"ve'],
        ["i", "nine"],
    ]
    assert "refused_by_service" not in [line["rule"] for line in home.lines()]


def test_a_mended_row_that_the_service_refuses_stays_with_its_words(new_home):
    home = new_home(rows_per_job=1)
    home.publish()
    home.refuses = {"six"}
    summary = home.requeue(home.fix(ALL))
    assert (summary.n_requeued, summary.n_refused_again, summary.n_scored, summary.n_refused) == (3, 1, 7, 1)
    (left,) = home.lines()
    assert (left["record"], left["line"], left["rule"], left["raw"]) == ("6", "7", "refused_by_service", "f,six")
    assert "no such text" in left["message"]


UNFIT = [
    ({("monday.csv", 2): "c,two"}, "'monday.csv', record 2 has the id of 'monday.csv', record 3, which is scored"),
    ({("tuesday.csv", 1): "a,eight"}, "'tuesday.csv', record 1 has the id of 'monday.csv', record 1"),
    ({("monday.csv", 2): "b"}, "The mended row is not accepted. The first is 'monday.csv', record 2"),
    ({("monday.csv", 2): ",two"}, "record 2: must not be empty (expect_column_values_to_not_be_null)"),
    ({("monday.csv", 2): "x,1", ("monday.csv", 6): "x,2"}, "Not one of the 2 mended rows is accepted"),
    ({("monday.csv", 2): "  "}, "'monday.csv', record 2 (fixed.csv, line 2) was emptied"),
]


def test_what_cannot_be_scored_is_named_and_nothing_is_published(home):
    for raws, says in UNFIT:
        with pytest.raises(InputError) as caught:
            home.requeue(home.fix(raws))
        assert says in str(caught.value)
        assert len(home.latest().versions) == 1
        assert list(home.quarantine.parent.glob(".work*")) == []
    # The lease is given back.
    assert home.requeue(home.fix(ALL)).n_scored == 8


def test_a_key_that_was_mended_before_is_known_as_well(home):
    home.requeue(home.fix({("monday.csv", 2): "b,two"}))
    with pytest.raises(InputError, match=r"record 1 has the id of 'monday\.csv', record 2, which is scored already"):
        home.requeue(home.fix({("tuesday.csv", 1): "b,eight"}))


def test_a_text_that_must_be_unique_is_compared_with_all_rows(new_home):
    home = new_home(rules=[("be_unique", "text", {})])
    home.publish()
    with pytest.raises(InputError, match=r"'monday\.csv', record 2 has the text of 'tuesday\.csv', record 2"):
        home.requeue(home.fix({("monday.csv", 2): "b,nine"}))


CONTRADICTING = [
    ([["monday.csv", "1", "a,other"]], "'monday.csv', record 1 (fixed.csv, line 2) is not in the quarantine"),
    ([["other.csv", "2", "b,two"]], "'other.csv', record 2 (fixed.csv, line 2) is not in the quarantine"),
    ([["monday.csv", "9", "b,two"]], "'monday.csv', record 9 (fixed.csv, line 2) is not in the quarantine"),
    ([["monday.csv", "2", "b,1"], ["monday.csv", "2", "b,2"]], "record 2 (fixed.csv, line 3) was changed in two"),
    ([["monday.csv", "two", "b,1"]], "line 2: 'two' is not the number of a record"),
    ([["monday.csv", "2"]], "line 2: it has 2 cells instead of 3"),
]


def test_a_fixed_file_that_contradicts_the_quarantine_or_itself_is_refused_by_name(home):
    for lines, says in CONTRADICTING:
        fixed = write_csv(home.folder / "fixed.csv", [["file", "record", "raw"], *lines])
        with pytest.raises(InputError) as caught:
            home.requeue(fixed)
        assert says in str(caught.value), lines


NO_QUARANTINE = [
    (b"file;record;raw\r\n", "has no column 'file'"),
    (b"file,record,raw\r\nmonday.csv,2,\xe4\r\n", "is not UTF-8"),
    (b'file,record,raw\r\nmonday.csv,2,"b,two\r\n', "line 2: unexpected end of data"),
]


def test_a_fixed_file_that_is_no_quarantine_is_refused(home):
    for content, says in NO_QUARANTINE:
        (home.folder / "fixed.csv").write_bytes(content)
        with pytest.raises(InputError) as caught:
            home.requeue(home.folder / "fixed.csv")
        assert says in str(caught.value), content


def test_a_spreadsheet_may_have_marked_sorted_and_cut_the_file(home):
    lines = [["note", "raw", "record", "file"], ["", "h,eight", "1", "tuesday.csv"], ["ok", "b,two", "2", "monday.csv"]]
    fixed = write_csv(home.folder / "fixed.csv", lines)
    fixed.write_bytes(b"\xef\xbb\xbf" + fixed.read_bytes())
    home.requeue(fixed)
    assert columns_of(home.predictions) == ["a", "b", "c", "e", "h", "i"]


def test_a_file_that_is_not_there_and_a_run_that_is_not_known_are_named(home):
    with pytest.raises(InputError, match=r"There is no file .*nowhere\.csv"):
        home.requeue(home.folder / "nowhere.csv")
    fixed = home.fix(ALL)
    for key, says in (("0" * 16, "There is no run '0000000000000000'"), ("../up", "'../up' is not the key of a run")):
        home.run_key = key
        with pytest.raises(InputError, match=says):
            home.requeue(fixed)


def test_a_run_that_is_not_published_is_refused(home):
    plan = validate_and_plan(
        [str(home.inputs[0]), str(home.inputs[1])],
        "letters",
        settings=home.settings.model_copy(update={"rows_per_job": 3}),
        endpoint=ENDPOINT,
        attempt="other",
    )
    work = work_plan(plan, workspace="w", service="s", rows_per_job=3)
    run = open_run(
        plan, work, home.connections(), settings=home.settings, writer=Writer.here(session="other"),
        run_date=RUN_DATE, rescore=False, stop=Stop(),
    )  # fmt: skip
    run.close()
    home.run_key = plan.run_key
    with pytest.raises(InputError, match="is not published: it is open"):
        home.requeue(home.fix(ALL))


def test_the_key_of_requeued_rows_is_not_taken_for_a_run(home):
    taken = home.take_up(home.fix(ALL))
    merge(taken, home.score(taken.run.plan))
    assert taken.run.record.state is RunState.SCORED
    home.run_key = taken.run.plan.run_key
    taken.close()
    with pytest.raises(InputError, match="is the key of requeued rows"):
        home.requeue(home.fix(ALL))


def test_inputs_contract_and_web_service_must_be_those_of_the_run(home):
    fixed = home.fix(ALL)
    with pytest.raises(ConfigurationError, match="was scored by the web service"):
        home.requeue(fixed, endpoint=ENDPOINT.model_copy(update={"service": "6" * 32}))
    home.contract.write_text(yaml.safe_dump({**home.document, "passthrough": []}))
    with pytest.raises(InputError, match="The contract 'letters' is not the one of the run"):
        home.requeue(fixed)
    home.contract.write_text(yaml.safe_dump(home.document))
    content = home.inputs[1].read_bytes()
    home.inputs[1].write_bytes(content + b"j,ten\r\n")
    with pytest.raises(InputError, match=r"tuesday\.csv' of the run .* has changed since; it tells the places"):
        home.requeue(fixed)
    home.inputs[1].unlink()
    with pytest.raises(InputError, match=r"tuesday\.csv' of the run .* is gone"):
        home.requeue(fixed)
    home.inputs[1].write_bytes(content)
    assert home.requeue(fixed).n_scored == 8


def test_one_process_at_a_time_requeues_into_a_run(home):
    taken = home.take_up(home.fix(ALL))
    with pytest.raises(RunHeld, match=f"The run {home.run_key} is held by"):
        home.take_up(home.fix({("monday.csv", 2): "b,two"}, "other.csv"), session="other")
    taken.close()


def test_a_published_quarantine_that_was_written_since_is_not_trusted(home):
    folder = home.latest().current.folder
    home.store.documents().delete(f"{folder}/quarantine.csv")
    short = home.quarantine.read_text().splitlines(keepends=True)[:2]
    (home.folder / "short.csv").write_text("".join(short))
    home.store.upload(content_of(home.folder / "short.csv"), f"{folder}/quarantine.csv")
    with pytest.raises(IntegrityError, match="holds 1 record instead of 4"):
        home.requeue(home.fix(ALL))


def test_predictions_with_other_columns_are_not_mixed(home):
    taken = home.take_up(home.fix(ALL))
    outcome = home.score(taken.run.plan)
    for shard in outcome.scored:
        shard.output_path.write_text(shard.output_path.read_text().replace("capitals", "letters"))
    with pytest.raises(IntegrityError, match="came back with the columns"):
        merge(taken, outcome)
    taken.close()
    assert len(home.latest().versions) == 1


def version(run_key, generation=1):
    return Version(
        run_key=run_key, generation=generation, run_date=RUN_DATE, predictions_sha256="0" * 64, n_scored=7,
        folder=version_folder("letters", RUN_DATE, run_key, generation), published_at=datetime(2024, 5, 2, tzinfo=UTC),
    )  # fmt: skip


def test_a_version_of_an_older_run_does_not_take_the_place_of_a_newer_run(store):
    documents = store.documents()
    for one in (version("a"), version("b")):
        point_to(documents, "letters", one)
    for _ in range(2):
        put_after(documents, "letters", version("a", 2), before=version("a").folder)
    latest = read_latest(documents, "letters")
    assert latest.current.run_key == "b"
    assert [(one.run_key, one.generation) for one in latest.history] == [("a", 1), ("a", 2)]
    put_after(documents, "letters", version("c", 2), before="of a version that was withdrawn")
    assert read_latest(documents, "letters").withdrawn == (version("c", 2),)
    documents.delete(latest_name("letters"))
    assert put_after(documents, "letters", version("a", 2), before=version("a").folder).current.generation == 2


@pytest.mark.parametrize("chunk_bytes", [16, 60, 4096])
def test_a_file_with_mended_rows_reads_as_if_they_stood_in_it(tmp_path, chunk_bytes):
    rows = [[str(number), text] for number, text in enumerate(AWKWARD, 1)]
    file = accept(write_csv(tmp_path / "a.csv", [["key", "text"], *rows]), rejected=[1, 4, 5], chunk_bytes=chunk_bytes)
    mended = {4: ("4", "mended"), 9: ("9", ""), len(rows): ("last", "one")}
    whole = MendedFile(file=file.file, rejected=np.array([1, 5]), mended=mended)
    expected = [(number, *mended.get(number, row)) for number, row in enumerate(rows, 1) if number not in (1, 5)]
    for first in range(len(expected)):
        for n_rows in (1, 3, len(expected) - first):
            found = [
                (int(record), *(cell or "" for cell in cells))
                for some in whole.rows(first, min(n_rows, len(expected) - first), ["key", "text"])
                for record, *cells in zip(some.record, *(c.to_pylist() for c in some.text.columns), strict=True)
            ]
            assert found == expected[first : first + n_rows]
