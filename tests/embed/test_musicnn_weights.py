"""The weights in the wheel go where they belong, or the file is refused."""

import zipfile

import numpy as np
import pytest
import torch

from mer_utils.embed.musicnn import Network, load_musicnn
from mer_utils.embed.musicnn_weights import DATA, fill


def test_tensors_lie_where_the_index_of_the_checkpoint_has_them(musicnn_weights):
    """Offsets as TensorFlow's index names them, of the first, the last and one between."""
    with zipfile.ZipFile(musicnn_weights) as wheel:
        data = wheel.read(DATA)
    state = load_musicnn(musicnn_weights).network.state_dict()

    def at(offset, *shape):
        return np.frombuffer(data, "<f4", int(np.prod(shape)), offset).reshape(shape)

    np.testing.assert_array_equal(state["norm.weight"], at(12, 1))
    np.testing.assert_array_equal(state["dense_norm.running_var"], at(12_160, 200))
    kernel = at(734_792, 7, 67, 1, 204)
    np.testing.assert_array_equal(state["front.1.convolution.weight"], kernel.transpose(3, 2, 0, 1))
    kernel = at(5_384_132, 7, 64, 1, 64)[:, :, 0]
    np.testing.assert_array_equal(state["middle.2.convolution.weight"], kernel.transpose(2, 1, 0))
    np.testing.assert_array_equal(state["tags.weight"], at(9_345_596, 200, 50).T)


def test_what_was_written_is_read_back(tmp_path):
    """A wheel with the numbers 0, 1, 2, ...: each lands once, none in two places."""
    count = 9_465_596 // 4
    with zipfile.ZipFile(tmp_path / "counted.whl", "w") as wheel:
        wheel.writestr(DATA, np.arange(count, dtype="<f4").tobytes())
    network = Network()
    fill(network, tmp_path / "counted.whl")
    state = {k: v for k, v in network.state_dict().items() if not k.endswith("tracked")}
    landed = torch.cat([tensor.flatten() for tensor in state.values()])
    assert len(landed.unique()) == len(landed) and landed.max() < count


def test_a_damaged_wheel_is_an_error(tmp_path, musicnn_weights):
    body = bytearray(musicnn_weights.read_bytes())
    with zipfile.ZipFile(musicnn_weights) as made:
        start = made.getinfo(DATA).header_offset
    changed = body[: start + 5_000] + bytes(100) + body[start + 5_100 :]
    for name, content in (("cut.whl", body[:1_000_000]), ("changed.whl", changed)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=f"{name}: .*damaged.*mer fetch musicnn"):
            load_musicnn(tmp_path / name)
