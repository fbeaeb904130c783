"""The checkpoint reader, on a file that TensorFlow wrote and on files made here."""

import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from mer_utils.tensor_bundle import DTYPES, MAGIC, BundleError, crc32c, mask, read_bundle

FIXTURES = Path(__file__).parent / "fixtures"
sys.path.insert(0, str(FIXTURES))
from make_tiny_bundle import tensors  # noqa: E402

INDEX = (FIXTURES / "tiny_bundle.index").read_bytes()
DATA = (FIXTURES / "tiny_bundle.data-00000-of-00001").read_bytes()


# --- a writer, so that other tests can make damaged or foreign checkpoints -------------------


def _varint(number):
    out = b""
    while number > 0x7F:
        out, number = out + bytes([number & 0x7F | 0x80]), number >> 7
    return out + bytes([number])


def _bytes_field(number, value):
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _block(pairs, kind=0):
    body = b"".join(_varint(0) + _varint(len(k)) + _varint(len(v)) + k + v for k, v in pairs)
    body += struct.pack("<II", 0, 1)
    return body + bytes([kind]) + struct.pack("<I", mask(crc32c(body + bytes([kind]))))


def write_bundle(arrays, *, per_block=100, header=b"\x08\x01", kind=0, more=b""):
    """(index, data) of a checkpoint with these arrays, ``per_block`` entries a block."""
    codes = {np.dtype(dtype): code for code, dtype in DTYPES.items()}
    entries, data = [(b"", header)], b""
    for name, array in sorted(arrays.items()):
        raw = array.tobytes()
        shape = b"".join(_bytes_field(2, b"\x08" + _varint(size)) for size in array.shape)
        entry = b"\x08" + _varint(codes[array.dtype]) + _bytes_field(2, shape)
        entry += b"\x20" + _varint(len(data)) + b"\x28" + _varint(len(raw))
        entry += b"\x35" + struct.pack("<I", mask(crc32c(raw))) + more
        entries.append((name.encode(), entry))
        data += raw
    index, handles = b"", []
    for at in range(0, len(entries), per_block):
        block = _block(entries[at : at + per_block], kind)
        handle = _varint(len(index)) + _varint(len(block) - 5)
        handles.append((entries[min(at + per_block, len(entries)) - 1][0], handle))
        index += block
    meta, top = _block([]), _block(handles)
    footer = _varint(len(index)) + _varint(len(meta) - 5)
    footer += _varint(len(index) + len(meta)) + _varint(len(top) - 5)
    return index + meta + top + footer.ljust(40, b"\0") + struct.pack("<Q", MAGIC), data


def same(found, wanted):
    return found.keys() == wanted.keys() and all(
        found[n].dtype == a.dtype and found[n].shape == a.shape and np.array_equal(found[n], a)
        for n, a in wanted.items()
    )


# --- tests -----------------------------------------------------------------------------------


def test_the_checksum_is_castagnolis():
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(b"") == 0
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4


def test_what_tensorflow_wrote_is_read():
    assert same(read_bundle(INDEX, DATA), tensors())


def test_only_what_is_kept_is_read_and_checked():
    start = DATA.find(tensors()["a/kernel"].tobytes())
    damaged = DATA[:start] + b"\xff" + DATA[start + 1 :]
    with pytest.raises(BundleError, match="a/kernel.*checksum"):
        read_bundle(INDEX, damaged)
    assert list(read_bundle(INDEX, damaged, keep=lambda name: name == "half")) == ["half"]


@pytest.mark.parametrize("per_block", [1, 2, 100])
def test_several_blocks(per_block):
    arrays = {f"layer_{i}/weight": np.full((i, 2), i, "f4") for i in range(200)}
    assert same(read_bundle(*write_bundle(arrays, per_block=per_block)), arrays)


def test_no_changed_byte_goes_unnoticed():
    wanted, silent = tensors(), []
    for at in range(len(INDEX)):
        changed = bytearray(INDEX)
        changed[at] ^= 0x55
        try:
            assert same(read_bundle(bytes(changed), DATA), wanted), f"byte {at}"
            silent.append(at)
        except BundleError:
            pass
    # What may change: the footer's padding and what points to the empty metaindex block, and
    # that block itself.
    assert len(silent) < 60
    for at in range(len(DATA)):
        changed = bytearray(DATA)
        changed[at] ^= 0x55
        with pytest.raises(BundleError, match="checksum"):
            read_bundle(INDEX, bytes(changed))


def test_a_file_that_was_cut_off_is_an_error():
    for length in range(len(INDEX)):
        with pytest.raises(BundleError):
            read_bundle(INDEX[:length], DATA)
    for length in range(len(DATA)):
        with pytest.raises(BundleError, match="ends too early"):
            read_bundle(INDEX, DATA[:length])


@pytest.mark.parametrize("index", [b"", b"<!DOCTYPE html><html>" + b"x" * 100, bytes(48)])
def test_another_file_is_an_error(index):
    with pytest.raises(BundleError, match="not the index"):
        read_bundle(index, DATA)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kind": 1}, "compressed"),
        ({"header": b"\x08\x02"}, "one little-endian data file"),
        ({"header": b"\x08\x01\x10\x01"}, "one little-endian data file"),
        ({"more": b"\x18\x01"}, "not read here"),
        ({"more": _bytes_field(7, b"")}, "not read here"),
        ({"more": b"\x08\x07"}, "not read here"),  # DT_STRING
        ({"more": _bytes_field(2, _bytes_field(2, b"\x08\x05"))}, "do not make the shape"),
    ],
)
def test_what_is_left_out_is_said(options, said):
    index, data = write_bundle({"w": np.arange(3, dtype="f4")}, **options)
    with pytest.raises(BundleError, match=said):
        read_bundle(index, data)
