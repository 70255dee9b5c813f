"""Learning from shards: files of many pictures and their tags, more than one machine may hold.

- `reading`: the pictures of a .tar or .parquet file.
- `results`: what is written of a shard, its embeddings and its statistics, and read again.
- `work`: one shard, embedded or summed.
- `learn`: all shards, by processes or by a Ray cluster, and the tags that are learned from them.
"""
