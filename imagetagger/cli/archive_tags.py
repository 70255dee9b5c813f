"""The actions of `archive` that learn, write and remove tags."""

import argparse
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from imagetagger.cli.archive import OpenArchive, now, opened, read_people, refresh
from imagetagger.cli.archive_lessons import print_lessons, teach_archive
from imagetagger.cli.lesson_store import lessons_to_change
from imagetagger.cli.terminal import CommandError, print_json, print_line, print_problem, step_bar

if TYPE_CHECKING:
    from imagetagger.archive.predicting import Predictions
    from imagetagger.archive.promise.decide import ArchiveDecision
    from imagetagger.archive.tagging.learn import LearnedTags
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
        _print_reports(learned, len(pictures.contents))
        if taught:
            print_lessons(taught)
    return 1 if taught and taught.pictures.failed else 0


def run_tag(options: argparse.Namespace) -> int:
    """Write the tags of pictures beside them."""
    from imagetagger.archive.catalogue.embeddings import load_embeddings
    from imagetagger.archive.catalogue.files import list_files
    from imagetagger.archive.people import set_keywords
    from imagetagger.archive.predicting import predict_pictures
    from imagetagger.archive.promise.decide import decide_tags
    from imagetagger.archive.tagging.labelled import SetKeywords
    from imagetagger.archive.tagging.plan import machine_tags, settled_tags
    from imagetagger.archive.writing import write_tags

    with opened(options) as archive:
        learned = _learned(archive, options)
        problems, _ = refresh(archive, options)
        contents, embeddings = load_embeddings(archive.catalogue, archive.space, archive.folders)
        read = read_people(
            archive, [file for file in list_files(archive.catalogue, archive.folders) if not file.problem]
        )
        people = set_keywords(archive.catalogue, read)
        predictions = predict_pictures(_shown(embeddings), archive.bundle, archive.tagger, learned, options.precision)
        settled = settled_tags(
            predictions.keywords,
            [people.get(content, SetKeywords()) for content in contents],
            leave_tagged=predictions.is_learned and not options.all,
        )
        decision = decide_tags(predictions.probability, predictions.promises, is_settled=settled, embeddings=embeddings)
        made = {"bundle": archive.bundle.manifest.digest, "written": now(), "under": options.under}
        tags = {
            content: machine_tags(predictions.keywords, probability, is_written, **made)
            for content, probability, is_written in zip(
                contents, predictions.probability, decision.is_written, strict=True
            )
        }
        files = [one.file for one in read if one.keywords is not None and one.file.content in tags]
        results = write_tags(archive.catalogue, files, tags, options.sidecar, is_dry_run=options.dry_run)
        changed, failed = _report(results, len(files), options)
    summary = _summary(decision, predictions, options.precision)
    if options.json:
        counts = {"pictures": len(contents), "tags": int(decision.is_written.sum()), "sidecars": changed}
        print_json({**counts, "summary": summary, "problems": [*problems, *failed]})
    else:
        print_line(summary)
        print_line(_sidecars(changed, options))
    return 1 if problems or failed else 0


def run_remove(options: argparse.Namespace) -> int:
    """Remove the tags that `tag` wrote, and nothing else."""
    from imagetagger.archive.catalogue.files import list_files
    from imagetagger.archive.catalogue.scan import scan
    from imagetagger.archive.writing import remove_tags

    with opened(options) as archive:
        for _ in scan(archive.catalogue, archive.folders):
            pass
        files = list_files(archive.catalogue, archive.folders)
        changed, failed = _report(
            remove_tags(archive.catalogue, files, is_dry_run=options.dry_run), len(files), options
        )
    if options.json:
        print_json({"sidecars": changed, "problems": failed})
    else:
        print_line(_sidecars(changed, options))
    return 1 if failed else 0


def _learned(archive: OpenArchive, options: argparse.Namespace) -> "LearnedTags | None":
    """Return the tags that were learned, if there are any and they are wanted."""
    from imagetagger.archive.catalogue.learned import load_learned
    from imagetagger.archive.tagging.learned_file import decode_learned

    data = None if options.everyday else load_learned(archive.catalogue, archive.space)
    if data is None:
        return None
    learned = decode_learned(data)
    if learned.bundle != archive.bundle.manifest.digest:
        raise CommandError(
            "tags were learned with another bundle, which measured what is promised: `imagetagger archive learn` learns"
            " them with this one, and --everyday writes its own"
        )
    if options.precision != learned.precision:
        raise CommandError(
            f"got --precision {options.precision:g}, but {learned.precision:g} was promised when tags were learned: "
            f"`imagetagger archive learn --precision {options.precision:g}` promises another one"
        )
    return learned


def _shown(embeddings: np.ndarray) -> Iterator[np.ndarray]:
    with step_bar("predicting") as show:
        for i, embedding in enumerate(embeddings, 1):
            yield embedding
            show(i, len(embeddings))


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


def _summary(decision: "ArchiveDecision", predictions: "Predictions", precision: float) -> str:
    from imagetagger.archive.promise.decide import summarize

    if predictions.is_learned:
        return summarize(decision, predictions.promises, precision)
    looks = sum(len(group.pictures) for group in decision.looks)
    return (
        f"{int(decision.is_written.sum()):,} tags that the tagger takes for at least {100 * precision:g} % certain, "
        f"which nobody has checked on your pictures; {looks:,} pictures want your look. Once some of them have tags of "
        "yours, `imagetagger archive learn` measures it"
    )


def _print_reports(learned: "LearnedTags", pictures: int) -> None:
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
    print_line(
        f"learned {len(learned.keywords):,} tags from {pictures:,} pictures; {count:,} of them with a promised "
        f"precision of {learned.precision:.0%}"
    )
