"""model.onnx in ONNX Runtime, whatever the task."""

from typing import Any

import onnxruntime  # type: ignore[import-untyped]

from recsys_workers.serve.termination import CannotServe


def loaded(onnx: bytes, threads: int) -> Any:
    """A session on the CPU with so many threads; raises CannotServe when ONNX Runtime does not take the graph."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin between two requests eat the pod's CPU quota and get the whole pod throttled.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises a family of its own, not exported as types
        raise CannotServe("ModelUnreadable", f"ONNX Runtime cannot load model.onnx: {error}") from error


def names(session: Any) -> tuple[set[str], set[str]]:
    """What the graph calls its inputs and its outputs."""
    return {value.name for value in session.get_inputs()}, {value.name for value in session.get_outputs()}
