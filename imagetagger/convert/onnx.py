"""From a float .tflite file to ONNX, by tf2onnx (which cannot read the SavedModels of jax2tf)."""

import logging
import tempfile
from pathlib import Path

from imagetagger.system.stderr import silence_stderr

OPSET = 17


def to_onnx(model: bytes) -> bytes:
    """Convert a .tflite model of one signature; inputs and outputs keep the signature's names.

    ONNX names are unique, so an output with the name of an input gets the prefix `new_`.

    Args:
        model: contents of a float .tflite file.
    """
    import onnx
    import tf2onnx
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=model)
    (name,) = interpreter.get_signature_list()
    runner = interpreter.get_signature_runner(name)
    inputs, outputs = runner.get_input_details(), runner.get_output_details()
    names = {detail["name"]: key for key, detail in inputs.items()}
    names |= {detail["name"]: f"new_{key}" if key in inputs else key for key, detail in outputs.items()}
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder, silence_stderr():
        path = Path(folder) / "model.tflite"
        path.write_bytes(model)
        proto, _ = tf2onnx.convert.from_tflite(str(path), opset=OPSET)
    for node in proto.graph.node:
        node.input[:] = [names.get(value, value) for value in node.input]
        node.output[:] = [names.get(value, value) for value in node.output]
    for value in (*proto.graph.input, *proto.graph.output):
        value.name = names.get(value.name, value.name)
    proto.doc_string = ""
    onnx.checker.check_model(proto)
    content: bytes = proto.SerializeToString()
    return content
