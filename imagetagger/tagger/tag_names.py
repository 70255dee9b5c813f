"""The tags in use: those of a bundle with a user's edits, how to find one by a name, and how to name one.

A broader term of the bundle can be taught too. It is then a tag with the id of the term.
"""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from itertools import islice, product

from msgspec.structs import replace

from imagetagger.bundle.labels import Label, Term
from imagetagger.bundle.names import MAX_NAME_LENGTH, name_key, name_problem, normalise_name, same_name
from imagetagger.tagger.lessons import LessonError, Lessons, VocabularyEdits, final_tags

MAX_COMPARED_NAMES = 5000
"""Names that a misspelled one is compared with: each takes about 0.1 ms."""


def add_tag(lessons: Lessons, labels: Iterable[Label], name: str, terms: Iterable[Term] = ()) -> tuple[Lessons, str]:
    """Add a tag and return its id; a removed tag of that name comes back, and a broader term becomes a tag too.

    Raises:
        LessonError: the name cannot be one, or is taken.
    """
    _check_is_text(name)
    edits = lessons.edits
    in_use = vocabulary(labels, lessons, terms)
    term = next((term for term in terms if term.id not in in_use and same_name(term.name, name)), None)
    if term:
        names = {**edits.names, term.id: term.name}
        return lessons._replace(edits=edits._replace(names=names, removed=edits.removed - {term.id})), term.id
    name = check_name(lessons, labels, name)
    bundled = {label.id: label.name for label in labels}
    used = {label.name for label in vocabulary(labels, lessons).values()}  # a name is never another tag's id
    final = final_tags(edits.merged)
    hidden = {key for key in edits.removed if final.get(key, key) == key and key not in used}
    spellings = (*edits.names.items(), *bundled.items())  # a renamed tag comes back by either name
    restored = next((key for key, other in spellings if key in hidden and same_name(other, name)), None)
    key = restored or _unused_id(name, {*bundled, *used, *edits.names, *edits.merged, *edits.merged.values()})
    names = {other: text for other, text in edits.names.items() if other != key}
    if key not in bundled or not same_name(bundled[key], name):
        names[key] = name
    return lessons._replace(edits=edits._replace(names=names, removed=edits.removed - {key})), key


def rename_tag(lessons: Lessons, labels: Iterable[Label], tag: str, name: str, terms: Iterable[Term] = ()) -> Lessons:
    """Give a tag another name; its id stays.

    Raises:
        LessonError: the name cannot be one, or is another tag's.
    """
    name = check_name(lessons, labels, name, tag, terms)
    return lessons._replace(edits=lessons.edits._replace(names={**lessons.edits.names, tag: name}))


def vocabulary(labels: Iterable[Label], lessons: Lessons, terms: Iterable[Term] = ()) -> dict[str, Label]:
    """Tags in use by id, those of the bundle first, with the edits applied; a term that was taught is a tag too.

    The names of merged tags become synonyms. A tag that was taught or merged into, and that neither the bundle nor an
    edit names, as after a change of bundles, is named after its id.
    """
    edits = lessons.edits
    taught = (tag for picture in lessons.pictures.values() for tag in picture.tags)
    known = {label.id: label for label in labels}
    by_term = {term.id: Label(term.id, term.name, term.synonyms, term.broader) for term in terms}
    for key in dict.fromkeys((*edits.names, *edits.merged.values(), *taught)):
        label = known.get(key) or by_term.get(key) or Label(key, key, ())
        known[key] = replace(label, name=edits.names.get(key, label.name))
    final = final_tags(edits.merged)
    result = {key: label for key, label in known.items() if final.get(key, key) == key and key not in edits.removed}
    synonyms: dict[str, dict[str, None]] = {}
    for key, label in known.items():
        target = final.get(key, key)
        if target != key and target in result:
            words = synonyms.setdefault(target, dict.fromkeys(result[target].synonyms))
            words |= dict.fromkeys((label.name, *label.synonyms))
    return result | {key: replace(result[key], synonyms=tuple(words)) for key, words in synonyms.items()}


def taught_names(labels: Iterable[Label | Term], lessons: Lessons) -> dict[str, str]:
    """Names, by id, of tags that pictures teach or others were merged into: another bundle may lack them."""
    names = {label.id: label.name for label in labels} | dict(lessons.edits.names)
    taught = (tag for picture in lessons.pictures.values() for tag in picture.tags)
    return {tag: names[tag] for tag in (*taught, *lessons.edits.merged.values()) if tag in names}


def adopt_lessons(
    lessons: Lessons, labels: Sequence[Label], names: Mapping[str, str], terms: Sequence[Term] = ()
) -> Lessons:
    """Adapt lessons to a bundle: tags that it lacks are added by their names, or merged into its own of that name.

    A user's "goldfish" and a bundle's are one tag, as are a user's tag and a broader term; unless the user removed one
    of them, merged them already, or the name fits several.

    Args:
        lessons: with the names of other bundles' tags only as far as the user changed them.
        labels: tags of the bundle.
        names: of the tags that the lessons teach, by id.
        terms: broader terms of the bundle.
    """
    edits = lessons.edits
    bundled = {label.id for label in labels} | {term.id for term in terms}
    lacking = {key: name for key, name in names.items() if key not in bundled and key not in edits.names}
    own = {key: name for key, name in {**edits.names, **lacking}.items() if key not in bundled}
    tags: dict[str, Label | Term] = {
        label.id: replace(label, name=edits.names.get(label.id, label.name)) for label in labels
    }
    broader: dict[str, Label | Term] = {term.id: term for term in terms}
    index = _index_names((tags, broader)) if own else []
    final, merged = final_tags(edits.merged), dict(edits.merged)
    for key, name in own.items():
        matches = _matching_ids(index, name)
        if len(matches) != 1 or key in edits.merged or not edits.removed.isdisjoint({key, matches[0]}):
            continue
        if (target := _follow(matches[0], final)) != key:
            merged[key], final[key] = matches[0], target
    return lessons._replace(edits=edits._replace(names={**edits.names, **lacking}, merged=merged))


def separate_twins(before: Lessons, adopted: Lessons) -> Lessons:
    """Return adopted lessons in which tags that became one with the bundle's are apart, also under later bundles.

    Each is merged into itself. The lessons are `adopted` where there are none.
    """
    merged = adopted.edits.merged
    apart = {key: key for key in merged if key not in before.edits.merged}
    return adopted._replace(edits=adopted.edits._replace(merged={**merged, **apart})) if apart else adopted


def _follow(tag: str, final: dict[str, str]) -> str:
    """Tag that a tag was finally merged into; the way is shortened for the next one that goes it."""
    path = []
    while (after := final.get(tag, tag)) != tag:
        path.append(tag)
        tag = after
    final |= dict.fromkeys(path, tag)
    return tag


def check_name(
    lessons: Lessons, labels: Iterable[Label], name: str, tag: str | None = None, terms: Iterable[Term] = ()
) -> str:
    """Normalise a name for a tag, None for a new one; raise LessonError if it cannot be one or is another tag's."""
    _check_is_text(name)
    name = normalise_name(name)
    if problem := name_problem(name):
        raise LessonError(problem)
    wanted = name_key(name)
    for label in vocabulary(labels, lessons).values():
        if label.id != tag and name_key(label.name) == wanted:
            raise LessonError(f"there is a tag {label.name!r} already ({label.id}): choose another name, or teach it")
        if label.id != tag and label.id == name:  # `find_tag` takes names and ids
            raise LessonError(f"{name!r} is the id of the tag {label.name!r}: choose another name")
    if any(term.id != tag and same_name(term.name, name) for term in terms):
        raise LessonError(f"there is a broader term {name!r} already: choose another name, or merge the tag into it")
    return name


def _check_is_text(name: object) -> None:
    if not isinstance(name, str):
        raise LessonError(f"got {name!r} as the name of a tag, expected a text")


def _unused_id(name: str, taken: set[str]) -> str:
    """Id made of the full name, so that two users who add the same tag get the same id."""
    base = f"user:{name.casefold()}"
    return next(key for key in (base, *(f"{base}-{i}" for i in range(2, len(taken) + 3))) if key not in taken)


def usable_terms(terms: Iterable[Term], edits: VocabularyEdits) -> tuple[Term, ...]:
    """Return the terms that a user neither removed as tags nor merged into other tags."""
    return tuple(term for term in terms if term.id not in edits.removed and term.id not in edits.merged)


def matching_ids(vocabulary: Mapping[str, Label], name: str, terms: Iterable[Term] = ()) -> list[str]:
    """Return the ids of the tags, or else of the broader terms, that a text is the id, the name or a synonym of."""
    broader = {term.id: term for term in terms if term.id not in vocabulary}
    if name in vocabulary or name in broader:
        return [name]
    wanted, kinds = name_key(name), list[Mapping[str, Label | Term]]((vocabulary, broader))
    for words, names in product(kinds, (_own_name, _synonyms)):
        if matches := [key for key, word in words.items() if any(name_key(other) == wanted for other in names(word))]:
            return matches
    return []


def _own_name(word: Label | Term) -> tuple[str, ...]:
    return (word.name,)


def _synonyms(word: Label | Term) -> tuple[str, ...]:
    return word.synonyms


def find_tag(vocabulary: Mapping[str, Label], tag: str, terms: Iterable[Term] = ()) -> str:
    """Find a tag, or else a broader term, by id, name or synonym, names in any case; return its id.

    Raises:
        LessonError: none or several match; names them or the closest ones.
    """
    listed = tuple(terms)
    matches = matching_ids(vocabulary, tag, listed)
    if len(matches) == 1:
        return matches[0]
    if matches:
        names = {term.id: term.name for term in listed} | {key: label.name for key, label in vocabulary.items()}
        choices = ", ".join(f"{key} ({names[key]})" for key in matches)
        raise LessonError(f"{tag!r} is the name of several tags: choose one by id: {choices}")
    spellings = (name for label in vocabulary.values() for name in (*label.synonyms, label.name))
    close = close_names(tag, spellings, 3, 0.6)
    hint = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
    raise LessonError(f"there is no tag {tag!r}: {hint}add_tag({tag!r}) makes a new one")


def check_synonym(vocabulary: Mapping[str, Label], name: str, terms: Iterable[Term], tag: str | None = None) -> None:
    """Refuse a name for a tag, None for a new one, that is another word for a tag or term: it would extend that one.

    Raises:
        LessonError: names what it is a word for.
    """
    _check_is_text(name)
    others = {key: label for key, label in vocabulary.items() if key != tag}
    words: dict[str, str] = {term.id: term.name for term in terms} | {key: label.name for key, label in others.items()}
    for key in matching_ids(others, name, terms):
        if key not in (tag, name) and not same_name(words[key], name):
            raise LessonError(f"{name!r} is another word for {words[key]!r}: teach that, or choose another name")


def find_own_tag(vocabulary: Mapping[str, Label], tag: str, terms: Iterable[Term] = ()) -> str:
    """Find a tag as `find_tag` does; a broader term that was never taught is none."""
    key = find_tag(vocabulary, tag, terms)
    if key not in vocabulary:
        raise LessonError(f"{tag!r} is a broader term, not a tag: hide it, or what is below it")
    return key


def find_tags(vocabulary: Mapping[str, Label], tags: Iterable[str], terms: Iterable[Term] = ()) -> tuple[str, ...]:
    """Find tags as `find_tag` does, at least one; return the id of each once."""
    if isinstance(tags, str):
        raise LessonError(f"got the text {tags!r}, expected a list of tags: [{tags!r}]")
    listed = list(tags)
    if strange := [tag for tag in listed if not isinstance(tag, str)]:
        raise LessonError(f"got {strange[0]!r} among the tags, expected the id or the name of each as text")
    if not listed:
        raise LessonError("got no tags, expected at least one")
    return tuple(dict.fromkeys(find_tag(vocabulary, tag, terms) for tag in listed))


def _index_names(kinds: Iterable[Mapping[str, Label | Term]]) -> list[dict[str, list[str]]]:
    """Ids by the key of a name: of each kind by its own name, then by synonym."""
    tables = []
    for words in kinds:
        own: dict[str, list[str]] = {}
        other: dict[str, list[str]] = {}
        for key, word in words.items():
            own.setdefault(name_key(word.name), []).append(key)
            for name in dict.fromkeys(map(name_key, word.synonyms)):
                other.setdefault(name, []).append(key)
        tables += [own, other]
    return tables


def _matching_ids(index: Iterable[Mapping[str, list[str]]], name: str) -> list[str]:
    """Return the ids that a name belongs to: of the first kind that has it, by name or else as a synonym."""
    key = name_key(name)
    return next((table[key] for table in index if key in table), [])


def close_names(name: str, names: Iterable[str], most: int, similarity: float) -> list[str]:
    """Return the names whose spelling is closest, in any case; of the first names only where there are very many.

    Args:
        name: that was given.
        names: to choose from.
        most: number of names.
        similarity: least one, up to 1.
    """
    wanted = name_key(name)
    is_alike = (other for other in names if len(wanted) / 2 <= len(other) <= min(2 * len(wanted), MAX_NAME_LENGTH))
    spelled = {other.casefold(): other for other in islice(is_alike, MAX_COMPARED_NAMES)}
    close = get_close_matches(wanted, spelled, most, similarity) if len(wanted) <= MAX_NAME_LENGTH else []
    return [spelled[match] for match in close]
