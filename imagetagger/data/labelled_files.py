"""What a user's folder or list says of its pictures, before any of them is read."""

from pathlib import Path
from typing import NamedTuple

from imagetagger.data.folder_walk import FolderContents, Unusable
from imagetagger.data.split_names import Role


class LabelledFile(NamedTuple):
    """A listed file.

    Attributes:
        file: where it is.
        tags: their names, untrimmed and perhaps empty.
        role: of the split that the user put it in; None without splits.
        group: the user's own; "" for none.
        source: of its tags, for messages: a folder, or a line of a list.
        listed_path: its path as a list has it; "" in a folder.
    """

    file: Path
    tags: list[str]
    role: Role | None = None
    group: str = ""
    source: str = ""
    listed_path: str = ""


class Listing(NamedTuple):
    """All that a folder or a list names.

    Attributes:
        pictures: in the order of the list, or by name.
        unusable: files and folders that cannot be read.
        contents: of the folder, for what was passed over.
        empty: folders that would be tags, without a picture.
        left_out: folders beside splits, whose pictures are not used.
        notes: what the user should know of how the folder was read.
    """

    pictures: list[LabelledFile]
    unusable: list[Unusable]
    contents: FolderContents = FolderContents()
    empty: tuple[Path, ...] = ()
    left_out: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
