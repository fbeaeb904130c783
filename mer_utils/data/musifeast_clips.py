"""The sound of MUSIFEAST-17, from the authors' repository; it is not part of this project."""

from pathlib import Path

from mer_utils.data.download import fetch_files
from mer_utils.data.musifeast import tables

CLIPS_URL = "https://raw.githubusercontent.com/HazelvdW/MUSIFEAST-17/3ca6d0f/stimuli/"


def fetch_musifeast(dest, *, base_url=CLIPS_URL, progress=True) -> Path:
    """Download the 356 clips (231 MB) into ``dest``, checked against ``clips.csv``.

    Raises
    ------
    FetchError
        As in :func:`mer_utils.data.download.fetch_files`.
    """
    known = {f"{clip}.mp3": f"sha256:{digest}" for clip, digest in tables()[1]["sha256"].items()}
    urls = {name: base_url + name for name in known}
    fetch_files(urls, dest, known=known, progress=progress)
    return Path(dest).expanduser()
