"""A photo library that is tagged where it is: folders of pictures, with XMP sidecars beside them.

- `keywords`: reads people's tags, and writes ours into sidecars, so that exactly ours can be removed again.
- `catalogue`: what is known of the pictures, in one SQLite file: where they are, their embeddings, what was written.
- `embedding`: decodes and embeds many pictures.
- `promise`: probability per tag, and thresholds for which a share of right tags is promised.
- `tagging`: learns the tags that people set, and plans what is written.
- `refresh`, `people`, `predicting`, `writing`: the steps in between, on a catalogue and its files.
"""
