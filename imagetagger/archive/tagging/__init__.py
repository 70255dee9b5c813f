"""From embeddings and people's tags to the tags that are written beside pictures.

- `labelled`: which tags people set, and of which pictures.
- `learn`: statistics, calibration and promises of these tags.
- `learned_file`: the same as bytes.
- `everyday`: the tags of a bundle, for an archive from which nothing was learned.
- `plan`: what is written beside each picture.
"""
