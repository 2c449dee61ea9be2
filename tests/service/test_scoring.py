from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from service.feature_hashing import hash_features
from service.tables import BLOCK_BYTES
from tests.service.running import RunningService


def outcome(service: RunningService, content: str | bytes, name: str = "data.csv") -> tuple[dict[str, Any], str]:
    """The status that a job on `content` ends with, and the name of its output."""
    output = f"out-of-{name}"
    service.blobs.get_blob_client(service.container, output).upload_blob(b"", overwrite=True)
    service.blobs.get_blob_client(service.container, output).delete_blob()
    job_id = service.run({"Input": service.upload(name, content), "Output": service.reference(output)})
    return service.ended(job_id), output


def scored(service: RunningService, content: str | bytes) -> list[list[int]]:
    status, output = outcome(service, content)
    assert status["StatusCode"] == "Finished", status
    lines = service.download(output).splitlines()
    assert lines[0].startswith("Col2_HashingFeature.0,")
    return [[int(cell) for cell in line.split(",")] for line in lines[1:]]


def hashed(*texts: str) -> list[list[int]]:
    return hash_features(pa.array(texts), bits=3, ngrams=2).tolist()


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        ("Col2\na b\nc\n", ["a b", "c"]),
        ("Col2\r\na b\r\nc\r\n", ["a b", "c"]),
        ("Col2\na b\nc", ["a b", "c"]),
        ("Col2\n", []),
        ("Col2", []),
        ('Col2\n"a\nb"\n"c\r\nd"\n', ["a\nb", "c\r\nd"]),
        ('Id,Col2\n1,5" pipe\n2,b\n', ['5" pipe', "b"]),
        ('"Col2"\n"say ""hi"", then"\n', ['say "hi", then']),
        ('Col2\n""\nb\n\n\n', ["", "b"]),
        ("\ufeffCol2\na\n", ["a"]),
        ("Id,Col2,Other\n1,a b,x\n2,,y\n", ["a b", ""]),
        ("Other,Col2\n1,NULL\n2,nan\n", ["NULL", "nan"]),
        ("Col2\nÄpfel und Öl\n日本語\n", ["Äpfel und Öl", "日本語"]),
    ],
)
def test_every_row_is_scored_once_and_in_order(web_service: RunningService, content: str, texts: list[str]) -> None:
    assert scored(web_service, content) == (hashed(*texts) if texts else [])


def test_input_of_many_blocks_with_line_breaks_in_cells_is_scored_exactly(web_service: RunningService) -> None:
    generator = np.random.default_rng(7)
    words = np.array(["good", "day", "this\nis", 'a "quoted"', "word,comma", "x" * 300])
    texts = [" ".join(generator.choice(words, 3)) for _ in range(100_000)]
    quoted = ('"' + text.replace('"', '""') + '"' for text in texts)
    content = "Id,Col2\n" + "".join(f"{index},{text}\n" for index, text in enumerate(quoted))
    assert len(content) > 2 * BLOCK_BYTES, "several blocks are wanted"
    assert scored(web_service, content) == hashed(*texts)


LONG = "a" * (3 * BLOCK_BYTES)
LONG_CELLS = ",".join(["a" * (BLOCK_BYTES - 10)] * 3)


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("", ["The file is empty"]),
        ("Col1,Col3\na,b\n", ["Line 1: column 'Col2' is missing from the header", "Did you mean 'Col"]),
        ("Col2,Col2\na,b\n", ["Line 1: column 'Col2' stands in the header more than once"]),
        ("Id,Col2\n1,a\n2\n", ["All rows must have same number of elements", "line 3 ", "column 'Col2' is missing"]),
        ("Id,Col2\n1,a\n2,b,c\n", ["line 3 has 3 cells, the header 2", "column 'Col2' is followed by more cells"]),
        ('Id,Col2\n1,"a\nb"\n\n2,b,c\n', ["line 5 has 3 cells"]),
        (b"Id,Col2\n1,a\n2,caf\xe9\n", ["Line 3, column 'Col2': the text is not UTF-8"]),
        (b"Id,Col\xe9\n1,a\n", ["Line 1: column 'Col2' is missing", "Did you mean 'Col"]),
        ('Id,Col2\n1,a\n2,"b\n3,c\n4,d\n', ["Line 3: the record that begins here does not end as it should"]),
        (f'Id,Col2\n1,a\n2,"{LONG}\n', ["Line 3: the record that begins here does not end as it should"]),
        (f'Id,Col2\n1,a\n2,"{LONG}"\n3,c\n', ["Line 3: the record that begins here", "larger than field limit"]),
        (
            f"Id,Col2,Other\n1,a,b\n{LONG_CELLS}\n",
            [f"Line 3: the record that begins here is longer than {BLOCK_BYTES:,}"],
        ),
    ],
)
def test_file_that_the_model_cannot_take_fails_the_job_with_line_and_column(
    web_service: RunningService, content: str | bytes, parts: list[str]
) -> None:
    status, output = outcome(web_service, content)
    assert (status["StatusCode"], status["Results"]) == ("Failed", None)
    for part in parts:
        assert part in status["Details"]
    assert not web_service.exists(output)


def test_details_of_a_failed_job_have_the_documented_form(web_service: RunningService) -> None:
    status, _ = outcome(web_service, "")
    assert 'errorComponent=Module. taskStatusCode=400. {"Exception":{"ErrorId":"LibraryException"' in status["Details"]
    assert status["Details"].endswith("Process exited with error code -2")


def test_fault_deep_in_a_large_file_leaves_no_output(web_service: RunningService) -> None:
    good = "1,some text of a row\n" * 1_000_000
    status, output = outcome(web_service, "Id,Col2\n" + good + "2,b,c\n")
    assert status["StatusCode"] == "Failed"
    assert "line 1000002 has 3 cells" in status["Details"]
    assert not web_service.exists(output)


def test_bad_job_does_not_harm_the_others(web_service: RunningService) -> None:
    good = web_service.upload("good.csv", "Col2\nThis is a good day\n")
    bad = web_service.upload("bad.csv", "nothing\n")
    jobs = [web_service.run({"Input": bad if index % 2 else good}) for index in range(8)]
    assert [web_service.ended(job)["StatusCode"] for job in jobs] == ["Finished", "Failed"] * 4


def test_blob_that_does_not_exist_fails_the_job_in_the_documented_words(web_service: RunningService) -> None:
    status = web_service.ended(web_service.run({"Input": web_service.reference("nowhere.csv")}))
    assert status["StatusCode"] == "Failed"
    blob = f"{web_service.container}/nowhere.csv"
    assert f"Unable to access the provided Azure blob - {blob}.  Azure error message: " in status["Details"]
    assert "BlobNotFound" in status["Details"]


def test_output_container_that_does_not_exist_fails_the_job(web_service: RunningService) -> None:
    source = web_service.upload("good.csv", "Col2\nThis is a good day\n")
    target = {**source, "RelativeLocation": "no-such-container/out.csv"}
    status = web_service.ended(web_service.run({"Input": source, "Output": target}))
    assert status["StatusCode"] == "Failed"
    assert "ContainerNotFound" in status["Details"]
