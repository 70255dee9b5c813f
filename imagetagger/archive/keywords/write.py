"""Changes of sidecars, planned as the bytes before and after; nothing is written here."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from imagetagger.archive.keywords.document import XmpDocument, parse_xmp
from imagetagger.archive.keywords.edit import put_in, take_out
from imagetagger.archive.keywords.embedded import embedded_values
from imagetagger.archive.keywords.encodings import encode_xml
from imagetagger.archive.keywords.errors import SidecarError, XmpError
from imagetagger.archive.keywords.fields import FIELDS, Keyword, SidecarStyle
from imagetagger.archive.keywords.marks import (
    WANTED_FIELDS,
    FileMark,
    MachineTag,
    Marks,
    TagMark,
    added_values,
    machine_tag,
    mark_lines,
)
from imagetagger.archive.keywords.merge import FieldValue, merge_values
from imagetagger.archive.keywords.plan import choose_fields, plan_marks, request_tags
from imagetagger.archive.keywords.read import has_keyword
from imagetagger.archive.keywords.sidecar import (
    Sidecar,
    find_sidecars,
    is_shared,
    load_sidecar,
    parse_sidecar,
    sidecar_path,
)
from imagetagger.bundle.names import MAX_TEXT_LENGTH, text_problem

EMPTY_SIDECAR = b"""<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="imagetagger">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""
MAX_BROADER = 31


class SidecarChange(NamedTuple):
    """What a sidecar is and becomes; None where there is no file. Equal contents change nothing."""

    path: Path
    before: bytes | None
    after: bytes | None


def plan_tags(picture: Path, tags: Sequence[MachineTag], *, style: SidecarStyle = "digikam") -> SidecarChange:
    """Plan the change after which the machine tags of a picture are exactly these, but for two kinds.

    A tag that a person set already stays theirs alone, and one that somebody deleted is not written again. The sidecar
    that exists is changed, `name.jpg.xmp` before `name.xmp`; one that has our tags comes first. In a sidecar that
    several pictures share, tags that were written for another one stay.

    Args:
        picture: it is read, for keywords of persons, and never written.
        tags: to write; [] takes all of them away, but remembers what somebody deleted.
        style: of a new sidecar, and of fields in one that has no hierarchical field.

    Raises:
        ValueError: a tag that cannot be written, by its name or probability.
        SidecarError: a sidecar is broken.
        OSError: the picture cannot be read.
    """
    for tag in tags:
        _check_tag(tag)
    sidecars = [load_sidecar(path) for path in find_sidecars(picture)]
    sidecar = _choose(sidecars, picture) or _new_sidecar(sidecar_path(picture, style))
    elsewhere = [value for other in sidecars if other is not sidecar for value in other.people]
    people = merge_values([*sidecar.people, *elsewhere, *embedded_values(picture)])
    requests = request_tags(sidecar.marks, tags, _mark_name(picture), lambda name: is_shared(sidecar.path, name))
    base = _without_ours(sidecar)
    fields = choose_fields(base, sidecar.marks.file.created, style)
    marks = plan_marks(base, fields, sidecar.people, people, sidecar.marks, requests)
    return _change(sidecar, base, marks)


def plan_answer(
    picture: Path, confirmed: Sequence[Keyword], rejected: Sequence[Keyword], *, style: SidecarStyle = "digikam"
) -> SidecarChange:
    """Plan the change after which a person has confirmed and rejected tags of a picture.

    Confirmed tags are the person's, also those that we wrote: no mark is left of them. Of rejected tags, and
    of those below them, our values are deleted, as by a person, so that they are not written again; those that nobody
    wrote change nothing here. Our other tags stay.

    Args:
        picture: it is read, for keywords of persons, and never written.
        confirmed: keywords that it has.
        rejected: keywords that it does not have.
        style: see `plan_tags`.

    Raises:
        ValueError: a keyword that cannot be written.
        SidecarError: a sidecar is broken, or has a layout in which keywords cannot be added.
        OSError: the picture cannot be read.
    """
    for keyword in confirmed:
        _check_tag(MachineTag(keyword, 1, "-", "-"))
    sidecars = [load_sidecar(path) for path in find_sidecars(picture)]
    sidecar = _choose(sidecars, picture) or _new_sidecar(sidecar_path(picture, style))
    elsewhere = [value for other in sidecars if other is not sidecar for value in other.people]
    people = merge_values([*sidecar.people, *elsewhere, *embedded_values(picture)])
    new = [keyword for keyword in confirmed if not has_keyword(people, keyword)]
    own = [mark for mark in sidecar.marks.tags if mark.values and _is_of(sidecar, mark, _mark_name(picture))]
    kept = [machine_tag(mark) for mark in own if not _is_rejected(mark.keyword, rejected)]
    if not new and len(kept) == len(own) and not any(has_keyword(confirmed, mark.keyword) for mark in own):
        return SidecarChange(sidecar.path, sidecar.data, sidecar.data)
    base = _without_ours(sidecar)
    fields = choose_fields(base, sidecar.marks.file.created, style)
    wanted = dict.fromkeys(FieldValue(field, FIELDS[field].join(keyword)) for keyword in new for field in fields)
    values = [value for value in wanted if value not in sidecar.people]
    base = parse_xmp(put_in(base, values, ()), WANTED_FIELDS) if values else base
    requests = request_tags(sidecar.marks, kept, _mark_name(picture), lambda name: is_shared(sidecar.path, name))
    shared = [request.tag.keyword for request in requests]
    marks = sidecar.marks._replace(
        tags=tuple(
            _delete(mark) if _is_rejected(mark.keyword, rejected) and mark.keyword not in shared else mark
            for mark in sidecar.marks.tags
        )
    )
    planned = plan_marks(base, fields, (*sidecar.people, *values), (*people, *new), marks, requests)
    change = _change(sidecar, base, planned, values)
    said = merge_values(parse_sidecar(sidecar.path, change.after).people if change.after else ())
    if missing := [keyword for keyword in new if not has_keyword(said, keyword)]:
        raise SidecarError(
            f"the sidecar {sidecar.path} has a layout to which the keyword {missing[0][-1]} cannot be added; it is "
            "left as it is. Save it again with your photo manager"
        )
    return change


def plan_removal(picture: Path) -> SidecarChange:
    """Plan the change that takes exactly what is ours out of a picture's sidecar.

    All fields have the values that persons left in them. A sidecar that we made is deleted if nothing else is in it.
    Where both sidecars have something of ours, the second one's turn comes after this change is applied.

    Raises:
        SidecarError: a sidecar is broken.
    """
    sidecars = [load_sidecar(path) for path in find_sidecars(picture)]
    sidecar = _choose(sidecars, picture)
    if sidecar is None:
        return SidecarChange(sidecar_path(picture, "digikam"), None, None)
    return _change(sidecar, _without_ours(sidecar), Marks(file=sidecar.marks.file))


def _choose(sidecars: Sequence[Sidecar], picture: Path) -> Sidecar | None:
    """Return the sidecar to change: the first with marks of this picture, or else the first."""
    ours = [sidecar for sidecar in sidecars if _has_marks(sidecar, _mark_name(picture))]
    return next(iter([*ours, *sidecars]), None)


def _has_marks(sidecar: Sidecar, picture: str) -> bool:
    """Whether a sidecar has marks that are not those of another picture only, which shares it."""
    if not sidecar.stored.tags:
        return bool(sidecar.stored.mirrors)
    return any(_is_of(sidecar, mark, picture) for mark in sidecar.stored.tags)


def _is_of(sidecar: Sidecar, mark: TagMark, picture: str) -> bool:
    """Whether a mark is of a picture: it has its name, or only names that no file has any more, as after a move."""
    return picture in mark.pictures or not any(is_shared(sidecar.path, name) for name in mark.pictures)


def _is_rejected(keyword: Keyword, rejected: Sequence[Keyword]) -> bool:
    """Whether a person rejected a keyword, or a broader one that it is below."""
    return any(has_keyword(rejected, keyword[:end]) for end in range(1, len(keyword) + 1))


def _new_sidecar(path: Path) -> Sidecar:
    """Return a sidecar that does not exist."""
    return parse_sidecar(path, EMPTY_SIDECAR)._replace(data=None, marks=Marks(file=FileMark(is_ours=True)))


def _without_ours(sidecar: Sidecar) -> XmpDocument:
    utf8 = take_out(sidecar.document, sidecar.ours, sidecar.marks.file)
    return parse_xmp(utf8, WANTED_FIELDS)


def _delete(mark: TagMark) -> TagMark:
    """Return a mark whose values somebody deleted."""
    return msgspec.structs.replace(mark, values={}, gone=tuple(dict.fromkeys((*mark.gone, *mark.values))))


def _change(sidecar: Sidecar, base: XmpDocument, marks: Marks, added: Sequence[FieldValue] = ()) -> SidecarChange:
    """Return the change from a sidecar to one of these marks.

    Args:
        sidecar: as it is.
        base: without anything of ours, and with the added values.
        marks: to write.
        added: values of persons.
    """
    lines = mark_lines(marks)
    if lines == mark_lines(sidecar.stored) and not added:
        return SidecarChange(sidecar.path, sidecar.data, sidecar.data)
    is_empty = not base.comments and not any(resource.property_count for resource in base.resources)
    if not lines and marks.file.is_ours and is_empty:
        return SidecarChange(sidecar.path, sidecar.data, None)
    utf8 = put_in(base, added_values(marks), lines) if lines else base.utf8
    after = encode_xml(sidecar.text._replace(utf8=utf8))
    _verify(sidecar, after, marks, added)
    return SidecarChange(sidecar.path, sidecar.data, after)


def _verify(sidecar: Sidecar, after: bytes, marks: Marks, added: Sequence[FieldValue]) -> None:
    """Check that a changed sidecar says what it shall, before anybody writes it.

    Raises:
        SidecarError: of a layout in which the change went wrong.
    """
    try:
        changed = parse_sidecar(sidecar.path, after)
        people = sorted((*sidecar.people, *added))
        is_right = sorted(changed.people) == people and mark_lines(changed.marks) == mark_lines(marks)
    except (SidecarError, XmpError):
        is_right = False
    if not is_right:
        raise SidecarError(
            f"the sidecar {sidecar.path} has a layout in which keywords cannot be changed safely; it is left as it is. "
            "Save it again with your photo manager"
        )


def _mark_name(picture: Path) -> str:
    """Return a picture's name as marks have it, without what XML does not have."""
    name = picture.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return name.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")


def _check_tag(tag: MachineTag) -> None:
    problem = None
    if not 0 < len(tag.keyword) <= MAX_BROADER + 1:
        problem = f"got a keyword of {len(tag.keyword)} names, expected 1 to {MAX_BROADER + 1}"
    for text in (*tag.keyword, tag.bundle, tag.written):
        problem = problem or text_problem(text, MAX_TEXT_LENGTH)
        if text != text.strip():
            problem = problem or f"got {text!r}, expected no spaces around it"
        if any(character in text for character in "\ufffe\uffff"):
            problem = problem or f"got {text!a}, which has a character that XML lacks"
    if not 0 <= tag.probability <= 1:
        problem = problem or f"got the probability {tag.probability}, expected one in [0, 1]"
    if problem:
        raise ValueError(problem)
