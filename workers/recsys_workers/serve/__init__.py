"""The inference server: one verified version, answered from ONNX Runtime over HTTP. No torch, no Ray."""
