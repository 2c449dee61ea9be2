from pathlib import Path

import pytest

from service.declaration import FeatureHashing, feature_hashing_declaration, key_hash, load_declaration
from service.errors import DeclarationError

WORKSPACE = "0" * 32
SERVICE = "1" * 32


def guide(**replaced: str) -> str:
    text = feature_hashing_declaration(
        workspace=WORKSPACE, service=SERVICE, key_hashes=[key_hash("first"), key_hash("second")]
    )
    for old, new in replaced.values():
        assert old in text
        text = text.replace(old, new)
    return text


def load(tmp_path: Path, text: str):
    file = tmp_path / "service.toml"
    file.write_text(text)
    return load_declaration(file)


def test_rendered_declaration_of_the_guide_declares_its_ports_and_parameters(tmp_path: Path) -> None:
    [service] = load(tmp_path, guide()).services
    assert service.name == "SimpleFeatureHashingExperiment"
    assert (service.workspace_id, service.service_id) == (WORKSPACE, SERVICE)
    assert [(port.name, [column.name for column in port.columns]) for port in service.inputs] == [("input1", ["Col2"])]
    [output] = service.outputs
    assert [column.name for column in output.columns] == [f"Col2_HashingFeature.{index}" for index in range(8)]
    assert {column.type for column in output.columns} == {"Int32"}
    assert [(p.name, p.default) for p in service.global_parameters] == [("Hashing bitsize", 3), ("N-grams", 2)]
    model = service.model_of(output)
    assert isinstance(model, FeatureHashing)
    assert (model.column, model.bits, model.ngrams) == ("Col2", 3, 2)


def test_every_declared_key_is_accepted_and_no_other(tmp_path: Path) -> None:
    [service] = load(tmp_path, guide()).services
    assert service.accepts("first")
    assert service.accepts("second")
    assert not service.accepts("third")
    assert not service.accepts("")


@pytest.mark.parametrize(
    ("old", "new", "member", "what"),
    [
        (f'workspace_id = "{WORKSPACE}"', 'workspace_id = "mine"', "services.0.workspace_id", "pattern"),
        (f'service_id = "{SERVICE}"', "", "services.0.service_id", "required"),
        ('type = "feature_hashing"', 'type = "guess"', "services.0.model", "guess"),
        ("bits = 3", "bits = 99", "services.0.model.feature_hashing.bits", "less than or equal to 16"),
        ('column = "Col2"', 'column = "Col3"', "services.0", "Col3"),
        ('name = "N-grams"', 'name = "Hashing bitsize"', "services.0", "declared twice"),
        ("ngrams = 2", "ngram = 2", "services.0.model.feature_hashing.ngram", "not permitted"),
    ],
)
def test_wrong_declaration_is_refused_with_file_and_member(
    tmp_path: Path, old: str, new: str, member: str, what: str
) -> None:
    with pytest.raises(DeclarationError) as caught:
        load(tmp_path, guide(replaced=(old, new)))
    assert str(tmp_path / "service.toml") in str(caught.value)
    assert caught.value.member == member
    assert what in str(caught.value)


def test_declaration_that_is_no_toml_is_refused_with_the_line(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="line 1"):
        load(tmp_path, "[[services]")


def test_declaration_that_is_missing_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match=r"nowhere\.toml: cannot be read"):
        load_declaration(tmp_path / "nowhere.toml")


def test_paths_of_models_are_taken_from_the_directory_of_the_declaration(tmp_path: Path) -> None:
    text = guide(replaced=('type = "feature_hashing"\ncolumn = "Col2"', 'type = "onnx"\npath = "m.onnx"'))
    text = "\n".join(line for line in text.splitlines() if not line.startswith(("bits", "ngrams")))
    [service] = load(tmp_path, text).services
    assert service.model_of(service.outputs[0]).path == tmp_path / "m.onnx"
