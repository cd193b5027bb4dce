"""How a phone writes messages with a file. Fields: WAWebProtobufsE2E in whatsmeow."""

from functools import singledispatch
from typing import Final

from oxy_simulator.attachments import Attachment, Audio, Document, Image, Sticker, Video, Voice
from oxy_simulator.chats import MediaFacts
from oxy_simulator.proto.message_pb2 import (
    AudioMessage,
    DocumentMessage,
    ImageMessage,
    Message,
    StickerMessage,
    VideoMessage,
)

MEDIA_HOST: Final = "mmg.whatsapp.net"  # Baileys `src/Utils/messages-media.ts`, DEF_MEDIA_HOST

_VIEW_ONCE: Final = {
    "v1": "view_once_message",
    "v2": "view_once_message_v2",
    "v2-extension": "view_once_message_v2_extension",
}

AnyMedia = ImageMessage | VideoMessage | AudioMessage | DocumentMessage | StickerMessage


def view_once_field(content: Attachment) -> list[str]:
    """Return the wrapper fields that a file needs, from the inside out."""
    wrappers = [_VIEW_ONCE[content.view_once]] if content.view_once else []
    return ["document_with_caption_message", *wrappers] if _has_document_caption(content) else wrappers


def _has_document_caption(content: Attachment) -> bool:
    return isinstance(content, Document) and bool(content.caption)


def fill_media(content: Attachment, message: Message, facts: MediaFacts, at: int) -> None:
    """Write a file's message; `at` (Unix seconds) dates its key."""
    media = _fill(content, message)
    media.url = f"https://{MEDIA_HOST}{facts.direct_path}&mms3=true"
    media.direct_path, media.mimetype = facts.direct_path, facts.mimetype
    media.media_key, media.media_key_timestamp = facts.media_key, at
    media.file_sha256, media.file_enc_sha256 = facts.file_sha256, facts.file_enc_sha256
    media.file_length = facts.file_length
    if content.view_once and not isinstance(media, DocumentMessage | StickerMessage):
        media.view_once = True


@singledispatch
def _fill(content: Attachment, message: Message) -> AnyMedia:  # noqa: ARG001 - what the others take
    msg = f"{type(content).__name__} is no kind of file"
    raise TypeError(msg)


@_fill.register
def _(content: Image, message: Message) -> AnyMedia:
    image = message.image_message
    image.width, image.height, image.jpeg_thumbnail = content.width, content.height, content.thumbnail
    if content.caption:
        image.caption = content.caption
    return image


@_fill.register
def _(content: Video, message: Message) -> AnyMedia:
    video = message.video_message
    video.seconds, video.gif_playback, video.jpeg_thumbnail = content.seconds, content.gif, content.thumbnail
    if content.caption:
        video.caption = content.caption
    return video


@_fill.register
def _(content: Audio, message: Message) -> AnyMedia:
    message.audio_message.seconds, message.audio_message.ptt = content.seconds, False
    return message.audio_message


@_fill.register
def _(content: Voice, message: Message) -> AnyMedia:
    voice = message.audio_message
    voice.seconds, voice.ptt, voice.waveform = content.seconds, True, content.waveform
    return voice


@_fill.register
def _(content: Sticker, message: Message) -> AnyMedia:
    sticker = message.sticker_message
    sticker.is_animated, sticker.width, sticker.height = content.animated, content.width, content.height
    return sticker


@_fill.register
def _(content: Document, message: Message) -> AnyMedia:
    document = message.document_message
    document.file_name, document.title, document.page_count = content.file_name, content.title, content.pages
    document.jpeg_thumbnail = content.thumbnail
    if content.caption:
        document.caption = content.caption
    return document
