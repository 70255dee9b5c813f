"""Trackers: a finished run, from its result.json, as a run of TensorBoard, MLflow or Weights & Biases."""
