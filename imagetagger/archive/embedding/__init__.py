"""Embedding many picture files at once, each read from disk once.

- `embed`: one file, from its bytes to its content id and its embedding.
- `processes`: a function applied to many items by processes, any of which may be killed.
- `files`: both together.
- `ray_files`: the same by the machines of a Ray cluster.
"""
