"""Messages with a file: image, video, audio, voice note, sticker, document."""

from typing import Literal, TypeAlias

from pydantic import Field, model_validator

from oxy_simulator.content import UINT32, Bytes, Identifier, Quotable

ViewOnce: TypeAlias = Literal["v1", "v2", "v2-extension"]


class Attachment(Quotable):
    """A file: small ones as `data`, others by the id that `POST /phones/{phone}/media` answered.

    In an inbox both are empty; `GET /phones/{phone}/messages/{id}/media` gives the bytes.
    """

    data: Bytes = b""
    file: Identifier | None = None
    mimetype: str = ""
    view_once: ViewOnce | None = None

    @model_validator(mode="after")
    def _is_one_file(self) -> "Attachment":
        if self.data and self.file is not None:
            msg = "give the file's bytes as 'data' or its id as 'file', not both"
            raise ValueError(msg)
        return self


class Image(Attachment):
    """A picture."""

    kind: Literal["image"] = "image"
    caption: str = ""
    width: int = Field(default=0, ge=0, le=UINT32)
    height: int = Field(default=0, ge=0, le=UINT32)
    thumbnail: Bytes = b""


class Video(Attachment):
    """A video; `gif` plays it silently in a loop."""

    kind: Literal["video"] = "video"
    caption: str = ""
    seconds: int = Field(default=0, ge=0, le=UINT32)
    gif: bool = False
    thumbnail: Bytes = b""


class Audio(Attachment):
    """An audio file."""

    kind: Literal["audio"] = "audio"
    seconds: int = Field(default=0, ge=0, le=UINT32)


class Voice(Attachment):
    """A voice note, with 64 levels (0 to 100) to draw."""

    kind: Literal["voice"] = "voice"
    seconds: int = Field(default=0, ge=0, le=UINT32)
    waveform: Bytes = b""


class Sticker(Attachment):
    """A sticker."""

    kind: Literal["sticker"] = "sticker"
    animated: bool = False
    width: int = Field(default=0, ge=0, le=UINT32)
    height: int = Field(default=0, ge=0, le=UINT32)


class Document(Attachment):
    """Any file, under its name."""

    kind: Literal["document"] = "document"
    file_name: str = ""
    title: str = ""
    caption: str = ""
    pages: int = Field(default=0, ge=0, le=UINT32)
    thumbnail: Bytes = b""
