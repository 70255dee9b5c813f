"""Keywords of pictures: those that people set are read, ours are written into XMP sidecars and can be removed again.

Embedded XMP and IPTC are read; a picture file is never written. A change is planned first, as the bytes before and
after, so that it can be shown or applied.
"""

from imagetagger.archive.keywords.apply import apply_change, describe_change
from imagetagger.archive.keywords.errors import SidecarError
from imagetagger.archive.keywords.fields import Keyword, SidecarStyle
from imagetagger.archive.keywords.marks import MachineTag
from imagetagger.archive.keywords.read import PictureKeywords, read_keywords
from imagetagger.archive.keywords.write import SidecarChange, plan_answer, plan_removal, plan_tags

__all__ = [
    "Keyword",
    "MachineTag",
    "PictureKeywords",
    "SidecarChange",
    "SidecarError",
    "SidecarStyle",
    "apply_change",
    "describe_change",
    "plan_answer",
    "plan_removal",
    "plan_tags",
    "read_keywords",
]
