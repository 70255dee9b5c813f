"""Embedding networks and their pretrained weights."""
