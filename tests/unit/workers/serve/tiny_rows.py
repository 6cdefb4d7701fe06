"""A whole, real version of the task Tabular made without torch: outputs are multiples of one sum over a row."""

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from tests.unit.workers.serve.tiny_version import NAMESPACE, VERSION

from recsys_workers import manifest, preprocessing
from recsys_workers.manifest import Manifest
from recsys_workers.preprocessing import Column, Hashed, Numeric, OneHot, Preprocessing, Target

MODEL = "churn"
COLUMNS: tuple[Column, ...] = (
    Numeric("age", 40.0, 10.0, False),
    Numeric("idle", 5.0, 2.0, True),
    OneHot("plan", ("basic", "plus"), False),
    Hashed("phone", 4, True),
)
BINARY = Preprocessing(COLUMNS, Target("churned", "Binary", ("no", "yes")))


def graph_of(fitted: Preprocessing, weights: float = 1.0) -> bytes:
    """Output k of a row is weights × (sum of its numbers + sum of its categories' rows) × (k + 1)."""
    outputs = fitted.target.outputs
    initializers = [
        numpy_helper.from_array(np.full((fitted.numeric_width, 1), weights, dtype=np.float32), "matrix"),
        numpy_helper.from_array((weights * np.arange(fitted.table_size)).astype(np.float32), "table"),
        numpy_helper.from_array(np.arange(1, outputs + 1, dtype=np.float32)[None, :], "each"),
        numpy_helper.from_array(np.array([1], dtype=np.int64), "axis"),
    ]
    nodes = [
        helper.make_node("MatMul", ["numeric", "matrix"], ["numbers"]),
        helper.make_node("Gather", ["table", "categorical"], ["rows"]),
        helper.make_node("ReduceSum", ["rows", "axis"], ["categories"], keepdims=1),
        helper.make_node("Add", ["numbers", "categories"], ["sum"]),
        helper.make_node("MatMul", ["sum", "each"], ["output"]),
    ]
    width = fitted.categorical_width
    graph = helper.make_graph(
        nodes,
        "rows",
        [
            helper.make_tensor_value_info("numeric", TensorProto.FLOAT, ["batch", fitted.numeric_width]),
            helper.make_tensor_value_info("categorical", TensorProto.INT64, ["batch", width]),
        ],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", outputs])],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return bytes(model.SerializeToString())


def write_rows_version(
    claims: Path,
    fitted: Preprocessing = BINARY,
    onnx: bytes | None = None,
    encoded: bytes | None = None,
    task: str = "Tabular",
) -> dict[str, str]:
    """Write a version under `claims` as the trainer does; the environment of a pod that serves it."""
    uri = f"pvc://store/models/{NAMESPACE}/{MODEL}/versions/{VERSION}"
    folder = claims / uri.removeprefix("pvc://")
    folder.mkdir(parents=True)
    files = [
        manifest.write_file(folder / manifest.MODEL, graph_of(fitted) if onnx is None else onnx),
        manifest.write_file(folder / manifest.EVALUATION, b"{}\n"),
    ]
    if encoded != b"":
        written = preprocessing.encode(fitted) if encoded is None else encoded
        files.append(manifest.write_file(folder / manifest.PREPROCESSING, written))
    described = Manifest(
        namespace=NAMESPACE, model=MODEL, version=VERSION, run={"name": "churn-1", "uid": "u-1"}, image="trainer:dev",
        operator_version="0.1.0", task=task, architecture="Linear", hyperparameters={}, seed=1,
        dataset={"uri": "pvc://data/churn"}, protocol={"name": "ByRatio"}, metrics=[], gates=[], verdict="Passed",
        create_time="2026-11-22T10:00:00Z", max_length=0, input_length=0, top_k=0, files=files,
    )  # fmt: skip
    data = manifest.encode(described)
    manifest.write_file(folder / manifest.MANIFEST, data)
    return {
        "RECSYS_PVC_ROOT": str(claims),
        "RECSYS_NAMESPACE": NAMESPACE,
        "RECSYS_MODEL": MODEL,
        "RECSYS_DEPLOYMENT": MODEL,
        "RECSYS_VERSION": str(VERSION),
        "RECSYS_ARTIFACT_URI": uri,
        "RECSYS_DIGEST": manifest.digest_of(data),
    }
