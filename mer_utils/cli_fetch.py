"""``mer fetch``: data and weights, each by one command that can be interrupted."""

from pathlib import Path

import click

FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group(short_help="Download data and weights.")
def fetch():
    """Download data. Interrupted downloads resume; checksums are kept and verified."""


@fetch.command(short_help="The official DEAM archives.")
@click.argument("dest", type=FOLDER)
@click.option("--audio", is_flag=True, help="The audio too, by far the largest archive.")
def deam(dest, audio):
    """Download the official DEAM archives into the folder DEST and unpack them.

    DEAM is for research use, under its own terms: read them on its home page.
    """
    from mer_utils.data.download import fetch_deam

    parts = ("annotations", "metadata", "features") + (("audio",) if audio else ())
    folder = fetch_deam(dest, parts=parts)
    click.echo(f"DEAM is in {folder}. What is in it, and what is odd about it: mer check {folder}")


@fetch.command(short_help="The weights of MusicFM, the paper's encoder.")
@click.argument("dest", required=False, type=FOLDER)
@click.option("--variant", type=click.Choice(["msd", "fma"]), default="msd", show_default=True,
              help="Trained on the Million Song Dataset, or on FMA-large.")  # fmt: skip
def musicfm(dest, variant):
    """Download the weights of MusicFM, the paper's encoder (1.3 GB), to the folder DEST.

    Without DEST: to where `mer embed` looks. Read the terms on the model's page, minzwon/MusicFM.
    `mer embed` takes msd; for fma, give it --checkpoint DEST/pretrained_fma.pt.
    """
    from mer_utils.data.download import fetch_musicfm

    click.echo(f"The weights of MusicFM are in {fetch_musicfm(dest, variant=variant)}")


@fetch.command(short_help="The weights of musicnn, a small tagger.")
@click.argument("dest", required=False, type=FOLDER)
def musicnn(dest):
    """Fetch the weights of the tagger musicnn (29 MB, ISC licence), with pip, to the folder DEST.

    Without DEST: to where `mer embed` looks. Nothing is installed.
    """
    from mer_utils.embed.weights import fetch_musicnn

    click.echo(f"The weights of musicnn are in {fetch_musicnn(dest)}")


@fetch.command(short_help="The clips of MUSIFEAST-17.")
@click.argument("dest", type=FOLDER)
def musifeast(dest):
    """Download the 356 clips of MUSIFEAST-17 (231 MB, for non-commercial research) to DEST.

    The chapters do not need them: the repository holds their ratings and embeddings.
    """
    from mer_utils.data.musifeast_clips import fetch_musifeast

    click.echo(f"The clips are in {fetch_musifeast(dest)}")
