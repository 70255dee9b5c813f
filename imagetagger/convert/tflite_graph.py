"""Operations on .tflite files: several combined into one, or one composed behind another, with identical results.

Converting `embed`, `score` and `merge` together would let `float16` round the constants of `score`, and would convert
the network again for every new classifier. Source: schema.fbs of TensorFlow Lite, version 3.
"""

from collections.abc import Sequence
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema


class _AlignedBuilder(flatbuffers.Builder):
    """Aligns the bytes of tensors to 16, as schema.fbs demands and the Python generator does not."""

    def StartVector(self, element_size: int, count: int, alignment: int) -> Any:
        return super().StartVector(element_size, count, 16 if element_size == 1 else alignment)


def combine(models: Sequence[bytes]) -> bytes:
    """Return one model with the signatures of all models.

    Raises:
        ValueError: two models have a signature of the same name.
    """
    model, *others = (schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0)) for model in models)
    for other in others:
        _append(model, other)
    names = [definition.signatureKey.decode() for definition in model.signatureDefs]
    if len(set(names)) < len(names):
        raise ValueError(f"got signatures {names}: expected different names")
    return _pack(model)


def _append(model: Any, other: Any) -> None:
    """Add the subgraphs of another model, its references shifted behind those of `model`."""
    codes, buffers, graphs = len(model.operatorCodes), len(model.buffers), len(model.subgraphs)
    for graph in other.subgraphs:
        for tensor in graph.tensors:
            tensor.buffer += buffers if tensor.buffer else 0  # buffer 0 is the empty one
        for operator in graph.operators:
            operator.opcodeIndex += codes
    for definition in other.signatureDefs:
        definition.subgraphIndex += graphs
    model.operatorCodes += other.operatorCodes
    model.buffers += other.buffers
    model.subgraphs += other.subgraphs
    model.signatureDefs += other.signatureDefs


def compose(first: bytes, second: bytes) -> bytes:
    """Return one model with the signature of the first, its only output passed through that of the second.

    Raises:
        ValueError: a model has several signatures, the first several outputs, or the second several inputs or outputs,
            or the shapes or types between them differ.
    """
    model, other = (schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0)) for model in (first, second))
    if len(model.signatureDefs) != 1 or len(other.signatureDefs) != 1:
        raise ValueError("got models of several signatures, expected one in each")
    outer, inner = model.signatureDefs[0], other.signatureDefs[0]
    if len(outer.outputs) != 1 or len(inner.inputs) != 1 or len(inner.outputs) != 1:
        raise ValueError("got several tensors between two models, expected one")
    graph = model.subgraphs[outer.subgraphIndex]
    junction, entry, tensors = outer.outputs[0].tensorIndex, inner.inputs[0].tensorIndex, len(graph.tensors)
    _append(model, other)
    tail = model.subgraphs.pop()
    model.signatureDefs.pop()
    ends = graph.tensors[junction], tail.tensors[entry]
    output, expected = ((list(map(int, end.shape)), end.type) for end in ends)
    if output != expected:
        raise ValueError(f"got an output of shape and type {output}, expected {expected}, the second model's input")

    def shifted(index: int) -> int:
        return index if index < 0 else junction if index == entry else index + tensors  # -1 is a missing input

    for operator in tail.operators:
        operator.inputs, operator.outputs = (
            [shifted(i) for i in indices] for indices in (operator.inputs, operator.outputs)
        )
    for tensor in tail.tensors:
        tensor.name = b"then/" + tensor.name  # tf2onnx wires tensors by name
    graph.tensors += tail.tensors
    graph.operators += tail.operators
    graph.outputs = [shifted(i) for i in tail.outputs]
    outer.outputs[0].tensorIndex = shifted(inner.outputs[0].tensorIndex)
    return _pack(model)


def _pack(model: Any) -> bytes:
    builder = _AlignedBuilder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
