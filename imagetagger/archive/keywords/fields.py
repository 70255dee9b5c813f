"""The fields of metadata that hold keywords, and how each of them writes a keyword with its broader ones."""

import re
from typing import Literal, NamedTuple

from imagetagger.bundle.names import name_key, normalise_name

Keyword = tuple[str, ...]
"""A keyword after its broader ones, the broadest first: ("animal", "bird", "goldfinch")."""
SidecarStyle = Literal["digikam", "adobe"]
"""Whose habits a new sidecar follows: digiKam's, `photo.jpg.xmp`, or those of Adobe's programs, `photo.xmp`."""

SEPARATORS = re.compile(r"[/\\|]")
"""Characters that stand between keywords, or in the place of one that does."""


class KeywordField(NamedTuple):
    """A field of keywords.

    Attributes:
        name: as XMP's tools write it, with the usual prefix.
        namespace: that the prefix stands for.
        separator: between a keyword and the broader one before it; "" if the field has only the last of them.
        stand_in: for the separator in a name.
        container: of the values in RDF.
    """

    name: str
    namespace: str
    separator: str
    stand_in: str
    container: Literal["Bag", "Seq"]

    def join(self, keyword: Keyword) -> str:
        r"""Return a keyword as this field writes it.

        >>> FIELDS["digiKam:TagsList"].join(("music", "AC/DC")), FIELDS["dc:subject"].join(("music", "AC/DC"))
        ('music/AC\\DC', 'AC/DC')
        """
        if not self.separator:
            return keyword[-1]
        return self.separator.join(name.replace(self.separator, self.stand_in) for name in keyword)

    def split(self, text: str) -> Keyword:
        """Return the keyword of a value, () if it has no name.

        >>> FIELDS["lr:hierarchicalSubject"].split("music|AC/DC")
        ('music', 'AC/DC')
        """
        names = map(normalise_name, text.split(self.separator) if self.separator else [text])
        return tuple(name for name in names if name)


_FIELDS = (
    KeywordField("dc:subject", "http://purl.org/dc/elements/1.1/", "", "", "Bag"),
    KeywordField("lr:hierarchicalSubject", "http://ns.adobe.com/lightroom/1.0/", "|", "/", "Bag"),
    KeywordField("digiKam:TagsList", "http://www.digikam.org/ns/1.0/", "/", "\\", "Seq"),
    KeywordField("MicrosoftPhoto:LastKeywordXMP", "http://ns.microsoft.com/photo/1.0/", "/", "\\", "Bag"),
)
FIELDS = {field.name: field for field in _FIELDS}
"""XMP's fields of keywords, by name."""
FLAT_FIELD = "dc:subject"
IPTC_FIELD = "IPTC:Keywords"
"""Embedded keywords of the standard before XMP: flat, and read only."""

STYLE_FIELDS: dict[SidecarStyle, tuple[str, ...]] = {
    "digikam": tuple(FIELDS),
    "adobe": (FLAT_FIELD, "lr:hierarchicalSubject"),
}
"""The fields that the programs of a style write. One that writes all of its fields again then adds no value to ours."""


def split_value(field: str, text: str) -> Keyword:
    """Return the keyword of a value of an XMP field or of IPTC's."""
    return FIELDS[FLAT_FIELD if field == IPTC_FIELD else field].split(text)


def keyword_key(keyword: Keyword) -> str:
    r"""Return what the spellings of a keyword in different fields have in common.

    >>> keyword_key(("Music", "AC/DC")) == keyword_key(("music", "AC", "DC")) == keyword_key(("Music", "AC\\DC"))
    True
    """
    return SEPARATORS.sub("/", "/".join(map(name_key, keyword)))


def is_same_keyword(a: Keyword, b: Keyword) -> bool:
    """Whether two keywords are the same, of which one may lack the broadest ones of the other.

    >>> is_same_keyword(("bird", "finch"), ("Finch",)), is_same_keyword(("animal", "bat"), ("sport", "bat"))
    (True, False)
    """
    length = min(len(a), len(b))
    return keyword_key(a[-length:]) == keyword_key(b[-length:]) or keyword_key(a) == keyword_key(b)
