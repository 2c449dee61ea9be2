"""Models from files, each with its own optional package, through the running service and on their own."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from service.declaration import MlflowPyfunc, Onnx, OutputPort, ScikitLearn, key_hash
from service.errors import DeclarationError, ScoringFailed
from tests.campaigns import sampled
from tests.service.running import DEADLINE_SECONDS, Keys, environment_of, running_service


def declaration(keys: Keys, model: str, inputs: str, outputs: str) -> str:
    return (
        f'[[services]]\nname = "Model"\nworkspace_id = "{keys.workspace}"\nservice_id = "{keys.service}"\n'
        f'key_hashes = ["{key_hash(keys.primary)}"]\nmodel = {model}\n'
        f'[[services.inputs]]\nname = "input1"\ncolumns = {inputs}\n'
        f'[[services.outputs]]\nname = "output1"\ncolumns = {outputs}\n'
    )


def port(**columns: str) -> OutputPort:
    return OutputPort.model_validate(
        {"name": "output1", "columns": [{"name": name, "type": kind} for name, kind in columns.items()]}
    )


NUMBERS = pa.record_batch({"x": [1.0, 2.0, 3.0], "y": [0.0, 1.0, 5.0]})
INPUTS = '[{ name = "x", type = "Double" }, { name = "y", type = "Double" }]'


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    skops_io = pytest.importorskip("skops.io", reason="the extra for scikit-learn is not installed")
    from sklearn.linear_model import LogisticRegression

    features = np.array([[0.0, 0.0], [1.0, 1.0], [4.0, 5.0], [5.0, 4.0]])
    path = tmp_path_factory.mktemp("skops") / "model.skops"
    skops_io.dump(LogisticRegression().fit(features, np.array(["no", "no", "yes", "yes"])), path)
    return path


def test_scikit_learn_gives_labels_and_probabilities(classifier: Path) -> None:
    from service.scikit_learn_model import ScikitLearnModel

    declared = ScikitLearn(type="scikit_learn", path=classifier, methods=("predict", "predict_proba"))
    model = ScikitLearnModel(declared, port(label="String", no="Double", yes="Double"))
    scored = model.score(NUMBERS).to_pylist()
    assert [row["label"] for row in scored] == ["no", "no", "yes"]
    assert all(row["no"] + row["yes"] == pytest.approx(1) for row in scored)
    missing = pa.record_batch({"x": pa.array([None], pa.float64()), "y": pa.array([1.0])})
    with pytest.raises(ScoringFailed, match="The model refuses the rows"):
        model.score(missing)


def test_scikit_learn_pipeline_takes_texts_and_frames(tmp_path: Path) -> None:
    skops_io = pytest.importorskip("skops.io", reason="the extra for scikit-learn is not installed")
    import pandas as pd
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline

    from service.scikit_learn_model import ScikitLearnModel

    skops_io.dump(HashingVectorizer(n_features=2, alternate_sign=False, norm=None), tmp_path / "text.skops")
    declared = ScikitLearn(type="scikit_learn", path=tmp_path / "text.skops", methods=("transform",))
    texts = pa.record_batch({"Col2": ["good day", ""]})
    scored = ScikitLearnModel(declared, port(a="Int32", b="Int32")).score(texts).to_pylist()
    assert [sum(row.values()) for row in scored] == [2, 0]

    frame = pd.DataFrame({"x": [1.0, 2.0], "y": [1.0, 0.0]})
    skops_io.dump(make_pipeline(LinearRegression()).fit(frame, [2.0, 2.0]), tmp_path / "frame.skops")
    declared = ScikitLearn(type="scikit_learn", path=tmp_path / "frame.skops")
    [first, *_] = ScikitLearnModel(declared, port(sum="Double")).score(NUMBERS).to_pylist()
    assert first["sum"] == pytest.approx(2.0)


def test_scikit_learn_file_with_types_that_are_not_trusted_is_refused(tmp_path: Path) -> None:
    skops_io = pytest.importorskip("skops.io", reason="the extra for scikit-learn is not installed")
    from sklearn.preprocessing import FunctionTransformer

    from service.scikit_learn_model import ScikitLearnModel

    skops_io.dump(FunctionTransformer(subprocess.getoutput), tmp_path / "evil.skops")
    declared = ScikitLearn(type="scikit_learn", path=tmp_path / "evil.skops", methods=("transform",))
    with pytest.raises(DeclarationError, match=r"not trusted: .*getoutput.*; add them to trusted_types"):
        ScikitLearnModel(declared, port(a="String"))


def test_declared_model_scores_through_rrs_and_bes_and_bad_cells_are_told(
    azurite: Any, classifier: Path, tmp_path: Path
) -> None:
    keys = Keys()
    model = f'{{ type = "scikit_learn", path = "{classifier}" }}'
    outputs = '[{ name = "Scored Labels", type = "String" }]'
    text = declaration(keys, model, INPUTS, outputs)
    with running_service(tmp_path, azurite.connection_string, keys=keys, definition=text) as service:
        table = {"ColumnNames": ["y", "x"], "Values": [["0", "0"], ["5", "5"]]}
        answer = service.execute({"Inputs": {"input1": table}}, "api-version=2.0&details=true")
        assert answer.json["Results"]["output1"]["value"] == {
            "ColumnNames": ["Scored Labels"], "ColumnTypes": ["String"], "Values": [["no"], ["yes"]],
        }  # fmt: skip
        bad = service.execute({"Inputs": {"input1": {"Values": [["1", "1"], ["1", "much"]]}}})
        assert bad.codes == (400, "BadUserArgument", "InputParseError")
        assert "row 2 of input 'input1' has no Double in column 'y'" in bad.message
        refused = service.execute({"Inputs": {"input1": {"Values": [["1", ""]]}}})
        assert refused.codes == (400, "ModuleExecutionError", "ModuleExecutionError")
        source = service.upload("in.csv", "x,y\n0,0\n5,5\n")
        status = service.ended(service.run({"Input": source, "Output": service.reference("out.csv")}))
        assert status["StatusCode"] == "Finished", status
        assert service.download("out.csv").replace('"', "") == "Scored Labels\nno\nyes\n"
        source = service.upload("bad.csv", 'x,y,z\n0,0,"a\nb"\n\n5,much,c\n')
        status = service.ended(service.run({"Input": source}))
        assert status["StatusCode"] == "Failed"
        assert "Line 5, column 'y': the cell is not of type Double" in status["Details"]


@pytest.mark.parametrize("model", sampled(["scikit_learn", "onnx", "mlflow_pyfunc"], 1))
def test_service_whose_model_cannot_be_loaded_does_not_start_and_names_the_file(
    azurite: Any, tmp_path: Path, model: str
) -> None:
    keys = Keys()
    (tmp_path / "model.bin").write_bytes(b"no model")
    text = declaration(keys, f'{{ type = "{model}", path = "model.bin" }}', INPUTS, '[{ name = "a", type = "Double" }]')
    (tmp_path / "service.toml").write_text(text)
    ended = subprocess.run(
        [sys.executable, "-m", "service.web_service"],
        env=environment_of(tmp_path, azurite.connection_string, {}),
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    assert ended.returncode != 0
    assert f"{tmp_path / 'model.bin'}: cannot be loaded: " in ended.stderr.splitlines()[-1]
    assert ended.stdout == ""


def sum_model(path: Path) -> Path:
    onnx = pytest.importorskip("onnx", reason="the package that builds the test's model is not installed")
    helper, kinds = onnx.helper, onnx.TensorProto
    graph = helper.make_graph(
        [helper.make_node("ReduceSum", ["rows", "axes"], ["sums"], keepdims=1)],
        "sums",
        [helper.make_tensor_value_info("rows", kinds.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("sums", kinds.FLOAT, ["n", 1])],
        [helper.make_tensor("axes", kinds.INT64, [1], [1])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def difference_model(path: Path) -> Path:
    onnx = pytest.importorskip("onnx", reason="the package that builds the test's model is not installed")
    helper, kinds = onnx.helper, onnx.TensorProto
    graph = helper.make_graph(
        [helper.make_node("Sub", ["x", "y"], ["difference"])],
        "difference",
        [
            helper.make_tensor_value_info(name, kinds.DOUBLE, shape)
            for name, shape in (("x", ["n", 1]), ("y", ["n", 1]))
        ],
        [helper.make_tensor_value_info("difference", kinds.DOUBLE, ["n", 1])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def test_onnx_model_takes_all_columns_side_by_side_or_one_by_one(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra for ONNX is not installed")
    from service.onnx_model import OnnxModel

    declared = Onnx(type="onnx", path=sum_model(tmp_path / "sum.onnx"))
    model = OnnxModel(declared, port(sum="Double"))
    assert [row["sum"] for row in model.score(NUMBERS).to_pylist()] == [1.0, 3.0, 8.0]
    assert model.score(NUMBERS.slice(0, 0)).num_rows == 0
    declared = Onnx(type="onnx", path=difference_model(tmp_path / "difference.onnx"), outputs=("difference",))
    scored = OnnxModel(declared, port(difference="Int32")).score(NUMBERS).to_pylist()
    assert [row["difference"] for row in scored] == [1, 1, -2]
    with pytest.raises(ScoringFailed, match="The model refuses the rows"):
        model.score(pa.record_batch({"x": [1.0]}))


LOADER = """
class Doubled:
    def predict(self, frame):
        if frame.isna().any().any():
            raise ValueError("a value is missing")
        return frame * 2

def _load_pyfunc(path):
    return Doubled()
"""


# MLflow and its own dependencies use what they have deprecated themselves.
@pytest.mark.filterwarnings("ignore")
def test_mlflow_model_is_loaded_through_its_python_function(tmp_path: Path) -> None:
    pyfunc = pytest.importorskip("mlflow.pyfunc", reason="the extra for MLflow is not installed")
    from service.mlflow_model import MlflowModel

    (tmp_path / "doubled_loader.py").write_text(LOADER)
    pyfunc.save_model(
        tmp_path / "doubled",
        loader_module="doubled_loader",
        code_paths=[str(tmp_path / "doubled_loader.py")],
        pip_requirements=[],
    )
    declared = MlflowPyfunc(type="mlflow_pyfunc", path=tmp_path / "doubled")
    model = MlflowModel(declared, port(x="Double", y="Double"))
    assert model.score(NUMBERS).to_pylist()[2] == {"x": 6.0, "y": 10.0}
    with pytest.raises(ScoringFailed, match="a value is missing"):
        model.score(pa.record_batch({"x": pa.array([None], pa.float64()), "y": pa.array([1.0])}))
