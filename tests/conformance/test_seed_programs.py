"""The guide's two programs, run as its readers run them: fill in the blanks, start, look at the output file."""

import json
import re
import subprocess
import sys
from difflib import SequenceMatcher
from pathlib import Path

import pytest

from tests.conformance.seed_programs import HERE, filled_in
from tests.conformance.sites import CONTAINER, COUNTS, INPUT, NAMES, OUTPUT, Site
from tests.conformance.wire import DEADLINE_SECONDS

# Everything else of the programs is the guide's, but for its lost indentation and the words that its translation ate.
PORTED = {
    "seed_rrs": [
        "import urllib.request as urllib2",
        'print("result:" + result.decode())',
        "except urllib2.HTTPError as error:",
    ],
    "seed_bes": [
        "import urllib.request as urllib2",
        "from azure.storage.blob import *",
        "except urllib2.HTTPError as error:",
        'with open(output_file, "wb+") as f:',
        (
            'blob_service = BlobServiceClient("https://" + storage_account_name + ".blob.core.windows.net", '
            'credential={"account_name": storage_account_name, "account_key": storage_account_key})'
        ),
        (
            "blob_service.get_blob_client(storage_container_name, input_blob_name).upload_blob(data_to_upload, "
            'blob_type="BlockBlob", overwrite=True)'
        ),
        'print("Uploaded the input to blob storage")',
        "result = response.read().decode()",
        'req = urllib2.Request(url + "/" + job_id + "/start?api-version=2.0", b"", headers)',
        'print("status:" + status)',
    ],
}


def lines_of(text: str) -> list[str]:
    """The lines of a program without what the translation of the guide did to them."""
    english = re.sub(r"hello", "the", re.sub(r"\btoo(?=hello|blob)", "to ", text))
    lines = [line.strip() for line in english.splitlines()]
    return lines[next(index for index, line in enumerate(lines) if line.startswith("import")) :]


@pytest.mark.parametrize("program", PORTED)
def test_programs_are_the_guides_but_for_the_lines_of_python_3(program: str) -> None:
    published = lines_of((HERE / f"{program}.txt").read_text())
    ported = lines_of((HERE / f"{program}.py").read_text())
    matcher = SequenceMatcher(None, [line.lower() for line in published], [line.lower() for line in ported], False)
    changed = [line for tag, _, _, low, high in matcher.get_opcodes() if tag != "equal" for line in ported[low:high]]
    assert list(dict.fromkeys(changed)) == PORTED[program]
    assert len(ported) == len(published)


def run(folder: Path, text: str) -> str:
    program = folder / "program.py"
    program.write_text(text)
    done = subprocess.run(
        [sys.executable, str(program)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
        cwd=folder,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def run_bes(folder: Path, site: Site, text: str) -> tuple[str, Path]:
    """What the BES program prints, and its output file."""
    source, target = folder / "mydata.csv", folder / "myresults.csv"
    source.write_text(text)
    # All runs write the same blob; none shall read what another one left there.
    old_output = site.blobs.get_blob_client(CONTAINER, "myresultsblob.csv")
    if old_output.exists():
        old_output.delete_blob()
    files = {"YOUR INPUT FILE>": str(source), "YOUR OUTPUT FILE>": str(target)}
    return run(folder, filled_in("seed_bes", site, files)), target


def test_rrs_program_prints_the_counts_of_the_guide(site: Site, tmp_path: Path) -> None:
    printed = run(tmp_path, filled_in("seed_rrs", site, {}))
    value = json.loads(printed.removeprefix("result:"))["Results"]["output1"]["value"]
    assert value == {"ColumnNames": NAMES, "ColumnTypes": ["Int32"] * 8, "Values": [COUNTS]}


def test_rrs_program_with_a_wrong_key_prints_the_reason(direct: Site, tmp_path: Path) -> None:
    printed = run(tmp_path, filled_in("seed_rrs", direct, {}).replace(direct.api_key, "wrong"))
    assert printed.startswith("The request failed with status code: 401\n")
    assert "'details': [{'code': 'ScoreRequestUnauthorized', 'message': 'Invalid credentials provided.'}]" in printed


def test_bes_program_writes_the_counts_of_the_guide_to_its_output_file(site: Site, tmp_path: Path) -> None:
    printed, target = run_bes(tmp_path, site, INPUT)
    assert re.search(r"^Job ID: [0-9a-f]{32}$", printed, re.MULTILINE)
    assert re.search(r"^Job [0-9a-f]{32} finished!$", printed, re.MULTILINE)
    assert re.search(r"^RelativeLocation: mycontainer/myresultsblob.csv$", printed, re.MULTILINE)
    assert target.read_text().splitlines() == OUTPUT


def test_bes_program_prints_why_its_job_failed(direct: Site, tmp_path: Path) -> None:
    printed, target = run_bes(tmp_path, direct, "Text\nThis is a good day\n")
    assert re.search(r"^Job [0-9a-f]{32} failed!\nError details: .*column 'Col2' is missing", printed, re.MULTILINE)
    assert not target.exists()


def test_bes_program_prints_why_its_job_was_not_accepted(direct: Site, tmp_path: Path) -> None:
    source = tmp_path / "mydata.csv"
    source.write_text(INPUT)
    files = {"YOUR INPUT FILE>": str(source), "YOUR OUTPUT FILE>": str(tmp_path / "myresults.csv")}
    text = filled_in("seed_bes", direct, files).replace('"myresultsblob.csv"', '"myresultsblob.xlsx"')
    printed = run(tmp_path, text)
    assert "The request failed with status code: 400\n" in printed
    assert "'code': 'InvalidBlobExtension'" in printed
