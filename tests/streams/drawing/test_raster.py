"""An SVG as PNG, in a process of its own."""

import struct
import zlib

import pytest

from streams.drawing import raster

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="120" height="40" font-family="Roboto" font-size="20">'
    '<rect width="120" height="40" fill="{ink}"/>{text}</svg>'
)


def test_it_has_the_size_and_the_colour_that_was_asked_for() -> None:
    picture = raster.png(SVG.format(ink="#0072b2", text=""), zoom=1.5)
    assert struct.unpack(">II", picture[16:24]) == (180, 60)
    assert pixels(picture) == {(0x00, 0x72, 0xB2)}


@pytest.mark.parametrize("text", ["women", "Größe ≥ ½", "Ж λ"])
def test_letters_need_no_font_of_the_system(text: str) -> None:
    drawn = pixels(raster.png(SVG.format(ink="white", text=f'<text x="4" y="25" fill="#000">{text}</text>')))
    assert len(drawn) > 5  # black, white, and their edges between them


def test_what_is_no_svg_is_told_without_its_content() -> None:
    with pytest.raises(raster.NotDrawn) as told:
        raster.png("sex=female")
    assert "female" not in str(told.value)


def pixels(png: bytes) -> set[tuple[int, int, int]]:
    """The colours of a picture of eight bits a channel; every kind of filter undone."""
    width, height = struct.unpack(">II", png[16:24])
    depth, kind = png[24], png[25]
    assert depth == 8
    size = {2: 3, 6: 4}[kind]
    data, at = b"", 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += 12 + length
    raw, found, above = zlib.decompress(data), set(), bytes(width * size)
    for row in range(height):
        start = row * (width * size + 1)
        line = _unfiltered(raw[start], raw[start + 1 : start + 1 + width * size], above, size)
        found |= {(line[x], line[x + 1], line[x + 2]) for x in range(0, width * size, size)}
        above = bytes(line)
    return found


def _unfiltered(kind: int, line: bytes, above: bytes, size: int) -> bytearray:
    """PNG's filters (RFC 2083, section 6)."""
    out = bytearray()
    for at, value in enumerate(line):
        left = out[at - size] if at >= size else 0
        up, corner = above[at], above[at - size] if at >= size else 0
        guess = left + up - corner
        paeth = min((left, up, corner), key=lambda one: abs(guess - one))
        out.append((value + (0, left, up, (left + up) // 2, paeth)[kind]) % 256)
    return out
