"""Pictures: decoded, made small and written anew, so that nothing of the file leaves but what can be seen. Pure.

What a phone writes beside the picture (EXIF, XMP, comments) tells where and when it was taken, and by whom.
"""

import io
from typing import Final

from PIL import Image, ImageOps

from oxy_ai.errors import FileTooLargeError, UnreadableFileError

LONGEST: Final = 1_024
"""Pixels of the longer side that a model is shown; it scales down what is larger."""

MOST_PIXELS: Final = 24_000_000
"""A larger JPEG is not decoded: some kilobytes can claim to be gigabytes. Phones take 12 to 24 million, which need
100 MiB since they are made smaller as they are decoded."""

MOST_PIXELS_WHOLE: Final = 6_000_000
"""The same for other formats, which are decoded whole: 100 MiB as well. The largest screenshots have 5 million."""

_QUALITY: Final = 85
_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF")
_SCALED: Final = frozenset({"JPEG", "MPO"})
_BACKGROUND: Final = (255, 255, 255)


def small_jpeg(content: bytes) -> bytes:
    """Return a picture as a JPEG of at most `LONGEST` pixels, the right way up; of an animated one, the first frame.

    Raises UnreadableFileError or FileTooLargeError.
    """
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            _require_small(image)
            image.draft("RGB", (LONGEST, LONGEST))
            return _written(_upright(image))
    except (FileTooLargeError, Image.DecompressionBombError) as error:
        raise FileTooLargeError(str(error)) from error
    except Exception as error:  # a damaged file may make a decoder raise anything
        message = f"the picture cannot be decoded ({type(error).__name__})"
        raise UnreadableFileError(message) from error


def _require_small(image: Image.Image) -> None:
    most = MOST_PIXELS if image.format in _SCALED else MOST_PIXELS_WHOLE
    if image.width * image.height > most:
        message = f"the picture has {image.width} x {image.height} pixels"
        raise FileTooLargeError(message)


def _upright(image: Image.Image) -> Image.Image:
    """Return the small picture, turned as its EXIF says."""
    image.thumbnail((LONGEST, LONGEST))
    return ImageOps.exif_transpose(image)


def _written(image: Image.Image) -> bytes:
    """Write a picture's pixels alone: a new image has none of the old one's metadata."""
    seen = image.convert("RGBA")
    plain = Image.new("RGB", seen.size, _BACKGROUND)
    plain.paste(seen, mask=seen.getchannel("A"))
    written = io.BytesIO()
    plain.save(written, "JPEG", quality=_QUALITY)
    return written.getvalue()
