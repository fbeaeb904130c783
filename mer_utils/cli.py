"""The ``mer`` command: a thin front on the modules that do the work."""

from pathlib import Path

import click

from mer_utils.cli_fetch import FOLDER, fetch

PROFILE = click.option(
    "--profile", type=click.Choice(["paper", "quick"]), default="paper", show_default=True,
    help="paper: the paper's protocol, 15 seeds. quick: about a minute, for teaching and tests.",
)  # fmt: skip


def _dataset(ctx, parameter, value) -> str:
    """A name, or a folder of own ratings as an absolute path: notebooks run elsewhere."""
    if value is None:
        return None
    from mer_utils.data.load import NAMES
    from mer_utils.data.own_folder import DESCRIPTION, is_own

    if value in NAMES:
        return value
    if not is_own(value):
        raise click.BadParameter(
            f"{value!r} is none of {', '.join(NAMES)}, and no folder that holds {DESCRIPTION}"
        )
    return str(Path(value).expanduser().resolve())


DATASET = {
    "metavar": "NAME|FOLDER", "callback": _dataset,
    "help": "musifeast: real ratings of 356 clips, which the repository holds. simulated: "
    "DEAM-like ratings whose truth is known. deam: your copy of DEAM. A folder: your own ratings, "
    "as mer init makes an example of.",
}  # fmt: skip
DATA = click.option(
    "--data",
    type=click.Path(path_type=Path),
    envvar="DEAM_ROOT",
    show_envvar=True,
    help="DEAM folder in the official layout, for --dataset deam.",
)
FEATURES = click.option(
    "--features",
    default="auto",
    show_default=True,
    help="A table or store of features, or STORE:LAYER, in place of what the data folder has.",
)


class Commands(click.Group):
    """A group that shows bad input as a message: exit status 2, no traceback."""

    def invoke(self, ctx):
        """Run the command; see the class."""
        try:
            return super().invoke(ctx)
        except (ValueError, OSError) as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(2)


def _folder(dataset, data) -> str:
    """The folder of DEAM as text; "" for other data."""
    given = click.get_current_context().get_parameter_source("data")
    if dataset != "deam" and given is click.core.ParameterSource.COMMANDLINE:
        raise ValueError(f"--data {data} goes with --dataset deam, not with {dataset}")
    return str(data.resolve()) if data and dataset == "deam" else ""


def _place(features) -> str:
    """The features as an absolute path, so that notebooks find them from where they run."""
    return features if features == "auto" else str(Path(features).expanduser().absolute())


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mer_utils", message="mer %(version)s")
def main():
    """Uncertainty in music emotion recognition: an open replication.

    Can a model tell how much listeners will disagree about a song? This command runs the
    study, builds the book that explains it, and looks after your copy of the DEAM data set.

    \b
    Start here
      mer book --profile quick     the whole book in a few minutes
      mer book                     the book at the scale of the paper

    \b
    With your own DEAM
      mer fetch deam ~/deam        download the official archives
      mer check ~/deam             what is in the folder, what is odd about it
      mer run --dataset deam --data ~/deam

    \b
    With your own ratings
      mer init my_ratings          a small example, to replace by yours
      mer check my_ratings
      mer run --dataset my_ratings

    A single notebook runs with papermill, and ends by printing its scores:

    \b
      papermill notebooks/04_nll.ipynb -p seed 7

    Exit status: 0 all is well, 1 the work was done and failed, 2 the input is wrong.
    """  # noqa: D301  (a real \b tells click to keep the lines of an example apart)


main.add_command(fetch)


@main.command(short_help="Run the study: losses, seed ensembles, MC dropout.")
@click.option("--dataset", default="musifeast", show_default=True, **DATASET)
@DATA
@FEATURES
@PROFILE
@click.option("--out", type=FOLDER, help="Folder for the tables.  [default: one in _build]")
def run(dataset, data, features, profile, out):
    """Run the study: three losses, seed ensembles, MC dropout.

    Writes tables of scores with their intervals, and says where. What was trained before is
    reused, and after an interruption the work goes on where it stopped.
    """
    from mer_utils.results import read_results
    from mer_utils.scoring.replicate import write_results
    from mer_utils.show.scorecard import study_lines, tops

    how = {"features": _place(features), "say": click.echo, "tops": tops}
    folder = write_results(dataset, _folder(dataset, data), profile, out, **how)
    click.echo("\n".join(study_lines(read_results(folder=folder), profile)))
    click.echo(f"\nscores.csv, claims.csv and provenance.json are in\n{folder}")


@main.command(short_help="Run the notebooks and build the book.")
@PROFILE
@click.option("--dataset", **DATASET | {"help": DATASET["help"] + "  [default: each page's own]"})
@DATA
@FEATURES
@click.option("--out", type=FOLDER,
              help="Build into OUT/_build.  [default: _build, or _build/quick]")  # fmt: skip
@click.option("--jobs", type=click.IntRange(1), help="Notebooks at a time.  [default: processors]")
def book(profile, dataset, data, features, out, jobs):
    """Run the notebooks and build the book; print the path of its first page.

    Does only what is needed: a second run with nothing changed does nothing.
    """
    from mer_utils.book.build import BuildError, build_book

    chosen = {"profile": profile, "dataset": dataset, "data": _folder(dataset, data)}
    chosen["features"] = _place(features)
    usual = {"profile": "paper", "dataset": None, "data": "", "features": "auto"}
    parameters = {name: value for name, value in chosen.items() if value != usual[name]}
    try:
        first_page = build_book(
            out, parameters, jobs=jobs, say=lambda line: click.echo(line, err=True)
        )
    except BuildError as error:
        raise click.ClickException(str(error)) from error
    click.echo(first_page)


@main.command(short_help="Write a small example of your own ratings.")
@click.argument("folder", type=FOLDER)
def init(folder):
    """Write a small example of a data set of your own into the new folder FOLDER.

    Its ratings are simulated. Replace them by yours: dataset.toml says what each file holds.
    """
    from mer_utils.data.own_folder import copy_example

    copy_example(folder)
    click.echo(f"An example is in {folder}; its ratings are simulated. Next:")
    click.echo(f"  mer check {folder}\n  mer run --dataset {folder} --profile quick")


@main.command(short_help="Report what is in a folder of ratings, and what is odd.")
@click.argument("data", type=click.Path(path_type=Path))
def check(data):
    """Report what is in the folder DATA, and what is odd about it.

    DATA is your DEAM, or holds your own ratings and a dataset.toml. Counts songs, raters and
    features, checks ranges and duplicates, and works out how the SDs were computed. In DEAM
    it looks for the exchange of valence and arousal in the first 744 songs, in your own ratings
    at how far the raters agree.
    Exit status 1 if something in the folder is wrong.
    """
    from mer_utils.audit.check import check_report

    report = check_report(data)
    click.echo(str(report))
    raise SystemExit(1 if report.errors else 0)


@main.command(short_help="Turn a folder of audio into embeddings.")
@click.argument("audio_dir", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--encoder", default="musicfm", show_default=True,
              help="musicfm, musicnn, logmel, or module:function.")  # fmt: skip
@click.option("--checkpoint", type=click.Path(path_type=Path),
              help="Weights.  [default: where mer fetch puts them]")  # fmt: skip
@click.option("--layers", default="last", show_default=True, help="last, all, or names: 7,12.")
@click.option("--start", default=0.0, show_default=True, help="Skip so many seconds of each song.")
@click.option("--length", default=45.0, show_default=True, help="Seconds of each song, at most.")
@click.option("--min-length", default=0.0, show_default=True, help="Less than this is a failure.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or auto.")
@click.option("--dtype", type=click.Choice(["auto", "float32", "bfloat16", "float16"]),
              default="auto", show_default=True,
              help="Of the arithmetic. auto: what is faster here.")  # fmt: skip
@click.option("--batch", type=click.IntRange(1), help="Clips at once.  [default: 1; 8 on a GPU]")
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True,
              help="Threads that decode ahead.")  # fmt: skip
@click.option("--threads", type=click.IntRange(1), help="Processor threads of the encoder.")
@click.option("--scheduler", help="tcp://HOST:PORT of a Dask cluster that does the work.")
def embed(audio_dir, out, layers, length, min_length, **options):
    """Turn the audio in AUDIO_DIR into embeddings, one row per song, in the store OUT.

    OUT is a folder of Parquet files: pandas.read_parquet(OUT) reads it, and so does load_deam.
    After an interruption the same command goes on where it stopped. Songs that could not be
    embedded are listed in OUT/_failures.csv, with the reason, and tried again by the next run.
    Exit status 1 if there are any, 130 if the run was interrupted.
    """
    from mer_utils.embed.extract import extract
    from mer_utils.embed.number_format import slow_dtype

    asked = (options[name] for name in ("encoder", "dtype", "device"))
    slow = "" if options["scheduler"] else slow_dtype(*asked)  # the workers compute elsewhere
    if slow:
        click.echo(f"{slow}: --dtype auto takes what is faster", err=True)
    layers = layers if layers in ("all", "last") else layers.split(",")
    try:
        done = extract(
            audio_dir, out, layers=layers, seconds=length, min_seconds=min_length, **options
        )
    except KeyboardInterrupt:
        click.echo("\nStopped. The same command goes on from here.", err=True)
        raise SystemExit(130) from None
    click.echo(f"{done.done} songs in {out}, {done.new} of them new; {done.failed} failed")
    if done.others:
        click.echo(f"{done.others} more songs in {out} are not in {audio_dir} any more")
    for failure in done.failures[:5]:
        click.echo(f"  {failure.path}: {failure.reason}", err=True)
    if done.failed > 5:
        click.echo(f"  ... all {done.failed} are in {out / '_failures.csv'}", err=True)
    raise SystemExit(1 if done.failed else 0)
