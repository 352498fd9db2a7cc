"""XTC and TRR files looked through before they are read: the library that does so writes beyond its memory if one is
damaged.

The formats are those of GROMACS's xdrfile. In XTC of each molecule the first atom's coordinates stand in full, those of
the others as small differences, whose width follows an index that goes up and down by one.
"""

import math
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numba import njit

XTC, TRR = 1995, 1993  # how frames begin
XTC_HEAD = struct.Struct(">3i10fi")  # magic number, atoms, step; time and cell; atoms
PACKED = struct.Struct(">f8i")  # precision; least and greatest coordinates, index of the small ones, bytes
UNPACKED = 9  # atoms that are not compressed, at most
FIRST, LAST = 9, 72  # index of the small coordinates
TRR_HEAD = struct.Struct(">3i12s13i")  # magic number, name; bytes of ten blocks, atoms, step, and energies


def check_xdr(path: str | Path) -> None:
    """Refuse, with a `ValueError`, an XTC or TRR file with a frame that does not hold its number of atoms.

    Other files pass, and so does a last frame that is cut off, which the library notices.
    """
    skip = {".xtc": _skip_xtc, ".trr": _skip_trr}.get(Path(path).suffix.lower())
    if skip is None:
        return
    with open(path, "rb") as file:
        number, atoms = 0, None
        while found := skip(file):
            if found < 0 or found != (atoms or found):
                raise ValueError(f"frame {number} is damaged, or of another number of atoms")
            number, atoms = number + 1, found


def _skip_xtc(file: BinaryIO) -> int:
    """Atoms of the frame that a file goes on with, which is passed over; 0 at the end, -1 for what is no frame."""
    head = file.read(XTC_HEAD.size)
    if len(head) < XTC_HEAD.size:
        return 0
    magic, atoms, *_, size = XTC_HEAD.unpack(head)
    if magic != XTC or not atoms == size > 0:
        return -1
    if atoms <= UNPACKED:
        file.seek(12 * atoms, 1)
        return atoms
    packed = file.read(PACKED.size)
    if len(packed) < PACKED.size:
        return 0
    _, *ends, small, length = PACKED.unpack(packed)
    spans = [(high - low + 1) % 2**32 for low, high in zip(ends[:3], ends[3:], strict=True)]
    if not (all(spans) and FIRST <= small <= LAST and 0 <= length <= 12 * atoms):
        return -1
    data = file.read((length + 3) // 4 * 4)
    if len(data) < length:
        return 0
    together = max(spans) < 2**24
    bits = math.prod(spans).bit_length() if together else sum(span.bit_length() for span in spans)
    return atoms if _unpacks(np.frombuffer(data, np.uint8), atoms, bits, small) else -1


def _skip_trr(file: BinaryIO) -> int:
    """As `_skip_xtc`."""
    head = file.read(TRR_HEAD.size)
    if len(head) < TRR_HEAD.size:
        return 0
    magic, *name, record, energies, cell, virial, pressure, topology, symbols, x, v, f, atoms, _, _ = TRR_HEAD.unpack(
        head
    )
    if (magic, *name) != (TRR, 13, 12, b"GMX_trn_file") or not atoms > 0:
        return -1
    width = 8 if 72 in (cell, virial, pressure) or 24 * atoms in (x, v, f) else 4
    small, large = {0, 9 * width}, {0, 3 * atoms * width}
    if record or energies or topology or symbols or not ({cell, virial, pressure} <= small and {x, v, f} <= large):
        return -1
    file.seek(2 * width + cell + virial + pressure + x + v + f, 1)
    return atoms


@njit(cache=True)
def _bit(data, place):
    return np.int64(data[place >> 3]) >> (7 - (place & 7)) & 1


@njit(cache=True)
def _unpacks(data, atoms, bits, small):
    """Whether the bytes hold so many atoms, the full coordinates of which take so many bits, and not one more."""
    atom, place, run, end = 0, 0, 0, 8 * len(data)
    while atom < atoms:
        place += bits
        if place >= end:
            return False
        change = 0
        if _bit(data, place):  # another number of small ones than last time
            if place + 6 > end:
                return False
            run = 0
            for at in range(place + 1, place + 6):
                run = 2 * run + _bit(data, at)
            place += 5
            change = run % 3 - 1
            run //= 3
        place += 1 + run * small
        atom += 1 + run
        small += change
        if small < FIRST or small > LAST:
            return False
    return atom == atoms and place <= end
