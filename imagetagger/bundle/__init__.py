"""What an experiment ships: an immutable bundle of model, statistics, tags and golden vectors.

This package and what it imports need NumPy, Pillow, safetensors, msgspec and LiteRT, never JAX or TensorFlow. Only
`imagetagger.export` makes bundles.
"""
