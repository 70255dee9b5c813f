"""What is known of an archive's pictures, in one SQLite file that several processes may use at once.

- `database`: the file, its tables and its transactions.
- `content`: the id by which a picture is known wherever its file is.
- `listing`, `files`, `scan`: which files there are, and what became of those known before.
- `embeddings`: embeddings by picture and embedding space, and who computes the missing ones.
- `written`: the tags that were written, and those that a person withdrew.
- `learned`: what was learned from people's tags.
- `taggings`: the last complete tagging of folders, and what it depended on.
- `status`: how much of each there is.

Every function takes the connection that `open_catalogue` returns, and changes the file in short transactions.
"""
