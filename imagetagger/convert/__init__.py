"""From JAX functions to .tflite and ONNX files."""
