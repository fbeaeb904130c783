"""Unpacking ZIP archives from elsewhere: whole and inside their folder, or not at all."""

import os
import stat
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from tqdm import tqdm

MAX_BYTES = 40 * 10**9
MAX_FILES = 100_000


class FetchError(ValueError):
    """A download or an archive that cannot be used; the message tells the mend."""


def unpack(archive, dest, *, loose="files", max_bytes: int = MAX_BYTES) -> Path:
    """Unpack a ZIP archive into ``dest``, or nothing of it if any part looks unsafe.

    Parameters
    ----------
    archive : path of a ZIP file.
    dest : folder. Files that are there with the right size stay as they are.
    loose : name of the folder for archives whose files lie at their top level.
    max_bytes : limit on the unpacked size.

    Raises
    ------
    FetchError
        If a name is absolute or leads outside ``dest``, on links and encrypted files, if the
        archive unpacks to more than ``max_bytes`` or is damaged. Nothing is written then.
    """
    archive, dest = Path(archive), Path(dest)
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [m for m in opened.infolist() if not m.is_dir() and not _clutter(m.filename)]
            _refuse_unsafe(archive, members, max_bytes)
            if any("/" not in member.filename for member in members):
                dest = dest / loose
            wanted = [m for m in members if not _there(dest / m.filename, m.file_size)]
            if not wanted:
                return dest
            dest.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".unpack-", dir=dest) as temporary:
                for member in tqdm(wanted, desc=archive.stem, leave=False, unit="file",
                                   disable=len(wanted) < 300):  # fmt: skip
                    opened.extract(member, temporary)
                for member in wanted:
                    target = dest / member.filename
                    target.parent.mkdir(parents=True, exist_ok=True)
                    os.replace(Path(temporary) / member.filename, target)
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise FetchError(
            f"{archive}: not a sound ZIP archive ({error}); remove it and its entry in "
            "checksums.json, then fetch it again"
        ) from None
    except OSError as error:
        raise FetchError(
            f"{error.filename or dest}: {error.strerror or error}; unpack into a folder that can "
            "be written and has room"
        ) from None
    return dest


def _refuse_unsafe(archive, members, max_bytes):
    for member in members:
        name, kind = member.filename, stat.S_IFMT(member.external_attr >> 16)
        path = PurePosixPath(name)
        reason = None
        if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in path.parts[0]:
            reason = "leads outside the folder"
        elif kind not in (0, stat.S_IFREG):
            reason = "is a link or a special file"
        elif member.flag_bits & 1:
            reason = "is encrypted"
        if reason:
            raise FetchError(f"{archive}: '{name}' {reason}; nothing was unpacked, do not use it")
    total = sum(member.file_size for member in members)
    if total > max_bytes or len(members) > MAX_FILES:
        raise FetchError(
            f"{archive}: {len(members)} files of {total / 1e9:.1f} GB together, beyond the limit "
            f"of {MAX_FILES} files and {max_bytes / 1e9:.1f} GB; nothing was unpacked"
        )


def _clutter(name):
    return name.startswith("__MACOSX/") or PurePosixPath(name).name in (".DS_Store", "Thumbs.db")


def _there(path, size):
    return path.is_file() and path.stat().st_size == size
