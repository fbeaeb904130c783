"""Which encoders' weights are on this machine; looked up without loading torch."""

from __future__ import annotations

from mer_utils.paths import weights_dir

WHEEL = "musicnn-0.1.0-py3-none-any.whl"  # the package that holds musicnn's weights
FILES = {"musicfm": ("pretrained_msd.pt", "msd_stats.json"), "musicnn": (WHEEL,), "logmel": ()}
"""Encoder -> files in ``weights_dir()`` that it needs; nearest to the paper first."""
TRAINED = {
    "musicfm": "MusicFM, published as trained on the Million Song Dataset without labels",
    "musicnn": "musicnn, trained to tag the Million Song Dataset",
    "logmel": "the log-mel spectrogram, a formula without weights",
}


def best_available() -> str:
    """Name of the first encoder in ``FILES`` all of whose files are there: "logmel" at worst."""
    folder = weights_dir()
    return next(
        name for name, files in FILES.items() if all((folder / file).is_file() for file in files)
    )


def describe(encoder) -> str:
    """One line: what an :class:`mer_utils.encoders.Encoder` is, and which weights it has."""
    line = TRAINED.get(encoder.name, encoder.name)
    if encoder.checkpoint_sha256:
        line += f" (weights with SHA-256 {encoder.checkpoint_sha256[:8]}...)"
    return f"{line}; {len(encoder.layers)} layers"


def fingerprint() -> str:
    """Names, sizes and times of the files of ``FILES`` that are there."""
    paths = [weights_dir() / file for files in FILES.values() for file in files]
    facts = [(path.name, path.stat()) for path in paths if path.is_file()]
    return "\n".join(f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in facts)
