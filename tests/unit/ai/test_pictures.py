"""What leaves of a picture is what can be seen, and nothing else."""

import io
import zlib

import pytest
from PIL import Image, PngImagePlugin

from oxy_ai.errors import FileTooLargeError, UnreadableFileError
from oxy_ai.perception.pictures import LONGEST, small_jpeg
from oxy_dev.sample_files import document, photo, picture, sticker


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


@pytest.mark.parametrize("mime", ["image/jpeg", "image/png", "image/webp", "image/gif"])
def test_a_picture_keeps_its_colours_and_loses_what_tells_where_it_was_taken(mime: str) -> None:
    content = photo("blue", (2_500, 1_250), mime)
    small = opened(small_jpeg(content))
    assert (small.format, small.size) == ("JPEG", (LONGEST, LONGEST // 2))
    red, green, blue = small.getpixel((10, 10))
    assert (red, green, blue > 200) == (pytest.approx(0, abs=9), pytest.approx(0, abs=9), True)
    assert (dict(small.getexif()), small.info.get("comment"), small.info.get("xmp")) == ({}, None, None)
    if mime != "image/gif":
        assert opened(content).getexif().get_ifd(0x8825)[1] == "S"


def written(image: Image.Image, kind: str, **options: object) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def test_comments_go_and_a_turned_picture_is_turned_back() -> None:
    image = Image.new("RGB", (40, 20), "green")
    exif = image.getexif()
    exif[0x0112] = 6  # a quarter turn
    content = written(image, "JPEG", exif=exif, comment=b"Rua da Ana, 7", xmp=b"<x>Rua da Ana, 7</x>")
    small = small_jpeg(content)
    assert (b"Rua da Ana" in content, b"Rua da Ana" in small, opened(small).size) == (True, False, (20, 40))


def test_of_an_animated_picture_the_first_frame_is_seen() -> None:
    frames = [Image.new("RGB", (30, 30), colour) for colour in ("red", "blue", "white")]
    for kind in ("GIF", "WEBP", "PNG"):
        content = written(frames[0], kind, save_all=True, append_images=frames[1:])
        red, _, blue = opened(small_jpeg(content)).getpixel((5, 5))
        assert (red > 200, blue < 50) == (True, True), kind


def test_what_can_be_seen_through_is_white() -> None:
    assert opened(small_jpeg(written(Image.new("RGBA", (9, 9), (0, 0, 0, 0)), "PNG"))).getpixel((4, 4)) == (255,) * 3


def bomb(side: int) -> bytes:
    """A picture of a few kilobytes that claims to be of so many pixels each way."""
    pixels = zlib.compress(bytes(100_000))
    header = side.to_bytes(4, "big") * 2 + bytes([8, 6, 0, 0, 0])
    chunks = [(b"IHDR", header), (b"IDAT", pixels), (b"IEND", b"")]
    parts = [
        len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big") for name, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("side", [2_500, 60_000])
def test_a_picture_that_unpacks_to_gigabytes_is_not_unpacked(side: int) -> None:
    with pytest.raises(FileTooLargeError):
        small_jpeg(bomb(side))


def test_text_that_unpacks_to_gigabytes_is_not_unpacked() -> None:
    extra = PngImagePlugin.PngInfo()
    extra.add_text("Comment", "a" * (80 << 20), zip=True)
    content = written(Image.new("RGB", (9, 9)), "PNG", pnginfo=extra)
    assert len(content) < 100_000
    with pytest.raises(UnreadableFileError):
        small_jpeg(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xd8\xff",
        picture(),
        sticker(),
        document(),
        photo()[:300],
        bomb(1_000),
        written(Image.new("L", (9, 9)), "BMP"),
    ],
)
def test_what_is_no_whole_picture_is_told_from_one(content: bytes) -> None:
    with pytest.raises(UnreadableFileError):
        small_jpeg(content)
