"""Sufficient statistics of Gaussians and the classifier built on them, in JAX."""
