"""What a person says of the tags of pictures: into sidecars, into the catalogue, and to whoever learns from it."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from imagetagger.archive.catalogue.database import Catalogue, CatalogueError
from imagetagger.archive.catalogue.files import KnownFile
from imagetagger.archive.catalogue.reading import read_file
from imagetagger.archive.catalogue.written import record_answer, withdrawn_keywords, written_tags
from imagetagger.archive.keywords import Keyword, SidecarError, SidecarStyle, plan_answer
from imagetagger.archive.keywords.read import has_keyword, read_keywords
from imagetagger.archive.writing import change_sidecar
from imagetagger.bundle.names import name_problem, normalise_name

_Names = Annotated[tuple[Annotated[str, Meta(max_length=500)], ...], Meta(min_length=1, max_length=32)]
_Keywords = Annotated[tuple[_Names, ...], Meta(max_length=200)]


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person says of a picture.

    Attributes:
        picture: content id.
        confirmed, rejected: keywords that it has, and that it does not have.
        looked: whether the person saw it alone, with all suggestions: they are done with it.
    """

    picture: Annotated[str, Meta(max_length=100)]
    confirmed: _Keywords
    rejected: _Keywords
    looked: bool = False


class Lesson(NamedTuple):
    """Names of tags, to be learned from a picture's file."""

    path: Path
    tags: tuple[str, ...]


class StoredAnswer(NamedTuple):
    """What became of an answer.

    Attributes:
        answer: with names as they are stored.
        is_stored: whether it is in all sidecars and in the catalogue.
        problem: why it is not, or what else did not work; None if all did.
    """

    answer: Answer
    is_stored: bool
    problem: str | None


def store_answers(
    catalogue: Catalogue,
    files: Mapping[str, Sequence[KnownFile]],
    answers: Sequence[Answer],
    teach: Callable[[Sequence[Lesson]], Mapping[Path, str]],
    predicted: Callable[[str, Keyword], float],
    lesson_name: Callable[[Keyword], str],
    *,
    bundle: str,
    when: str,
    style: SidecarStyle = "digikam",
) -> list[StoredAnswer]:
    """Store answers, each in whole or with a problem, and return what became of them.

    Nothing is learned of an answer that a sidecar cannot take. Of the others, lessons come first, sidecars then, and
    the catalogue last: if the process is killed meanwhile, the same answer can be given again and counts once.

    Args:
        catalogue: is changed.
        files: that can be asked about, by content id.
        answers: of one person.
        teach: learns from pictures, and returns why it could not, by path.
        predicted: probability of a tag of a picture, by content id and keyword.
        lesson_name: name that a tag is taught under.
        bundle: digest of the bundle that predicted it.
        when: now, as an ISO date and time.
        style: of new sidecars.
    """
    checked = [
        (answer, problem or _plan_problem(files[answer.picture], answer, style))
        for answer, problem in (_check(answer, files) for answer in answers)
    ]
    lessons = [
        Lesson(files[answer.picture][0].path, tuple(dict.fromkeys(map(lesson_name, answer.confirmed))))
        for answer, problem in checked
        if problem is None and answer.confirmed
    ]
    untaught = teach(lessons) if lessons else {}
    stored = []
    for answer, problem in checked:
        is_stored, taught = False, None
        if problem is None:
            rejected = [(keyword, predicted(answer.picture, keyword), bundle) for keyword in answer.rejected]
            problem = _store(catalogue, files[answer.picture], answer, rejected, when, style)
            is_stored, taught = problem is None, untaught.get(files[answer.picture][0].path)
        stored.append(StoredAnswer(answer, is_stored, problem or (taught and f"stored, but not learned: {taught}")))
    return stored


def _check(answer: Answer, files: Mapping[str, Sequence[KnownFile]]) -> tuple[Answer, str | None]:
    """Return an answer with normalised names, and why it cannot be stored."""
    confirmed, rejected = (
        tuple(tuple(map(normalise_name, keyword)) for keyword in keywords)
        for keywords in (answer.confirmed, answer.rejected)
    )
    answer = Answer(answer.picture, confirmed, rejected, answer.looked)
    if answer.picture not in files:
        return answer, "this picture is not part of the review: start it again"
    for name in (name for keyword in (*confirmed, *rejected) for name in keyword):
        if problem := name_problem(name):
            return answer, problem
    if both := [keyword for keyword in confirmed if has_keyword(rejected, keyword)]:
        return answer, f"{both[0][-1]} is both confirmed and rejected"
    for file in files[answer.picture]:
        reading = read_file(file.path)
        if reading.content != answer.picture:
            return answer, f"{file.path} {reading.problem or 'has another picture by now'}: scan again"
        if rejected and (own := _own_keyword(file.path, rejected)):
            return answer, (
                f"{own[-1]} cannot be rejected, as you confirmed it before or set it yourself: delete it in your photo "
                "manager"
            )
    return answer, None


def _own_keyword(picture: Path, rejected: Sequence[Keyword]) -> Keyword | None:
    """Return the first of some keywords that a person set, which is not ours to delete; None if there is none."""
    try:
        people = read_keywords(picture).people
    except (SidecarError, OSError):
        return None  # the plan will say so
    return next((keyword for keyword in rejected if has_keyword(people, keyword)), None)


def _store(
    catalogue: Catalogue,
    files: Sequence[KnownFile],
    answer: Answer,
    rejected: Sequence[tuple[Keyword, float, str]],
    when: str,
    style: SidecarStyle,
) -> str | None:
    """Write an answer beside all files of a picture and into the catalogue; return why it did not work."""
    if problem := _plan_problem(files, answer, style, is_dry_run=False):
        return problem
    try:
        for file in files:
            written = (tag.keyword for tag in written_tags(catalogue, file.path))
            known = [*written, *withdrawn_keywords(catalogue, file.path)]
            said = (*answer.confirmed, *answer.rejected)
            decided = {keyword for keyword in known if has_keyword(said, keyword)}
            record_answer(catalogue, file.path, decided, rejected, when)
    except CatalogueError as error:  # those before it are stored all the same
        return str(error)
    return None


def _plan_problem(
    files: Sequence[KnownFile], answer: Answer, style: SidecarStyle, *, is_dry_run: bool = True
) -> str | None:
    """Plan an answer beside all files of a picture, and write it unless it is a dry run; return why it did not work."""
    plan = partial(plan_answer, confirmed=answer.confirmed, rejected=answer.rejected, style=style)
    for file in files:
        try:
            problem = change_sidecar(file, plan, is_dry_run).problem
        except ValueError as error:  # a name that XML cannot hold
            problem = str(error)
        if problem:
            return problem
    return None
