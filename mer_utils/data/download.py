"""Downloading data: resumable, checked, unpacked with care.

``fetch_files`` is general. ``fetch_deam`` names the official archives of DEAM and unpacks them
into the folder layout that ``load_deam`` reads; ``fetch_musicfm`` names the paper's encoder.
pooch decides what to download and checks it; this module adds what pooch leaves out: going on
after an interruption, and remembering the checksum of the first download.
"""

import json
import os
import shutil
from pathlib import Path

import pooch
import requests
from tqdm import tqdm

from mer_utils.data.dataset import sha256
from mer_utils.data.unpack import FetchError, unpack
from mer_utils.paths import weights_dir, write_atomically

DEAM_URL = "https://cvml.unige.ch/databases/DEAM/"
DEAM_PARTS = {
    "annotations": "DEAM_Annotations.zip",
    "metadata": "metadata.zip",
    "features": "features.zip",
    "audio": "DEAM_audio.zip",
}
MUSICFM_URL = "https://huggingface.co/minzwon/MusicFM/resolve/main/"
MUSICFM_VARIANTS = ("msd", "fma")  # what it was trained on: Million Song Dataset, FMA-large
MUSICFM_FILES = {  # name -> published checksum
    "msd_stats.json": "sha256:c36c61ab10ca4d2e7fdfefc3fcc15205316bec276a06a47baa3641a62c546f22",
    "pretrained_msd.pt": "md5:df930aceac8209818556c4a656a0714c",
    "fma_stats.json": "sha256:5416e468018bae68c6231d4cbb2b11f0d11c04e6437881505ae427a3f8344904",
    "pretrained_fma.pt": "sha256:68392eee13d34c2941b3761934abb6b1e67b2e9df498695bda2ea5c1087d4b96",
}


def fetch_deam(
    dest, *, parts=("annotations", "metadata", "features"), base_url=DEAM_URL, progress=True
) -> Path:
    """Download the official DEAM archives and unpack them into ``dest``.

    Parameters
    ----------
    dest : path of the data folder; made if missing. Archives are kept in ``dest/archives``.
    parts : which of "annotations", "metadata", "features" and "audio" (by far the largest).
    base_url : address of the folder that holds the archives.
    progress : show a bar per file.

    Returns
    -------
    Path
        ``dest``, ready for ``load_deam``. Run again, it downloads and unpacks only what is
        missing.

    Raises
    ------
    FetchError
        As in :func:`fetch_files` and :func:`unpack`, or if a part is unknown.
    """
    dest = Path(dest).expanduser()
    unknown = [part for part in parts if part not in DEAM_PARTS]
    if unknown:
        raise FetchError(f"no part {unknown[0]!r}: choose from {', '.join(DEAM_PARTS)}")
    urls = {DEAM_PARTS[part]: base_url.rstrip("/") + "/" + DEAM_PARTS[part] for part in parts}
    archives = fetch_files(
        urls, dest / "archives", record=dest / "checksums.json", progress=progress
    )
    for part, archive in zip(parts, archives, strict=True):
        unpack(archive, dest, loose=part)
    return dest


def fetch_musicfm(dest=None, *, variant="msd", base_url=MUSICFM_URL, progress=True) -> Path:
    """Download MusicFM's checkpoint (1.3 GB) and statistics; path of the checkpoint.

    Parameters
    ----------
    dest : folder, made if missing; default ``weights_dir()``, where ``mer embed`` looks.
    variant : one of ``MUSICFM_VARIANTS``. "fma" has the same layout and statistics of its own; the
        checksum is that of its correction (February 2024).
    base_url : address of the folder that holds the two files.
    progress : show a bar per file.

    Raises
    ------
    FetchError
        As in :func:`fetch_files`, or if the variant is unknown.
    """
    if variant not in MUSICFM_VARIANTS:
        raise FetchError(f"no variant {variant!r}: choose from {', '.join(MUSICFM_VARIANTS)}")
    dest = Path(dest).expanduser() if dest else weights_dir()
    names = [name for name in MUSICFM_FILES if variant in name]
    urls = {name: base_url.rstrip("/") + "/" + name for name in names}
    files = fetch_files(
        urls, dest, record=dest / "musicfm_checksums.json", known=MUSICFM_FILES, progress=progress
    )
    return files[-1]


def fetch_files(urls: dict, dest, *, record=None, known=None, progress=True) -> list[Path]:
    """Download files into ``dest``, going on where an earlier try stopped.

    Parameters
    ----------
    urls : dict of file name -> address.
    dest : folder; made if missing.
    record : JSON file of checksums, default ``dest/checksums.json``. A file without an entry
        gets one after its first download; later downloads and copies must match it.
    known : dict of file name -> checksum published by the source, which goes before ``record``:
        SHA-256, or another one that names its kind, such as "md5:0123...".
    progress : show a bar per file.

    Returns
    -------
    list of Path, in the order of ``urls``.

    Raises
    ------
    FetchError
        If the folder cannot be written, the server does not answer or breaks off (what came
        is kept in ``NAME.part``), or a checksum differs.
    """
    dest = Path(dest).expanduser()
    record = Path(record) if record else dest / "checksums.json"
    pooch.get_logger().setLevel("WARNING")
    out = []
    try:
        dest.mkdir(parents=True, exist_ok=True)
        entries = json.loads(record.read_text()) if record.is_file() else {}
        for name, url in urls.items():
            recorded = entries.get(name, {}).get("sha256")
            expected = (known or {}).get(name) or recorded
            path = _retrieve(name, url, dest, expected, progress, record)
            if not recorded:
                entry = {"url": url, "bytes": path.stat().st_size, "sha256": sha256(path)}
                entries[name] = entry
                with write_atomically(record) as temporary:
                    temporary.write_text(json.dumps(entries, indent=2, sort_keys=True) + "\n")
            out.append(path)
    except json.JSONDecodeError as error:
        raise FetchError(f"{record}: not JSON ({error}); remove it to start anew") from None
    except OSError as error:
        where = error.filename or dest
        raise FetchError(
            f"{where}: {error.strerror or error}; choose a folder that can be written and has room"
        ) from None
    return out


def _retrieve(name, url, dest, expected, progress, record):
    def download(url, output_file, _pooch, check_only=False):
        part = dest / f"{name}.part"
        _download(url, part, progress)
        os.replace(part, output_file)

    try:
        hashed = expected if not expected or ":" in expected else f"sha256:{expected}"
        return Path(pooch.retrieve(url, hashed, fname=name, path=dest, downloader=download))
    except requests.RequestException as error:
        reason = str(error).split("\n")[0][:200]
        raise FetchError(
            f"{url}: the download stopped ({reason}); run the same command again to go on "
            f"from what is in {dest / (name + '.part')}"
        ) from None
    except ValueError as error:
        if isinstance(error, FetchError):
            raise
        raise FetchError(
            f"{url}: checksum differs from the one expected ({expected}), so the file was not "
            f"kept. If its source was meant to change, remove '{name}' from {record} and try again"
        ) from None


def _download(url: str, part: Path, progress: bool, tries: int = 3):
    """Fill ``part`` from ``url``, from where it ends, with a few tries."""
    for left in reversed(range(tries)):
        try:
            return _continue(url, part, progress)
        except (requests.ConnectionError, requests.Timeout,
                requests.exceptions.ChunkedEncodingError):  # fmt: skip
            if not left:
                raise


def _continue(url: str, part: Path, progress: bool):
    """One request. It goes on from ``part`` only if the server's version tag is the same.

    A server that sends no tag, or knows no ranges, is asked for the whole file again.
    """
    tag_file = part.with_name(part.name + ".tag")
    have = part.stat().st_size if part.is_file() and tag_file.is_file() else 0
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": tag_file.read_text()}
    with requests.get(url, headers=headers, stream=True, timeout=60) as answer:
        if answer.status_code == 416:  # nothing beyond what is there: start anew
            part.unlink()
            return _continue(url, part, progress)
        answer.raise_for_status()
        resumed = answer.status_code == 206
        if resumed and not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            raise FetchError(f"{url}: the server sent another range than asked; remove {part}")
        have = have if resumed else 0
        size = int(answer.headers["Content-Length"]) if "Content-Length" in answer.headers else None
        total = have + size if size is not None else None
        free = shutil.disk_usage(part.parent).free
        if size is not None and size > free:
            raise FetchError(
                f"{url}: {size / 1e6:.0f} MB to come, but {part.parent} has {free / 1e6:.0f} MB "
                "free; make room or choose another folder"
            )
        if not resumed:
            tag = answer.headers.get("ETag", "")
            tag = answer.headers.get("Last-Modified", "") if tag.startswith("W/") else tag
            tag_file.write_text(tag) if tag else tag_file.unlink(missing_ok=True)
        bar = tqdm(total=total, initial=have, unit="B", unit_scale=True,
                   desc=part.stem, disable=not progress)  # fmt: skip
        with open(part, "ab" if resumed else "wb") as file, bar:
            for block in answer.iter_content(1 << 16):
                file.write(block)
                bar.update(len(block))
    if total is not None and part.stat().st_size != total:
        raise requests.ConnectionError(f"{part.stat().st_size} of {total} bytes came")
    tag_file.unlink(missing_ok=True)
