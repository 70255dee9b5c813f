"""The action `archive review`: a page in the browser that asks about pictures, and stores each answer as it comes."""

import argparse
import io
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from imagetagger.cli.archive import OpenArchive, now, opened, read_people, refresh
from imagetagger.cli.archive_decision import DecidedArchive, decide_archive, load_learned_tags
from imagetagger.cli.archive_lessons import read_picture, tag_names
from imagetagger.cli.lesson_store import change_lessons, lessons_to_change
from imagetagger.cli.teaching import join_names
from imagetagger.cli.terminal import CommandError, print_json, print_line
from imagetagger.system.printable import printable_lines, printable_text

if TYPE_CHECKING:
    from imagetagger.archive.catalogue.files import KnownFile
    from imagetagger.archive.people import FileKeywords
    from imagetagger.archive.reviewing.answers import Answer, Lesson
    from imagetagger.archive.reviewing.questions import Review
    from imagetagger.archive.tagging.labelled import SetKeywords
    from imagetagger.tagger.tagger import Tagger
    from imagetagger.web.review_routes import ReviewFunctions
    from imagetagger.web.review_server import ReviewServer

SQUARE, WHOLE = 400, 1600
"""Sides of pictures on the page, in pixels: in a grid, and the longer one of a picture alone."""
JPEG_QUALITY = 85


def run_review(options: argparse.Namespace) -> int:
    """Open a page that shows the pictures which want a look, and store what a person says of them."""
    import webbrowser

    from imagetagger.archive.catalogue.files import list_files
    from imagetagger.archive.reviewing.questions import first_questions
    from imagetagger.web.review_server import ReviewServer
    from imagetagger.web.server import ServeError, run_server
    from imagetagger.web.site import SiteError, read_app

    lessons = lessons_to_change(options)
    with opened(options) as archive:
        load_learned_tags(archive, options)  # before anything takes time: there may be none that fit
        problems, _ = refresh(archive, options)
        usable = [file for file in list_files(archive.catalogue, archive.folders) if not file.problem]
        read = read_people(archive, usable)
        decided, files = decide_archive(archive, options, read), usable_files(read)
        review = make_review(archive, decided, files, options)
        questions, more = first_questions(review, decided.decision, decided.people)
        if not questions:
            if options.json:
                print_json({"address": None, "pictures": 0, "more": 0})
            else:
                print_line("no picture wants your look")
            return 1 if problems else 0
        shown = {question.picture: review.paths[question.picture] for question in questions}
        progress = ReviewProgress(dict(decided.people), set())
        store = answer_store(archive, review, {one: files[one] for one in shown}, progress, lessons, options)
        storing = threading.Lock()
        functions = review_functions(lambda: open_questions(review, shown, progress, more), shown, store, storing)
        try:
            server = ReviewServer(options.port, read_app(), functions)
        except (ServeError, SiteError) as error:
            raise CommandError(str(error)) from error
        if options.json:
            address = server.address(server.access.token)
            print_json({"address": address, "pictures": len(questions), "more": more})
            sys.stdout.flush()
        else:
            print(printable_lines(_greeting(server, len(questions), more)), flush=True)
        if not options.no_browser:
            threading.Thread(target=webbrowser.open, args=(server.address(server.access.code),), daemon=True).start()
        run_server(server)
        storing.acquire()  # until the answers in hand are stored; nothing is stored after that
    return 1 if problems else 0


class ReviewProgress(NamedTuple):
    """What became of a review's pictures so far; it grows with each answer.

    Attributes:
        people: what they did with the tags of each picture, by content id.
        finished: ids of the pictures that need no other look.
    """

    people: "dict[str, SetKeywords]"
    finished: set[str]


def open_questions(review: "Review", shown: Iterable[str], progress: ReviewProgress, more: int) -> bytes:
    """Return JSON of what is still to be looked at.

    Args:
        review: asks about pictures.
        shown: content ids of those of this review, in order.
        progress: so far.
        more: pictures that want a look after them.
    """
    from imagetagger.archive.reviewing.questions import ask

    left = [content for content in shown if content not in progress.finished]
    pictures = ask(review, left, progress.people)
    return msgspec.json.encode({"tags": review.predictions.keywords, "pictures": pictures, "more": more})


def usable_files(read: "Sequence[FileKeywords]") -> "dict[str, list[KnownFile]]":
    """Return the files whose sidecars can be read, by content id."""
    files: dict[str, list[KnownFile]] = {}
    for file, keywords, _ in read:
        if keywords is not None and file.content is not None:
            files.setdefault(file.content, []).append(file)
    return files


def make_review(
    archive: OpenArchive,
    decided: DecidedArchive,
    files: "Mapping[str, Sequence[KnownFile]]",
    options: argparse.Namespace,
) -> "Review":
    """Return what asks about the pictures of an archive."""
    from imagetagger.archive.reviewing.questions import Review

    return Review(
        decided.contents,
        decided.predictions,
        decided.predictions.is_learned and not options.all,
        {content: own[0].path for content, own in files.items()},
        archive.folders,
    )


def review_functions(
    questions: Callable[[], bytes],
    paths: Mapping[str, Path],
    store: "Callable[[tuple[Answer, ...]], bytes]",
    storing: threading.Lock,
) -> "ReviewFunctions":
    """Return what the server of a review does.

    Args:
        questions: returns JSON of what is still to be looked at.
        paths: of the pictures that are shown, by content id.
        store: stores answers and returns JSON of what became of them.
        storing: lets one thread at a time call these two.
    """
    from imagetagger.archive.reviewing.answers import Answer
    from imagetagger.web.review_routes import AnswerError, ReviewFunctions

    decoder = msgspec.json.Decoder(tuple[Answer, ...])

    def answer(body: bytes) -> bytes:
        try:
            answers = decoder.decode(body)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise AnswerError(f"got no answers ({printable_text(str(error))}), expected a list of them") from error
        with storing:
            return store(answers)

    def picture(content: str, is_square: bool) -> bytes | None:
        return small_jpeg(paths[content], is_square) if content in paths else None

    def ask_now() -> bytes:
        with storing:
            return questions()

    return ReviewFunctions(ask_now, picture, answer)


def answer_store(
    archive: OpenArchive,
    review: "Review",
    files: "Mapping[str, Sequence[KnownFile]]",
    progress: ReviewProgress,
    lessons: Path,
    options: argparse.Namespace,
) -> "Callable[[tuple[Answer, ...]], bytes]":
    """Return a function that stores answers, and returns JSON of the next questions about these pictures.

    Args:
        archive: is open.
        review: asks about its pictures.
        files: that are shown, by content id.
        progress: so far; is changed.
        lessons: file that also learns what is confirmed.
        options: of the command.
    """
    from imagetagger.archive.catalogue.database import CatalogueError, open_catalogue
    from imagetagger.archive.keywords import Keyword
    from imagetagger.archive.reviewing.answers import store_answers
    from imagetagger.archive.reviewing.questions import ask
    from imagetagger.archive.tagging.labelled import SetKeywords
    from imagetagger.tagger.tagger import Tagger
    from imagetagger.web.review_routes import AnswerError

    untaught = Tagger.load(options.bundle)
    names = dict(zip(review.predictions.keywords, tag_names(review.predictions.keywords), strict=True))
    index = {keyword: i for i, keyword in enumerate(review.predictions.keywords)}
    row_of = {content: row for row, content in enumerate(review.contents)}

    def predicted(content: str, keyword: Keyword) -> float:
        return float(review.predictions.probability[row_of[content], index[keyword]]) if keyword in index else 0.0

    def store(answers: "tuple[Answer, ...]") -> bytes:
        try:
            with open_catalogue(archive.catalogue.path) as catalogue:  # each thread needs a connection of its own
                stored = store_answers(
                    catalogue,
                    files,
                    answers,
                    lambda taught: teach(untaught.twin(), lessons, taught),
                    predicted,
                    lambda keyword: names.get(keyword, keyword[-1]),
                    bundle=archive.bundle.manifest.digest,
                    when=now(),
                    style=options.sidecar,
                )
        except (CatalogueError, CommandError) as error:
            raise AnswerError(str(error)) from error
        for answer, is_stored, _ in stored:
            if is_stored:
                before = progress.people.get(answer.picture, SetKeywords())
                withdrawn = [one for one in before.withdrawn if one not in answer.confirmed]
                progress.people[answer.picture] = SetKeywords(
                    (*before.people, *answer.confirmed), (*withdrawn, *answer.rejected)
                )
        last = {answer.picture: answer for answer, is_stored, _ in stored if is_stored}
        questions = ask(review, list(last), progress.people)
        for question, answer in zip(questions, last.values(), strict=True):  # as the page does: see afterAnswers
            is_finished = answer.looked or (question.asked is None and bool(answer.confirmed))
            (progress.finished.add if is_finished else progress.finished.discard)(answer.picture)
        problems = [
            {"picture": answer.picture, "text": printable_text(problem)} for answer, _, problem in stored if problem
        ]
        return msgspec.json.encode({"pictures": questions, "problems": problems})

    return store


def teach(tagger: "Tagger", path: Path, taught: "Sequence[Lesson]") -> dict[Path, str]:
    """Teach a file of lessons what pictures show, as `imagetagger learn` does; return what was not learned, and why."""
    from imagetagger.preprocess import BadImageError
    from imagetagger.tagger.lessons import LessonError

    problems: dict[Path, str] = {}

    def change() -> str:
        learned: dict[str, None] = {}
        for picture, names in taught:
            try:
                for name in names:
                    if not tagger.has_tag(name):
                        tagger.add_tag(name)
                tagger.learn(read_picture(picture), names)
                learned |= dict.fromkeys(names)
            except (LessonError, BadImageError, OSError) as error:
                problems[picture] = str(error)
        return f"learned {join_names(list(learned))} in a review" if learned else ""

    try:
        change_lessons(path, tagger, change)
    except (CommandError, LessonError, OSError) as error:
        return {picture: str(error) for picture, _ in taught}
    return problems


def small_jpeg(path: Path, is_square: bool) -> bytes | None:
    """Return the square inside of a picture, or all of it, as a small JPEG; None if it cannot be read any more."""
    from PIL import Image

    from imagetagger.preprocess import BadImageError, decode_image, preprocess_scaled

    try:
        picture = read_picture(path)
        image = Image.fromarray(preprocess_scaled(picture, SQUARE)) if is_square else decode_image(picture)
    except (BadImageError, OSError):
        return None
    image.thumbnail((WHOLE, WHOLE), reducing_gap=2.0)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def _greeting(server: "ReviewServer", count: int, more: int) -> str:
    those = f"{count:,} picture{' wants' if count == 1 else 's want'} your look"
    rest = f", and {more:,} more after them" if more else ""
    return (
        f"{those}{rest}: {server.address(server.access.token)}\n"
        "Only this computer reaches the page, with this address. Each answer is stored at once; Ctrl-C ends the review."
    )
