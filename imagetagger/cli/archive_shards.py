"""The action of `archive` that learns from shards of pictures."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from typing import TYPE_CHECKING

from imagetagger.cli.archive import explained, now
from imagetagger.cli.archive_tags import print_reports
from imagetagger.cli.terminal import CommandError, print_json, print_line, print_problem, step_bar

if TYPE_CHECKING:
    from imagetagger.archive.shards.work import ShardReport


def run_learn_shards(options: argparse.Namespace) -> int:
    """Embed and sum shards, learn the tags of all, and print how well each is found."""
    from imagetagger.archive.catalogue.database import open_catalogue
    from imagetagger.archive.catalogue.learned import store_learned
    from imagetagger.archive.shards.learn import embed_shards, learn_shards
    from imagetagger.archive.shards.reading import ShardError, check_readable, find_shards
    from imagetagger.archive.tagging.learned_file import encode_learned
    from imagetagger.bundle.reader import read_bundle
    from imagetagger.everyday import everyday_bundle
    from imagetagger.system.ray_tasks import ray_cluster

    how = {"exact": options.exact, "engine": options.engine, "workers": options.workers}
    try:
        shards = find_shards(options.shards)
        check_readable(shards)
        bundle = read_bundle(options.bundle or everyday_bundle())
        reports: list[ShardReport] = []
        cluster = ray_cluster(options.workers) if options.engine == "ray" else nullcontext()
        with explained(), redirect_stdout(sys.stderr), cluster:  # Ray reports dead workers on stdout
            with step_bar("embedding shards") as show:
                for report in embed_shards(shards, bundle, options.out, **how):
                    reports.append(report)
                    show(len(reports), len(shards))
            problems = _print_problems(reports)
            failed = {report.shard for report in reports if report.problem}
            if not (good := [shard for shard in shards if shard not in failed]):
                raise CommandError("none of the shards could be embedded")
            with step_bar("learning") as show:
                total = min(options.sample, sum(report.pictures for report in reports))
                done = iter(range(1, total + 1))
                learned = learn_shards(
                    good,
                    bundle,
                    options.out,
                    **how,
                    sample=options.sample,
                    precision=options.precision,
                    progress=lambda: show(next(done), total),
                )
            with open_catalogue(options.state) as catalogue:
                store_learned(catalogue, learned.space, encode_learned(learned), now())
    except ShardError as error:
        raise CommandError(str(error)) from error
    pictures = sum(report.pictures for report in reports)
    new = sum(report.is_new for report in reports)
    if options.json:
        counts = {"shards": len(good), "embedded": new, "pictures": pictures, "precision": options.precision}
        print_json({**counts, "tags": list(learned.reports), "problems": problems})
    else:
        print_line(f"{pictures:,} pictures in {len(good):,} shards, {new:,} of them embedded now")
        print_reports(learned, min(options.sample, pictures))
    return 1 if problems else 0


def _print_problems(reports: "Sequence[ShardReport]") -> list[str]:
    problems = []
    for report in sorted(reports, key=lambda one: one.shard.name):
        if report.problem:
            problems.append(f"{report.shard}: {report.problem}")
        elif report.unusable:
            problems.append(
                f"{report.shard}: {report.unusable:,} pictures cannot be used, the first one: {report.first}"
            )
    for problem in problems:
        print_problem(problem)
    return problems
