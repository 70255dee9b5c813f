"""What `imagetagger --help` and `imagetagger COMMAND --help` say."""

OVERVIEW = """\
Tags pictures, and learns your own tags.

  imagetagger tag cat.jpg holiday/              print the tags of pictures, and of those in folders
  imagetagger learn --tag Rex rex*.jpg          teach a tag of your own; five pictures are a start
  imagetagger forget --tag Rex rex1.jpg         as if that picture had never been taught
  imagetagger undo                              take the last change back
  imagetagger tags                              list the tags; also add, rename, merge, separate, remove, hide
  imagetagger archive tag DIR                   tag a photo library in place; learns the tags that it has
  imagetagger serve                             open the app in your browser: it tags, learns, and works offline
  imagetagger webapp FOLDER                     write the same app as files for any web host

These use the everyday tagger that comes with the package. With a tagger of your own:

  imagetagger run +experiment=quickstart        make a bundle: outputs/quickstart/TIME/bundle
  imagetagger verify BUNDLE                     check its files, and that it computes the same here
  imagetagger tag BUNDLE cat.jpg                also serve BUNDLE, webapp BUNDLE FOLDER, learn --bundle BUNDLE ...
  imagetagger report DIR...                     compare many runs: one page, tables and plots
  imagetagger track DIR... --to mlflow          copy runs into MLflow, TensorBoard or Weights & Biases (--to wandb)
  imagetagger cache                             show the size of what runs keep to be faster; `cache clear` deletes it

`imagetagger COMMAND --help` explains a command. In Python: `from imagetagger import Tagger`, which also learns."""

TAG = """\
Print the tags of pictures, the most probable first. In folders, all pictures at any depth are tagged.

  imagetagger tag cat.jpg holiday/
  imagetagger tag bundle.zip --top-k 3 --json *.jpg      with a tagger of your own
  imagetagger tag --coverage 0.95 cat.jpg
  imagetagger tag --lessons mine.zip cat.jpg             with a file that `learn`, Tagger.save or the app wrote

What you taught with `imagetagger learn` is used where no bundle is named. Each picture gets its tag set: enough tags to
contain the right one as often as the bundle guarantees, and broader terms in place of many ("dog" for twelve breeds).
With --top-k or --coverage, it is the tags themselves.
A picture that no tag fits well is marked as unknown.
A picture that cannot be read is reported and skipped; the exit code is then 1."""

LEARN = """\
Teach that pictures show something. A tag that does not exist is made; a picture that is taught twice counts once.

  imagetagger learn --tag Rex rex*.jpg
  imagetagger learn --tag Rex --tag ball rex/                         several tags, a folder
  imagetagger learn --bundle bundle --lessons mine.zip --tag Rex rex/ with a tagger of your own

The lessons, with the pictures as small squares, are kept in your data folder or in --lessons FILE. Several processes
may teach at once. `imagetagger undo` takes the last command back.
A picture that cannot be read is reported and skipped; the exit code is then 1."""

FORGET = """\
Forget that pictures show something, as if they had never been taught.

  imagetagger forget --tag Rex cat.jpg

The pictures stay in earlier versions of the lessons, for `imagetagger undo`; --no-undo deletes those.
A picture that was not taught is reported and skipped; the exit code is then 1."""

UNDO = """\
Take back what the last command changed: `learn`, `forget` or a change of `tags`. Up to ten can be undone.

  imagetagger undo

The exit code is 1 if there is nothing to undo."""

TAGS = """\
List the tags, or change them. The exit code is 1 if a change is not possible.

  imagetagger tags
  imagetagger tags list --taught --json
  imagetagger tags add Rex
  imagetagger tags rename Rex "Rex the dog"
  imagetagger tags merge doggy dog
  imagetagger tags separate dog                          each tag that was merged into it is one again
  imagetagger tags remove Rex
  imagetagger tags hide dog                              and all that is below it
  imagetagger tags hide dog --below                      only its breeds, not the dog; `tags unhide dog` shows them"""

VERIFY = """\
Check a bundle, a folder or a .zip: its files against the manifest, the manifest against its schema and digest, the
model against its golden vectors.

The exit code is 0 if the bundle is sound; otherwise it is 1, and the first fault is printed. Digests detect damage and
changes, but do not prove who made a bundle: take bundles from people you trust."""

SERVE = """\
Serve the app and open it in the browser. The app tags pictures and learns your own tags; pictures stay in the browser,
and this server accepts no uploads.

  imagetagger serve
  imagetagger serve bundle                                                               with a tagger of your own
  imagetagger serve bundle --host 0.0.0.0 --certfile home.pem --keyfile home-key.pem     for phones in your network

A browser keeps lessons separately for each address, so the port is the same every time. Under another host or port the
app starts without lessons (its page "More" exports them from one address and imports them at another).
The bundle is read once, at the start: restart the server after a change. Ctrl-C ends it, with exit code 0."""

WEBAPP = """\
Write the app as a folder of plain files that any web host can serve. The host needs HTTPS, so that phones can install
the app and use it offline, and runs no program.

  imagetagger webapp site
  imagetagger webapp bundle site                         with a tagger of your own

An older site of this command is replaced; a folder with any other file is left alone, and the exit code is 1."""

REPORT = """\
Compare the results of one or many runs: one page (report.html), tables (CSV) and plots/.

  imagetagger report outputs/sweep             all runs below it; the report goes into that folder
  imagetagger report outputs/a outputs/b       runs side by side; the report goes into ./report

The page is self-contained: it opens offline, and prints. The exit code is 1 if there is no result to use."""

TRACK = """\
Copy finished runs into a tracker: their settings, metrics, curves of training, result.json and report.html.

  imagetagger track outputs/quickstart --to mlflow          all runs below it; into tracking/mlflow.db
  imagetagger track outputs/tune/sweep --to tensorboard     a sweep, as the parent of its jobs
  imagetagger track outputs --to wandb --location site      into site/wandb, offline; `wandb sync` sends it

A run that the tracker has already is left as it is, and one whose result has changed is written again. Without
--location, MLFLOW_TRACKING_URI and WANDB_DIR are used where they are set. A tracker is an extra of the same name:
pip install 'imagetagger[mlflow]'. The exit code is 1 if there is no result to use, or if the tracker fails."""

CACHE = """\
Show what runs of experiments keep to be faster the next time, and how much space it takes.

  imagetagger cache                            the same as `cache info`
  imagetagger cache clear                      delete embeddings, activations, converted models and content ids
  imagetagger cache clear trainings            delete fine-tuned weights, and checkpoints of interrupted trainings
  imagetagger cache clear downloads            delete downloads

After a run, the least recently used embeddings, activations, models and ids beyond 20 GB are deleted; the environment
variable IMAGETAGGER_CACHE_LIMIT, or the setting cache_limit of a run, is another number of gigabytes."""

CACHE_CLEAR = """\
Delete what runs of experiments keep to be faster: the next run computes or downloads it again.

  imagetagger cache clear                      embeddings, activations, converted models and content ids
  imagetagger cache clear models downloads     only these kinds

Files that runs did not make are left alone. The exit code is 1 if a file cannot be deleted."""


ARCHIVE = """\
Tag the pictures of folders where they are, in XMP sidecars that digiKam, Lightroom, darktable and others read.

  imagetagger archive scan ~/Pictures           find the pictures, and embed those that are new
  imagetagger archive learn ~/Pictures          learn the tags that you set, and how well each is found
  imagetagger archive tag ~/Pictures            tag the rest; --dry-run shows what would be written
  imagetagger archive review ~/Pictures         confirm tags that are in doubt, in your browser
  imagetagger archive remove ~/Pictures         take exactly these tags away again
  imagetagger archive status                    show what is known

Pictures are never changed, nor what people wrote. A tag that you delete is not written again."""

ARCHIVE_SCAN = """\
Find the pictures of folders, and embed those that are new. Others are not opened; moved ones are known by content.

  imagetagger archive scan ~/Pictures /mnt/photos
  imagetagger archive scan --raw ~/Pictures     also camera raw files, by the JPEG previews in them

It can be interrupted at any time, and goes on where it was; several processes share the work.
A file that cannot be used is reported; the exit code is then 1."""

ARCHIVE_LEARN = """\
Learn the tags that people set in any program, from sidecars and from what is embedded in pictures.

  imagetagger archive learn ~/Pictures
  imagetagger archive learn --precision 0.9 ~/Pictures
  imagetagger archive learn --teach ~/Pictures            teach the tags to your lessons too, for `imagetagger tag`

A tag needs three pictures. Prints how well each tag is found in pictures that it was learned without, and from which
probability on a share of right tags is promised. Learning again replaces what was learned before."""

ARCHIVE_TAG = """\
Write tags into sidecars: those that were learned from your own, or else those that the tagger comes with.

  imagetagger archive tag --dry-run ~/Pictures
  imagetagger archive tag ~/Pictures
  imagetagger archive tag --under auto ~/Pictures         all of them below the tag "auto"

A tag is written where it is right as often as promised (--precision, as for `learn`). Pictures that have one of the
learned tags by a person are left alone, but for --all. Tags that were written before and no longer hold are taken away.
A picture that cannot be read is reported and skipped; the exit code is then 1."""

ARCHIVE_REVIEW = """\
Open a page in your browser that shows the pictures which want a look, grouped by the tag in question, the most useful
first. One press confirms all of a group but those that you untick.

  imagetagger archive review ~/Pictures
  imagetagger archive review --no-browser --port 8123 ~/Pictures      prints the address to open

Tags that you confirm are yours from then on: in the sidecars, and in your lessons, as with `imagetagger learn`. Tags
that you reject are never written. Each answer is stored at once. Only this computer reaches the page, and only with the
address that is printed; pictures leave it for the page alone. Ctrl-C ends the review."""

ARCHIVE_REMOVE = """\
Take away exactly the tags that `imagetagger archive tag` wrote: every other tag and field stays as it is.

  imagetagger archive remove --dry-run ~/Pictures
  imagetagger archive remove ~/Pictures"""

ARCHIVE_STATUS = """\
Show what is known of all folders, or of some: also by which taggers pictures are embedded, and how many tags were
learned from that.

  imagetagger archive status
  imagetagger archive status --json ~/Pictures"""

ARCHIVE_SHARDS = """\
Learn tags from shards of pictures: .tar files of KEY.jpg with KEY.json or KEY.txt, or .parquet files with a column jpg,
as img2dataset writes them. Tags are the field or column "tags" or "keywords", or else the caption, split at commas.

  imagetagger archive learn-shards shards --out learned
  imagetagger archive learn-shards --engine ray shards/*.tar --out learned

Each shard gets its embeddings and its statistics in a folder of --out; a shard that has them is not read again. The
statistics of all are merged, the promised precision is measured on a sample, and `archive tag` uses the tags.
A picture that cannot be used is counted, and a shard that cannot be read is reported; the exit code is then 1."""
