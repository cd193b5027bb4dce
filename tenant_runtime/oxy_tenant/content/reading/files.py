"""Messages with a file."""

import re
from collections.abc import Mapping
from typing import Final

from oxy_core.content import Album, StickerPack
from oxy_core.files import MAX_MIME
from oxy_core.message_kinds import MessageKind
from oxy_core.message_limits import MAX_NAME
from oxy_tenant.content.bounds import StrangeText, bounded_count, bounded_line
from oxy_tenant.content.media import MediaPointer, MediaType, is_path
from oxy_tenant.content.protobuf import MessageProtobuf
from oxy_tenant.content.reading.body import Body, PartReader, Perspective
from oxy_tenant.content.received import ReceivedFile

KEY_BYTES: Final = 32
"""Size of a media key and of a SHA-256."""

_FOLDERS: Final = re.compile(r".*[/\\]", re.DOTALL)
_MIME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*/[A-Za-z0-9][A-Za-z0-9.+-]*(;[ -~]*)?")


def image_file(part: MessageProtobuf) -> ReceivedFile:
    """Read a picture, also one that is part of something else."""
    return _file(part, MediaType.IMAGE, width=part.width, height=part.height)


def _image(part: MessageProtobuf, _sender: Perspective) -> Body:
    return Body(MessageKind.IMAGE, part.caption, file=image_file(part), view_once=part.viewOnce)


def _video(part: MessageProtobuf, _sender: Perspective) -> Body:
    kind = MessageKind.GIF if part.gifPlayback else MessageKind.VIDEO
    return Body(kind, part.caption, file=_film(part), view_once=part.viewOnce)


def _video_note(part: MessageProtobuf, _sender: Perspective) -> Body:
    return Body(MessageKind.VIDEO_NOTE, part.caption, file=_film(part), view_once=part.viewOnce)


def _film(part: MessageProtobuf) -> ReceivedFile:
    return _file(part, MediaType.VIDEO, seconds=part.seconds, width=part.width, height=part.height)


def _audio(part: MessageProtobuf, _sender: Perspective) -> Body:
    kind = MessageKind.VOICE_NOTE if part.PTT else MessageKind.AUDIO
    return Body(kind, file=_file(part, MediaType.AUDIO, seconds=part.seconds), view_once=part.viewOnce)


def _document(part: MessageProtobuf, _sender: Perspective) -> Body:
    file = _file(part, MediaType.DOCUMENT, name=part.fileName or part.title)
    return Body(MessageKind.DOCUMENT, part.caption, file=file)


def _sticker(part: MessageProtobuf, _sender: Perspective) -> Body:
    return Body(MessageKind.STICKER, file=image_file(part))


def _sticker_pack(part: MessageProtobuf, _sender: Perspective) -> Body:
    pack = StickerPack(
        name=bounded_line(part.name), publisher=bounded_line(part.publisher), stickers=len(part.stickers)
    )
    return Body(MessageKind.STICKER_PACK, part.caption or part.name, pack)


def _album(part: MessageProtobuf, _sender: Perspective) -> Body:
    return Body(MessageKind.ALBUM, details=Album(images=part.expectedImageCount, videos=part.expectedVideoCount))


def _file(  # noqa: PLR0913 what kinds of files say, each by name
    part: MessageProtobuf,
    media_type: MediaType,
    *,
    name: StrangeText = "",
    seconds: int = 0,
    width: int = 0,
    height: int = 0,
) -> ReceivedFile:
    mime, sha256 = bounded_line(part.mimetype, MAX_MIME), part.fileSHA256
    return ReceivedFile(
        pointer=_pointer(part, media_type),
        mime=mime if mime is not None and _MIME.fullmatch(mime) else None,
        size=bounded_count(part.fileLength) if part.HasField("fileLength") else None,
        sha256=sha256.hex() if len(sha256) == KEY_BYTES else None,
        name=bounded_line(_FOLDERS.sub("", bounded_line(name) or ""), MAX_NAME),
        seconds=seconds or None,
        width=width or None,
        height=height or None,
    )


def _pointer(part: MessageProtobuf, media_type: MediaType) -> MediaPointer | None:
    path, parts = part.directPath, (part.mediaKey, part.fileSHA256, part.fileEncSHA256)
    if not is_path(path) or any(len(value) != KEY_BYTES for value in parts):
        return None
    return MediaPointer(
        type=media_type,
        direct_path=path,
        media_key=part.mediaKey,
        file_sha256=part.fileSHA256,
        encrypted_sha256=part.fileEncSHA256,
        size=bounded_count(part.fileLength),
    )


READERS: Final[Mapping[str, PartReader]] = {
    "imageMessage": _image,
    "videoMessage": _video,
    "ptvMessage": _video_note,
    "audioMessage": _audio,
    "documentMessage": _document,
    "stickerMessage": _sticker,
    "stickerPackMessage": _sticker_pack,
    "albumMessage": _album,
}
