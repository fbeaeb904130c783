"""Archives from elsewhere: merged, mended, and refused where they are unsafe."""

import os
import zipfile

import pytest

from mer_utils.data.unpack import FetchError, unpack


def archive(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, body in members.items():
            made.writestr(name, body)
    return path


def test_unpack_merges_and_mends(tmp_path):
    members = {"features/2.csv": "two", "features/3.csv": "three"}
    clutter = {"__MACOSX/features/._2.csv": "", ".DS_Store": ""}
    made = archive(tmp_path / "x.zip", members | clutter)
    dest = tmp_path / "data"
    (dest / "features").mkdir(parents=True)
    (dest / "features/mine.csv").write_text("mine")
    unpack(made, dest)
    assert sorted(p.name for p in (dest / "features").iterdir()) == ["2.csv", "3.csv", "mine.csv"]
    (dest / "features/3.csv").unlink()
    unpack(made, dest)
    assert (dest / "features/3.csv").read_text() == "three"
    assert [p.name for p in dest.iterdir()] == ["features"]  # no temporary folder stays


def test_loose_files_get_a_folder(tmp_path):
    made = archive(tmp_path / "metadata.zip", {"metadata_2013.csv": "x"})
    assert unpack(made, tmp_path / "data", loose="metadata") == tmp_path / "data/metadata"
    assert (tmp_path / "data/metadata/metadata_2013.csv").is_file()


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/tmp/evil", "C:/evil", "a\\..\\evil"])
def test_names_that_lead_outside_are_refused(tmp_path, name):
    made = archive(tmp_path / "x.zip", {"good/file": "x", name: "evil"})
    with pytest.raises(FetchError, match="leads outside"):
        unpack(made, tmp_path / "data")
    assert not (tmp_path / "data").exists() and not (tmp_path / "evil").exists()


def test_links_are_refused(tmp_path):
    link = zipfile.ZipInfo("data/link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as made:
        made.writestr(link, "/etc/passwd")
    with pytest.raises(FetchError, match="link"):
        unpack(tmp_path / "x.zip", tmp_path / "data")


def test_an_archive_too_large_is_refused(tmp_path):
    made = archive(tmp_path / "x.zip", {"a/zeros": b"0" * 10**6})
    with pytest.raises(FetchError, match="beyond the limit"):
        unpack(made, tmp_path / "data", max_bytes=10**5)
    assert not (tmp_path / "data").exists()


def test_damaged_archives_are_refused(tmp_path):
    made = archive(tmp_path / "x.zip", {"a/one": b"1" * 1000, "a/two": os.urandom(1000)})
    body = bytearray(made.read_bytes())
    body[600] ^= 255  # inside the second member: its checksum no longer fits
    made.write_bytes(body)
    with pytest.raises(FetchError, match="not a sound ZIP"):
        unpack(made, tmp_path / "data")
    assert not any((tmp_path / "data").iterdir())
    made.write_bytes(b"<html>404</html>")
    with pytest.raises(FetchError, match="not a sound ZIP"):
        unpack(made, tmp_path / "data")


def test_an_archive_that_lies_about_its_sizes_writes_no_more(tmp_path):
    made = archive(tmp_path / "x.zip", {"a/zeros": b"0" * 10**6})
    body = made.read_bytes().replace((10**6).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    made.write_bytes(body)
    with pytest.raises(FetchError):
        unpack(made, tmp_path / "data", max_bytes=10**5)
    assert not any((tmp_path / "data").rglob("zeros"))
