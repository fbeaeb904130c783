"""The clips, against a server on this machine."""

import hashlib
import os

import file_server
import pandas as pd
import pytest

from mer_utils.data import musifeast_clips
from mer_utils.data.musifeast_clips import fetch_musifeast


def test_the_clips_are_fetched_and_checked(tmp_path, monkeypatch):
    bodies = {name: os.urandom(1000) for name in ("RnB_LOW_01", "Jazz_HIGH_08")}
    digests = {name: hashlib.sha256(body).hexdigest() for name, body in bodies.items()}
    clips = pd.DataFrame({"sha256": digests})
    monkeypatch.setattr(musifeast_clips, "tables", lambda: (None, clips))
    with file_server.serving() as server:
        server.files = {f"{name}.mp3": body for name, body in bodies.items()}
        fetch_musifeast(tmp_path / "a", base_url=server.url + "/stimuli/", progress=False)
        assert {p.stem: p.read_bytes() for p in (tmp_path / "a").glob("*.mp3")} == bodies
        server.files["Jazz_HIGH_08.mp3"] = os.urandom(1000)
        with pytest.raises(ValueError, match="checksum differs"):
            fetch_musifeast(tmp_path / "b", base_url=server.url + "/stimuli/", progress=False)
