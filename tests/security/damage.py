"""Random damage to the files of a reader.

Files are a dictionary of name and bytes. Most damage is done inside containers, and checksums are made right after it,
so that it is not caught by the first of them.
"""

import hashlib
import io
import json
import re
import struct
import zipfile
import zlib
from random import Random

Files = dict[str, bytes]

INSIDE = "::"  # between the names of an archive and of its member
OPENED = 0.7  # share of the damage that is done inside containers
NUMBER = re.compile(rb"[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?")
WORD = re.compile(rb"[A-Za-z_][\w-]*")
NUMBERS = [
    "0", "1", "-1", "2", "7", "0.5", "-0.0", "1e-300", "1e300", "-1e300", "1e999", "nan", "inf", "-inf", "255", "65536",
    "2147483647", "2147483648", "-2147483649", "9" * 19, "9" * 40, "1" + "0" * 5000, "1e5", "1e9", "1e12", "0x10",
    "1,5", "1.0.0", "--1", "1_0", "²", "********",
]  # fmt: skip
VALUES = [
    None, True, False, "", "x", "\x00", "é" * 300, "a\nb", [], {}, [None], {"": 0}, [[1]], 0, -1, 1, 10**9, 10**400,
    0.0, -0.5, 1e-300, 1e300, float("nan"), float("inf"), "../..", "1", "1e-3", "O", [0], [1, 2], [-1.0, 1e9],
]  # fmt: skip
TEXT = [
    "\x00", "\n", "\r\n", "\t", " ", '"', "'", "#", "%", "$", "{", "}", "\\", "\x1b[2J", "\u202e", "é", "-", "=", ",",
]  # fmt: skip


def damaged(files: Files, rng: Random) -> Files:
    """Files with one to three random faults."""
    inside = rng.random() < OPENED
    parts = opened(files) if inside else dict(files)
    for _ in range(rng.choice([1, 1, 2, 3])):
        name = rng.choice(sorted(parts))
        parts[name] = rng.choice(DAMAGES)(parts[name], rng)
    if rng.random() < 0.05:
        parts[rng.choice(sorted(parts))] = parts[rng.choice(sorted(parts))]
    if len(parts) > 1 and rng.random() < 0.05:
        del parts[rng.choice(sorted(parts))]
    return sealed(parts) if inside else parts


# --- containers ---------------------------------------------------------------------------------------------


def opened(files: Files) -> Files:
    """The same with each archive as its members."""
    parts = {}
    for name, content in files.items():
        if zipfile.is_zipfile(io.BytesIO(content)):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                parts |= {f"{name}{INSIDE}{member}": archive.read(member) for member in archive.namelist()}
        else:
            parts[name] = content
    return parts


def sealed(parts: Files) -> Files:
    """Archives of their members, and right checksums of PNG images and of weights in their cards."""
    files, archives = {}, {}
    for name, content in parts.items():
        outer, _, member = name.partition(INSIDE)
        if member:
            archives.setdefault(outer, {})[member] = content
        else:
            files[name] = _right_crcs(content) if name.endswith(".png") else content
    for name, members in archives.items():
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for member, content in members.items():
                archive.writestr(member, content)
        files[name] = buffer.getvalue()
    for name in [name for name in files if name.endswith(".safetensors")]:
        card = name.replace(".safetensors", ".json")
        digest = hashlib.sha256(files[name]).hexdigest().encode()
        if card in files:
            files[card] = re.sub(rb'("sha256": ")[0-9a-f]{64}', rb"\g<1>" + digest, files[card])
    return files


def _right_crcs(png: bytes) -> bytes:
    """A PNG file with the checksum of each chunk, as far as its chunks can be told."""
    out, at = bytearray(png), 8
    while at + 12 <= len(out):
        (length,) = struct.unpack(">I", out[at : at + 4])
        if at + 12 + length > len(out):
            break
        out[at + 8 + length : at + 12 + length] = struct.pack(">I", zlib.crc32(out[at + 4 : at + 8 + length]))
        at += 12 + length
    return bytes(out)


# --- faults: bytes and a generator in, bytes out ------------------------------------------------------------


def _span(content: bytes, rng: Random) -> tuple[int, int]:
    begin = rng.randint(0, len(content))
    return begin, min(len(content), begin + rng.choice([1, 2, 4, 8, 30, 200, len(content)]))


def cut_off(content: bytes, rng: Random) -> bytes:
    return content[: rng.randint(0, len(content))]


def cut_out(content: bytes, rng: Random) -> bytes:
    begin, end = _span(content, rng)
    return content[:begin] + content[end:]


def repeated(content: bytes, rng: Random) -> bytes:
    begin, end = _span(content, rng)
    return content[:end] + content[begin:end] * rng.choice([1, 2, 50]) + content[end:]


def flipped(content: bytes, rng: Random) -> bytes:
    out = bytearray(content)
    for _ in range(rng.choice([1, 1, 4, 20]) if out else 0):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def overwritten(content: bytes, rng: Random) -> bytes:
    """Some bytes with an extreme integer or float."""
    size, order = rng.choice([1, 2, 4, 8]), rng.choice("<>")
    integer = rng.choice([0, 1, -1, 2 ** (8 * size - 1) - 1, -(2 ** (8 * size - 1)), 100])
    new = integer.to_bytes(size, "little" if order == "<" else "big", signed=True) if abs(integer) < 128**size else b""
    if size >= 4 and rng.random() < 0.4:
        number = rng.choice([float("nan"), float("inf"), -1e30, 1e30, 1e-30, 0.0])
        new = struct.pack(order + ("f" if size == 4 else "d"), number)
    begin = rng.randint(0, len(content))
    return content[:begin] + new + content[begin + len(new) :]


def with_noise(content: bytes, rng: Random) -> bytes:
    begin = rng.randint(0, len(content))
    return content[:begin] + bytes(rng.randrange(256) for _ in range(rng.choice([1, 3, 40]))) + content[begin:]


def with_text(content: bytes, rng: Random) -> bytes:
    begin = rng.randint(0, len(content))
    return content[:begin] + rng.choice(TEXT).encode() * rng.choice([1, 1, 300]) + content[begin:]


def lines_changed(content: bytes, rng: Random) -> bytes:
    """A line left out, repeated, moved, or cut."""
    lines = content.splitlines(keepends=True)
    if not lines:
        return content
    at = rng.randrange(len(lines))
    kind = rng.randrange(4)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines[at:at] = [lines[at]] * rng.choice([1, 3, 100])
    elif kind == 2:
        lines.insert(rng.randrange(len(lines)), lines.pop(at))
    else:
        lines[at] = cut_off(lines[at], rng)
    return b"".join(lines)


def number_replaced(content: bytes, rng: Random) -> bytes:
    found = list(NUMBER.finditer(content))
    if not found:
        return flipped(content, rng)
    one = found[rng.randrange(min(len(found), 20) if rng.random() < 0.5 else len(found))]
    return content[: one.start()] + rng.choice(NUMBERS).encode() + content[one.end() :]


def word_replaced(content: bytes, rng: Random) -> bytes:
    found = list(WORD.finditer(content))
    if not found:
        return flipped(content, rng)
    one, other = rng.choice(found), rng.choice(found)
    new = rng.choice([other[0], rng.choice(TEXT).encode(), b"", b"A" * 5000, one[0].swapcase()])
    return content[: one.start()] + new + content[one.end() :]


def recoded(content: bytes, rng: Random) -> bytes:
    """Text in another encoding, or with other line ends."""
    text = content.decode("utf-8", errors="replace")
    encoding = rng.choice(["utf-16", "utf-8-sig", "latin-1", "utf-7", "cr", "crlf"])
    if encoding in ("cr", "crlf"):
        return text.replace("\n", "\r" if encoding == "cr" else "\r\n").encode()
    return text.encode(encoding, errors="replace")


def value_replaced(content: bytes, rng: Random) -> bytes:
    """JSON with one value replaced, left out, or put under another name."""
    try:
        root = json.loads(content)
    except ValueError:
        return number_replaced(content, rng)
    return json.dumps(with_value_replaced(root, rng)).encode()


def with_value_replaced(root: object, rng: Random) -> object:
    """Nested dictionaries and lists, changed at one place."""
    places = list(_places(root))
    if not places:
        return rng.choice(VALUES)
    holder, key = rng.choice(places)
    kind = rng.randrange(6)
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, dict):
        holder[rng.choice(["", "../x", "a\nb", "x" * 5000, "\x00", "-", str(key).upper(), f"{key}."])] = holder.pop(key)
    elif kind == 2 and isinstance(holder, list):
        holder *= rng.choice([2, 100])
    elif kind == 3:
        other, name = rng.choice(places)
        holder[key] = json.loads(json.dumps(other[name]))
    else:
        holder[key] = json.loads(json.dumps(rng.choice(VALUES)))
    return root


def _places(value: object):
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


DAMAGES = (
    cut_off, cut_out, repeated, flipped, overwritten, with_noise, with_text, lines_changed,
    number_replaced, number_replaced, number_replaced, word_replaced, recoded, value_replaced, value_replaced,
)  # fmt: skip
