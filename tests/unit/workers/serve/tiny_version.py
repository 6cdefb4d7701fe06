"""A whole, real version made without torch: a small ONNX graph of the contract, its vocabulary and its manifest.

The graph sums the embeddings of the history and scores every item by the dot product with that sum. Embeddings are
small whole numbers, so float32 is exact, ties are common, and numpy can tell what must be served.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper, numpy_helper

from recsys_workers import manifest
from recsys_workers.manifest import Items, Manifest

NAMESPACE, MODEL, VERSION = "shop", "movies", 4


@dataclass(frozen=True)
class TinyVersion:
    """The folder of a version on a claim, and what the tests know about it."""

    claims: Path
    """RECSYS_PVC_ROOT."""
    folder: Path
    uri: str
    digest: str
    items: Items
    embedding: npt.NDArray[np.float32]
    max_length: int

    def environment(self, **other: str) -> dict[str, str]:
        """The environment of a server pod."""
        return {
            "RECSYS_PVC_ROOT": str(self.claims),
            "RECSYS_NAMESPACE": NAMESPACE,
            "RECSYS_MODEL": MODEL,
            "RECSYS_DEPLOYMENT": "movies",
            "RECSYS_VERSION": str(VERSION),
            "RECSYS_ARTIFACT_URI": self.uri,
            "RECSYS_DIGEST": self.digest,
            **other,
        }


def embedding_of(item_count: int, width: int = 4, seed: int = 7) -> npt.NDArray[np.float32]:
    """Whole numbers from -2 to 2; row 0, the padding, is zero."""
    table = np.random.default_rng(seed).integers(-2, 3, (item_count + 1, width)).astype(np.float32)
    table[0] = 0
    return table


def graph_of(embedding: npt.NDArray[np.float32], top_k: int, rounds: int = 0) -> bytes:
    """The bytes of model.onnx. `rounds` matrix products of 256 x 512 x 512 cost time and change no score."""
    initializers = [
        numpy_helper.from_array(embedding, "embedding"),
        numpy_helper.from_array(np.ascontiguousarray(embedding.T), "output_table"),
        numpy_helper.from_array(np.array([1], dtype=np.int64), "positions"),
        numpy_helper.from_array(np.array([top_k], dtype=np.int64), "k"),
        numpy_helper.from_array(np.array(-np.inf, dtype=np.float32), "minus_infinity"),
    ]
    nodes = [
        helper.make_node("Gather", ["embedding", "history"], ["events"]),
        helper.make_node("ReduceSum", ["events", "positions"], ["user"], keepdims=0),
        helper.make_node("MatMul", ["user", "output_table"], ["logits"]),
    ]
    logits = "logits"
    if rounds:
        initializers += [
            numpy_helper.from_array(np.zeros((embedding.shape[1], 256 * 512), dtype=np.float32), "widen"),
            numpy_helper.from_array(np.array([256, 512], dtype=np.int64), "wide_shape"),
            numpy_helper.from_array(np.zeros((512, 512), dtype=np.float32), "weight"),
            numpy_helper.from_array(np.array([0, 1], dtype=np.int64), "all_axes"),
        ]
        nodes += [
            helper.make_node("MatMul", ["user", "widen"], ["wide"]),
            helper.make_node("Reshape", ["wide", "wide_shape"], ["product0"]),
            *(
                helper.make_node("MatMul", [f"product{step}", "weight"], [f"product{step + 1}"])
                for step in range(rounds)
            ),
            helper.make_node("ReduceSum", [f"product{rounds}", "all_axes"], ["nothing"], keepdims=0),
            helper.make_node("Add", ["logits", "nothing"], ["late_logits"]),
        ]
        logits = "late_logits"
    nodes += [
        helper.make_node("Where", ["excluded", "minus_infinity", logits], ["allowed"]),
        helper.make_node("TopK", ["allowed", "k"], ["scores", "items"], axis=-1, largest=1, sorted=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [
            helper.make_tensor_value_info("history", TensorProto.INT64, ["batch", "length"]),
            helper.make_tensor_value_info("excluded", TensorProto.BOOL, ["batch", len(embedding)]),
        ],
        [
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", top_k]),
            helper.make_tensor_value_info("items", TensorProto.INT64, ["batch", top_k]),
        ],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return bytes(model.SerializeToString())


def write_version(
    claims: Path,
    item_count: int = 30,
    max_length: int = 5,
    input_length: int = 8,
    rounds: int = 0,
    verdict: str = "Passed",
    onnx: bytes | None = None,
    embedding: npt.NDArray[np.float32] | None = None,
    exclude_seen: bool | None = True,
    evaluation: bytes = b"{}\n",
) -> TinyVersion:
    """Write a version under `claims` as the trainer does; ids are "1" to "<item_count>".

    With `exclude_seen` None its protocol does not say whether items of a history are left out.
    """
    protocol = {"name": "LeaveOneOut"} | ({} if exclude_seen is None else {"excludeSeen": exclude_seen})
    table = embedding_of(item_count) if embedding is None else embedding
    top_k = min(100, item_count)
    uri = f"pvc://store/models/{NAMESPACE}/{MODEL}/versions/{VERSION}"
    folder = claims / uri.removeprefix("pvc://")
    folder.mkdir(parents=True)
    popularity = np.random.default_rng(11).integers(0, 6, item_count).tolist()
    items = Items([str(number) for number in range(1, item_count + 1)], popularity)
    files = [
        manifest.write_file(folder / manifest.MODEL, graph_of(table, top_k, rounds) if onnx is None else onnx),
        manifest.write_file(folder / manifest.ITEMS, manifest.encode_items(items)),
        manifest.write_file(folder / manifest.EVALUATION, evaluation),
    ]
    described = Manifest(
        namespace=NAMESPACE, model=MODEL, version=VERSION, run={"name": "movies-1", "uid": "u-1"}, image="trainer:dev",
        operator_version="0.1.0", task="SequentialRecommendation", architecture="SASRec", hyperparameters={}, seed=1,
        dataset={"uri": "pvc://data/tiny.inter"}, protocol=protocol, metrics=[], gates=[],
        verdict=verdict, create_time="2026-11-22T10:00:00Z", max_length=max_length, input_length=input_length,
        top_k=top_k, files=files,
    )  # fmt: skip
    data = manifest.encode(described)
    manifest.write_file(folder / manifest.MANIFEST, data)
    return TinyVersion(claims, folder, uri, manifest.digest_of(data), items, table, max_length)
