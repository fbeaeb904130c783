"""Downloads against a server on this machine: whole, interrupted, changed."""

import hashlib
import json
import os
import zipfile

import file_server
import pytest

from mer_utils.data import download
from mer_utils.data.deam import AVERAGED, FILES, load_deam
from mer_utils.data.download import fetch_deam, fetch_files, fetch_musicfm
from mer_utils.data.unpack import FetchError


@pytest.fixture
def server():
    with file_server.serving() as made:
        yield made


BODY = os.urandom(300_000)


def get(server, dest, **options):
    return fetch_files({"a.bin": f"{server.url}/a.bin"}, dest, progress=False, **options)[0]


def test_download_and_first_checksum(server, tmp_path):
    server.files["a.bin"] = BODY
    path = get(server, tmp_path / "new")
    assert path.read_bytes() == BODY
    entry = json.loads((tmp_path / "new/checksums.json").read_text())["a.bin"]
    assert entry["bytes"] == len(BODY) and len(entry["sha256"]) == 64
    assert sorted(p.name for p in path.parent.iterdir()) == ["a.bin", "checksums.json"]
    get(server, tmp_path / "new")
    assert len(server.asked) == 1  # the second call asks for nothing


def test_short_breaks_are_bridged(server, tmp_path):
    server.files["a.bin"], server.breaks = BODY, [100_000, 50_000]
    assert get(server, tmp_path).read_bytes() == BODY
    assert len(server.asked) == 3 and server.asked[1][1].startswith("bytes=")


def test_interrupted_then_resumed(server, tmp_path):
    server.files["a.bin"], server.breaks = BODY, [70_000, 70_000, 70_000]
    with pytest.raises(FetchError, match="run the same command again"):
        get(server, tmp_path)
    part = tmp_path / "a.bin.part"
    have = part.stat().st_size
    assert 0 < have < len(BODY) and not (tmp_path / "a.bin").exists()
    assert not (tmp_path / "checksums.json").exists()
    assert get(server, tmp_path).read_bytes() == BODY
    assert server.asked[-1][1] == f"bytes={have}-"
    assert not part.exists()


def test_server_without_ranges(server, tmp_path):
    server.files["a.bin"], server.ranges = BODY, False
    server.breaks = [70_000, 70_000, 70_000]
    with pytest.raises(FetchError):
        get(server, tmp_path)
    assert get(server, tmp_path).read_bytes() == BODY


def test_two_versions_never_mix(server, tmp_path):
    server.files["a.bin"], server.breaks = BODY, [70_000, 0, 0]
    with pytest.raises(FetchError):
        get(server, tmp_path)
    server.files["a.bin"] = changed = BODY[::-1]
    assert get(server, tmp_path).read_bytes() == changed


def test_changed_file_is_refused(server, tmp_path):
    server.files["a.bin"] = BODY
    path = get(server, tmp_path)
    path.unlink()
    server.files["a.bin"] = BODY + b"!"
    with pytest.raises(FetchError, match="checksum differs.*checksums.json"):
        get(server, tmp_path)
    assert not path.exists()
    server.files["a.bin"] = BODY
    assert get(server, tmp_path) == path


def test_damaged_copy_is_fetched_again(server, tmp_path):
    server.files["a.bin"] = BODY
    get(server, tmp_path).write_bytes(b"damaged")
    assert get(server, tmp_path).read_bytes() == BODY


def test_published_checksum(server, tmp_path):
    server.files["a.bin"] = BODY
    with pytest.raises(FetchError, match="checksum differs"):
        get(server, tmp_path, known={"a.bin": "0" * 64})
    assert not (tmp_path / "a.bin").exists()


def test_missing_file_and_silent_server(server, tmp_path):
    with pytest.raises(FetchError, match="404"):
        get(server, tmp_path)
    with pytest.raises(FetchError, match="download stopped"):
        fetch_files({"a.bin": "http://127.0.0.1:9/a.bin"}, tmp_path, progress=False)


def test_folder_that_cannot_be_written(server, tmp_path):
    server.files["a.bin"] = BODY
    (tmp_path / "file").write_text("")
    with pytest.raises(FetchError, match="choose a folder"):
        get(server, tmp_path / "file")
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    if os.access(locked, os.W_OK):  # root may write everywhere: use a folder it cannot
        locked = "/proc/mer"
    with pytest.raises(FetchError, match="choose a folder"):
        get(server, locked)


def test_full_disk_is_seen_before_the_download(server, tmp_path, monkeypatch):
    server.files["a.bin"] = BODY
    usage = type("usage", (), {"free": 10})
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(FetchError, match="make room"):
        get(server, tmp_path)


def archive(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, body in members.items():
            made.writestr(name, body)
    return path


def test_fetch_deam(server, tmp_path):
    ratings = "song_id, valence_mean, valence_std, arousal_mean, arousal_std\n2,3,1,3,1\n3,4,1,6,1"
    archives = {
        "DEAM_Annotations.zip": {AVERAGED + FILES["1-2000"]: ratings},
        "features.zip": {f"features/{i}.csv": f"frameTime;a\n0.0;{i}\n0.5;1\n" for i in (2, 3)},
        "metadata.zip": {"metadata/metadata_2013.csv": "song_id,artist,Genre\n2,A,Rock\n"},
    }
    for name, members in archives.items():
        server.files[name] = archive(tmp_path / name, members).read_bytes()
    dest = fetch_deam(tmp_path / "deam", base_url=server.url + "/DEAM/", progress=False)
    data = load_deam(dest)
    assert data.song_id.tolist() == [2, 3] and data.artist[0] == "A"
    assert set(json.loads((dest / "checksums.json").read_text())) == set(server.files)
    fetch_deam(dest, base_url=server.url, progress=False)
    assert len(server.asked) == 3
    with pytest.raises(FetchError, match="no part 'video'"):
        fetch_deam(dest, parts=["video"], base_url=server.url)


def test_fetch_musicfm(server, tmp_path, monkeypatch):
    """The published checksums decide, a break is bridged, and what is there is not asked again."""
    published = {"msd_stats.json": "sha256:" + hashlib.sha256(b"{}").hexdigest(),
                 "pretrained_msd.pt": "md5:" + hashlib.md5(BODY).hexdigest()}  # fmt: skip
    monkeypatch.setattr(download, "MUSICFM_FILES", published)
    server.files |= {"msd_stats.json": b"{}", "pretrained_msd.pt": BODY}
    server.breaks = [2, 100_000]
    made = fetch_musicfm(tmp_path / "w", base_url=server.url, progress=False)
    assert made == tmp_path / "w" / "pretrained_msd.pt"
    assert made.read_bytes() == BODY
    asked = len(server.asked)
    assert fetch_musicfm(tmp_path / "w", base_url=server.url, progress=False) == made
    assert len(server.asked) == asked
    server.files["pretrained_msd.pt"] = b"<html>not found</html>"
    with pytest.raises(FetchError, match="checksum differs"):
        fetch_musicfm(tmp_path / "other", base_url=server.url, progress=False)
    assert not (tmp_path / "other" / "pretrained_msd.pt").exists()


def test_musicfm_goes_to_the_folder_of_weights(server, tmp_path, monkeypatch):
    monkeypatch.setenv("MER_WEIGHTS", str(tmp_path / "mine"))
    monkeypatch.setattr(download, "MUSICFM_FILES", {"msd_stats.json": None})
    server.files["msd_stats.json"] = b"{}"
    fetch_musicfm(base_url=server.url, progress=False)
    assert (tmp_path / "mine" / "msd_stats.json").read_bytes() == b"{}"


def test_the_variants_of_musicfm_do_not_mix(server, tmp_path, monkeypatch):
    """Each is asked for by its own names, checked, and kept beside the other."""
    bodies = {name: os.urandom(500) for name in download.MUSICFM_FILES}
    monkeypatch.setattr(download, "MUSICFM_FILES", {
        name: f"sha256:{hashlib.sha256(body).hexdigest()}" for name, body in bodies.items()
    })  # fmt: skip
    server.files |= bodies
    fetched = {}
    for variant in download.MUSICFM_VARIANTS:
        server.asked.clear()
        path = fetch_musicfm(tmp_path, variant=variant, base_url=server.url, progress=False)
        fetched[variant] = path.name, {name for name, _ in server.asked}
    assert fetched == {
        v: (f"pretrained_{v}.pt", {f"{v}_stats.json", f"pretrained_{v}.pt"}) for v in ("msd", "fma")
    }
    assert all((tmp_path / name).read_bytes() == body for name, body in bodies.items())
    (tmp_path / "pretrained_fma.pt").write_bytes(b"the one before its correction")
    fetch_musicfm(tmp_path, variant="fma", base_url=server.url, progress=False)
    assert (tmp_path / "pretrained_fma.pt").read_bytes() == bodies["pretrained_fma.pt"]
    with pytest.raises(FetchError, match="no variant 'm': choose from msd, fma"):
        fetch_musicfm(tmp_path, variant="m", base_url=server.url, progress=False)


def test_the_published_checksums_are_those_of_the_released_files(musicfm_root):
    stats = hashlib.sha256((musicfm_root / "msd_stats.json").read_bytes()).hexdigest()
    assert download.MUSICFM_FILES["msd_stats.json"] == f"sha256:{stats}"
    notes = (musicfm_root / "README.md").read_text()
    assert download.MUSICFM_FILES["pretrained_msd.pt"].removeprefix("md5:") in notes
