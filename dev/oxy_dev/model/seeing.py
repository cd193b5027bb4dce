"""What the server "sees" in the pictures of a request: their main colour and size. It really decodes them. Pure."""

import base64
import binascii
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from oxy_dev.model.requests import ApiError

_COLOURS: Final = {
    "vermelha": (220, 20, 20),
    "verde": (20, 140, 20),
    "azul": (20, 20, 220),
    "amarela": (240, 230, 20),
    "branca": (255, 255, 255),
    "preta": (0, 0, 0),
    "cinza": (128, 128, 128),
}
_TAKEN: Final = frozenset({"JPEG", "PNG", "WEBP", "GIF"})
_BROKEN: Final = "You uploaded an unsupported image. Please make sure your image is valid."


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture that could be decoded."""

    content: bytes
    """As it was received."""
    words: str
    """What there is to say of it: ``foto vermelha de 320x240``."""


def pictures_in(messages: tuple[Mapping[str, Any], ...]) -> tuple[Seen, ...]:
    """Return the pictures of a request, in their order; raises ApiError for one that cannot be decoded."""
    return tuple(_see(url) for message in messages for url in _urls(message))


def _urls(message: Mapping[str, Any]) -> Iterator[str]:
    content = message.get("content")
    for part in content if isinstance(content, list) else ():
        match part:
            case {"type": "image_url", "image_url": {"url": str(url)}}:
                yield url


def _see(url: str) -> Seen:
    from PIL import Image  # noqa: PLC0415 only what looks at pictures needs it

    head, _, encoded = url.partition(",")
    if not head.startswith("data:image/") or not head.endswith(";base64"):
        raise ApiError(400, _BROKEN, "url")
    try:
        content = base64.b64decode(encoded, validate=True)
        with Image.open(io.BytesIO(content)) as image:
            if image.format not in _TAKEN:
                raise ApiError(400, _BROKEN, "url")
            size = f"{image.width}x{image.height}"
            main = image.convert("RGB").resize((1, 1)).getpixel((0, 0))
    except (OSError, ValueError, binascii.Error) as error:
        raise ApiError(400, _BROKEN, "url") from error
    return Seen(content, f"foto {_name(main)} de {size}")


def _name(colour: object) -> str:
    found = colour if isinstance(colour, tuple) else (0, 0, 0)
    return min(_COLOURS, key=lambda name: sum((a - b) ** 2 for a, b in zip(_COLOURS[name], found, strict=True)))
