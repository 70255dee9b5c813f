"""The actions of `archive` that learn, write and remove tags."""

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from imagetagger.cli.archive import now, opened, opened_catalogue, read_people, refresh
from imagetagger.cli.archive_decision import decide_archive, load_learned_tags
from imagetagger.cli.archive_lessons import print_lessons, teach_archive
from imagetagger.cli.archive_passes import (
    TaggingCounts,
    digest_basis,
    find_same_tagging,
    look_before,
    note_written,
    print_same_tagging,
    store_tagged,
)
from imagetagger.cli.lesson_store import lessons_to_change
from imagetagger.cli.terminal import print_json, print_line, print_problem, step_bar

if TYPE_CHECKING:
    from imagetagger.archive.predicting import Predictions
    from imagetagger.archive.promise.decide import ArchiveDecision
    from imagetagger.archive.tagging.learn import LearnedTags
    from imagetagger.archive.unchanged import WrittenSidecar
    from imagetagger.archive.writing import SidecarResult


def run_learn(options: argparse.Namespace) -> int:
    """Learn the tags that people set, and print how well each is found."""
    from imagetagger.archive.catalogue.embeddings import load_embeddings
    from imagetagger.archive.catalogue.files import list_files
    from imagetagger.archive.catalogue.learned import store_learned
    from imagetagger.archive.people import set_keywords
    from imagetagger.archive.tagging.labelled import label_pictures
    from imagetagger.archive.tagging.learn import learn_tags
    from imagetagger.archive.tagging.learned_file import encode_learned
    from imagetagger.bundle.executor import load_executor

    if options.teach:
        lessons_to_change(options)  # before anything takes time: it may not be named
    with opened(options) as archive:
        refresh(archive, options)
        files = [file for file in list_files(archive.catalogue, archive.folders) if not file.problem]
        contents, embeddings = load_embeddings(archive.catalogue, archive.space, archive.folders)
        row = {content: i for i, content in enumerate(contents)}
        people = set_keywords(archive.catalogue, read_people(archive, files))
        pictures = label_pictures({content: one for content, one in people.items() if content in row})
        executor = load_executor(archive.bundle.files["model.tflite"], archive.bundle.manifest)
        with step_bar("learning") as show:
            done = iter(range(1, len(pictures.contents) + 1))
            learned = learn_tags(
                archive.bundle,
                executor,
                pictures,
                embeddings[[row[content] for content in pictures.contents]],
                archive.space,
                precision=options.precision,
                progress=lambda: show(next(done), len(pictures.contents)),
            )
        store_learned(archive.catalogue, archive.space, encode_learned(learned), now())
    taught = None
    if options.teach:
        taught = teach_archive(options, pictures, {file.content: file.path for file in reversed(files) if file.content})
    if options.json:
        counts = {"pictures": len(pictures.contents), "precision": options.precision, "tags": list(learned.reports)}
        print_json({**counts, **({"lessons": taught} if taught else {})})
    else:
        print_reports(learned, len(pictures.contents))
        if taught:
            print_lessons(taught)
    return 1 if taught and taught.pictures.failed else 0


def run_tag(options: argparse.Namespace) -> int:
    """Write the tags of pictures beside them."""
    from imagetagger.archive.catalogue.files import list_files
    from imagetagger.archive.tagging.plan import machine_tags
    from imagetagger.archive.writing import write_tags

    with opened(options) as archive:
        load_learned_tags(archive, options)  # before anything takes time: the precision may be another one
        problems, _ = refresh(archive, options)
        listed = list_files(archive.catalogue, archive.folders)
        if not problems and (past := find_same_tagging(archive, options, listed)):
            print_same_tagging(past, options)
            return 0
        files = [file for file in listed if not file.problem]
        before = look_before(files)
        read = read_people(archive, files)
        basis = digest_basis(archive, options, listed)  # and then what it is a digest of
        contents, _, predictions, decision, precision = decide_archive(archive, options, read)
        made = {"bundle": archive.bundle.manifest.digest, "written": now(), "under": options.under}
        tags = {
            content: machine_tags(predictions.keywords, probability, is_written, **made)
            for content, probability, is_written in zip(
                contents, predictions.probability, decision.is_written, strict=True
            )
        }
        files = [one.file for one in read if one.keywords is not None and one.file.content in tags]
        results = write_tags(archive.catalogue, files, tags, options.sidecar, is_dry_run=options.dry_run)
        written: list[WrittenSidecar] = []
        changed, failed = _report(note_written(results, written), len(files), options)
        problems += [f"{one.file.path}: {one.problem}" for one in read if one.problem] + failed
        count = sum(map(len, tags.values()))
        summary = summarize_tagging(decision, predictions, precision, count)
        counts = TaggingCounts(len(contents), count, summary)
        if not problems and not options.dry_run:
            store_tagged(archive, options, before, basis, written, counts)
    if options.json:
        print_json({**counts._asdict(), "sidecars": changed, "unchanged": False, "problems": problems})
    else:
        print_line(summary)
        print_line(_sidecars(changed, options))
    return 1 if problems else 0


def run_remove(options: argparse.Namespace) -> int:
    """Remove the tags that `tag` wrote, and nothing else."""
    from imagetagger.archive.catalogue.files import list_files
    from imagetagger.archive.catalogue.scan import scan
    from imagetagger.archive.writing import remove_tags

    with opened_catalogue(options) as catalogue:
        for _ in scan(catalogue, options.folders, raw=True):
            pass
        files = list_files(catalogue, options.folders)
        changed, failed = _report(remove_tags(catalogue, files, is_dry_run=options.dry_run), len(files), options)
    if options.json:
        print_json({"sidecars": changed, "problems": failed})
    else:
        print_line(_sidecars(changed, options))
    return 1 if failed else 0


def _report(results: "Iterable[SidecarResult]", count: int, options: argparse.Namespace) -> tuple[int, list[str]]:
    """Carry changes out, or print how sidecars would change; return how many change, and what failed."""
    from imagetagger.archive.keywords import describe_change

    changed, failed = 0, []
    with step_bar("writing") as show:
        for i, result in enumerate(results, 1):
            show(min(i, count), count)
            changed += result.is_changed
            if result.problem:
                failed.append(f"{result.file.path}: {result.problem}")
                print_problem(failed[-1])
            elif options.dry_run and result.change and not options.json:
                for line in describe_change(result.change).splitlines():
                    print_line(line)
    return changed, failed


def _sidecars(changed: int, options: argparse.Namespace) -> str:
    count = f"{changed:,} sidecar{'' if changed == 1 else 's'}"
    return f"{count} would change (--dry-run: nothing was written)" if options.dry_run else f"{count} changed"


def summarize_tagging(decision: "ArchiveDecision", predictions: "Predictions", precision: float, count: int) -> str:
    """Say how many tags are written, how right they are, and what to do next; broader terms of others do not count."""
    from imagetagger.archive.promise.decide import summarize

    looks = sum(len(group.pictures) for group in decision.looks)
    want = f"{looks:,} picture{' wants' if looks == 1 else 's want'} your look"
    review = ", which `imagetagger archive review` shows" if looks else ""
    if not predictions.is_learned:
        return (
            f"{count:,} tag{'' if count == 1 else 's'}, of which the tagger is at least {100 * precision:g} % certain, "
            f"which nobody has checked on your pictures; {want}{review}. Once some of them have tags of yours, "
            "`imagetagger archive learn` measures it"
        )
    text = summarize(decision, predictions.promises, precision) + review
    if any(promise.threshold is not None for promise in predictions.promises):
        return text
    return (
        f"{text}. No learned tag has enough pictures for that promise: `imagetagger archive learn` says how many more "
        "it needs, fewer with a lower --precision; --everyday writes the tagger's own tags instead"
    )


def print_reports(learned: "LearnedTags", pictures: int) -> None:
    """Print a table of the learned tags, and what is promised of them."""
    rows = [("tag", "pictures", "precision", "recall", "promised from", "confused with")]
    for report in sorted(learned.reports, key=lambda each: -each.pictures):
        promise = report.promise
        precision = "" if report.precision is None else f"{report.precision:.0%}"
        if promise.threshold is None:
            promised = f"not yet: {promise.needed} pictures"
        else:
            promised = f"{promise.threshold:.3f}{' (together)' if promise.pooled else ''}"
        confused = "" if report.confused_with is None else "/".join(report.confused_with)
        rows.append(
            ("/".join(report.keyword), f"{report.pictures:,}", precision, f"{report.recall:.0%}", promised, confused)
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print_line("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    count = sum(report.promise.threshold is not None for report in learned.reports)
    tags = len(learned.keywords)
    print_line(
        f"learned {tags:,} tag{'' if tags == 1 else 's'} from {pictures:,} pictures; {count:,} of them with a promised "
        f"precision of {learned.precision:.0%}"
    )
