"""What an experiment ships: an immutable bundle of model, statistics, tags and golden vectors.

This package and what it imports need NumPy, Pillow, safetensors and LiteRT, never JAX or TensorFlow; only
`imagetagger.export` writes bundles.
"""
