"""How a phone reads messages with a file."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from oxy_simulator.attachments import Audio, Document, Image, Sticker, Video, Voice
from oxy_simulator.chats import MediaFacts
from oxy_simulator.content import Content
from oxy_simulator.proto.message_pb2 import Message

MediaReader: TypeAlias = Callable[[Message], Content]

# The kind of media by which keys are derived; stickers count as images. Source: whatsmeow
# download.go, classToMediaType.
MEDIA_FIELDS: Final = MappingProxyType(
    {
        "image_message": "image",
        "video_message": "video",
        "audio_message": "audio",
        "document_message": "document",
        "sticker_message": "image",
    }
)


def read_media_facts(message: Message, field: str) -> MediaFacts | None:
    """Return where the file of an unwrapped message is, or None if it has none."""
    if field not in MEDIA_FIELDS:
        return None
    media = getattr(message, field)
    return MediaFacts(
        kind=MEDIA_FIELDS[field],
        mimetype=media.mimetype,
        direct_path=media.direct_path,
        media_key=media.media_key,
        file_sha256=media.file_sha256,
        file_enc_sha256=media.file_enc_sha256,
        file_length=media.file_length,
    )


def _image(message: Message) -> Content:
    image = message.image_message
    return Image(
        mimetype=image.mimetype,
        caption=image.caption,
        width=image.width,
        height=image.height,
        thumbnail=image.jpeg_thumbnail,
    )


def _video(message: Message) -> Content:
    video = message.video_message
    return Video(
        mimetype=video.mimetype,
        caption=video.caption,
        seconds=video.seconds,
        gif=video.gif_playback,
        thumbnail=video.jpeg_thumbnail,
    )


def _audio(message: Message) -> Content:
    audio = message.audio_message
    if audio.ptt:
        return Voice(mimetype=audio.mimetype, seconds=audio.seconds, waveform=audio.waveform)
    return Audio(mimetype=audio.mimetype, seconds=audio.seconds)


def _document(message: Message) -> Content:
    document = message.document_message
    return Document(
        mimetype=document.mimetype,
        file_name=document.file_name,
        title=document.title,
        caption=document.caption,
        pages=document.page_count,
        thumbnail=document.jpeg_thumbnail,
    )


def _sticker(message: Message) -> Content:
    sticker = message.sticker_message
    return Sticker(mimetype=sticker.mimetype, animated=sticker.is_animated, width=sticker.width, height=sticker.height)


MEDIA_READERS: Final[Mapping[str, MediaReader]] = MappingProxyType(
    {
        "image_message": _image,
        "video_message": _video,
        "audio_message": _audio,
        "document_message": _document,
        "sticker_message": _sticker,
    }
)
