"""Reading a TensorFlow checkpoint (a "tensor bundle") without TensorFlow.

A bundle is an index and a data file. The index is a sorted table in LevelDB's format: blocks of
keys and values, of which the footer names the first. A key is a tensor's name; its value, a small
protocol buffer, says type, shape, and where in the data file the numbers lie. Every block and
every tensor carries a CRC-32C checksum, and all those that are used are verified.
Formats: LevelDB's table_format.md; TensorFlow's tensor_bundle.proto.
"""

from __future__ import annotations

import struct

import numpy as np

MAGIC = 0xDB4775248B80FB57
DTYPES = {1: "<f4", 2: "<f8", 3: "<i4", 4: "u1", 5: "<i2", 6: "i1", 9: "<i8", 10: "?", 19: "<f2"}


class BundleError(ValueError):
    """Not a tensor bundle, or a damaged one."""


def read_bundle(index: bytes, data: bytes, keep=lambda name: True) -> dict[str, np.ndarray]:
    """Tensors of a checkpoint, by name.

    Parameters
    ----------
    index, data : contents of the files ``PREFIX.index`` and ``PREFIX.data-00000-of-00001``.
    keep : function of a name; the tensors for which it is false are neither read nor checked.

    Raises
    ------
    BundleError
        If the index is no such table, a checksum differs, the data file is too short, or the
        checkpoint uses what this reader leaves out (compressed blocks, several data files,
        big-endian numbers, partitioned tensors, strings).
    """
    try:
        entries = dict(_table(index))
        header = _fields(entries.pop(b""))
        if header.get(1, 0) != 1 or header.get(2, 0) != 0:
            raise BundleError("only checkpoints in one little-endian data file can be read")
        kept = {name.decode(): _fields(value) for name, value in entries.items()}
        return {name: _tensor(name, entry, data) for name, entry in kept.items() if keep(name)}
    except (IndexError, KeyError, struct.error, UnicodeDecodeError, AttributeError) as error:
        raise BundleError(f"the index of the checkpoint is damaged ({error!r})") from error


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli) of bytes; 0xE3069283 for b"123456789"."""
    crc, table = 0xFFFFFFFF, _CRC
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def mask(crc: int) -> int:
    """The form in which both files store a checksum: turned right by 15 bits, plus a constant."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _crc_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_CRC = _crc_table()


def _table(index):
    """All (key, value) of a table: the footer leads to the index block, that to the others."""
    if len(index) < 48 or struct.unpack("<Q", index[-8:])[0] != MAGIC:
        raise BundleError("this is not the index of a TensorFlow checkpoint, or it was cut off")
    footer, at = index[-48:], 0
    numbers = []
    for _ in range(4):  # offset and size of the metaindex block, then of the index block
        number, at = _varint(footer, at)
        numbers.append(number)
    for _, handle in _block(index, *numbers[2:]):
        offset, at = _varint(handle, 0)
        size, _ = _varint(handle, at)
        yield from _block(index, offset, size)


def _block(index, offset, size):
    body, trailer = index[offset : offset + size], index[offset + size : offset + size + 5]
    kind, stored = struct.unpack("<BI", trailer)
    if mask(crc32c(body + trailer[:1])) != stored:
        raise BundleError("the index of the checkpoint is damaged: a checksum differs")
    if kind:
        raise BundleError("compressed index blocks are not read here")
    (restarts,) = struct.unpack("<I", body[-4:])
    at, end, key = 0, size - 4 - 4 * restarts, b""
    while at < end:  # a key is written as what it shares with the one before it, and the rest
        shared, at = _varint(body, at)
        rest, at = _varint(body, at)
        length, at = _varint(body, at)
        key = key[:shared] + body[at : at + rest]
        yield key, body[at + rest : at + rest + length]
        at += rest + length


def _varint(data, at):
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at


def _fields(message, repeated=()):
    """Field number -> value of a protocol buffer; a list for the numbers in ``repeated``."""
    found, at = {number: [] for number in repeated}, 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(message, at)
        elif wire == 2:
            length, at = _varint(message, at)
            value, at = message[at : at + length], at + length
        elif wire == 5:
            (value,), at = struct.unpack_from("<I", message, at), at + 4
        else:
            raise BundleError(f"the index of the checkpoint is damaged: wire type {wire}")
        found[number].append(value) if number in repeated else found.update({number: value})
    return found


def _tensor(name, entry, data):
    if 7 in entry or entry.get(3, 0) or entry.get(1) not in DTYPES:
        raise BundleError(f"tensor '{name}': partitioned tensors and this type are not read here")
    dims = _fields(entry.get(2, b""), repeated=(2,))[2]
    shape = tuple(_fields(dim).get(1, 0) for dim in dims)
    offset, size = entry.get(4, 0), entry.get(5, 0)
    values = data[offset : offset + size]
    dtype = np.dtype(DTYPES[entry[1]])
    if len(values) != size:
        raise BundleError(f"tensor '{name}': the data file ends too early; fetch it again")
    if mask(crc32c(values)) != entry.get(6):
        raise BundleError(f"tensor '{name}': its checksum differs; fetch the checkpoint again")
    if size != dtype.itemsize * int(np.prod(shape)):
        raise BundleError(f"tensor '{name}': {size} bytes do not make the shape {shape}")
    return np.frombuffer(values, dtype).reshape(shape).copy()
