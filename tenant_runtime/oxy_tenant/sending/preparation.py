"""From what is asked for to a message: what phones would not show is refused, files are fetched and uploaded."""

import asyncio
from datetime import timedelta
from typing import Final, assert_never

from oxy_core.file_types import Objection, mime_of
from oxy_core.identity import same_phone
from oxy_core.outbound import (
    EditContent,
    FileContent,
    FileKind,
    PresenceContent,
    ReadContent,
    SendRefusal,
    TextContent,
)
from oxy_tenant.content.arrival import DIRECT_SERVERS
from oxy_tenant.content.composition import (
    MEDIA_TYPES,
    FileFacts,
    Setting,
    compose,
    compose_file,
    compose_text,
    with_secret,
)
from oxy_tenant.content.protobuf import MessageProtobuf
from oxy_tenant.content.voice_notes import voice_facts
from oxy_tenant.journal.sends import Sends
from oxy_tenant.links.errors import MediaTooLargeError
from oxy_tenant.links.protocol import WhatsAppLink
from oxy_tenant.own_account import OwnAccount
from oxy_tenant.sending.files import FileRefusedError, FileSource
from oxy_tenant.sending.queues import WaitingSend
from oxy_tenant.settings_file import SettingsFile

EDITABLE: Final = timedelta(minutes=15)
"""For how long phones take an edit. Source: WhatsApp's apps; whatsmeow's EditWindow leaves five minutes of slack."""

_FOREIGN_CATALOG: Final = Objection(
    SendRefusal.INVALID, "the preview is of another business's catalog: send the link as a plain text"
)
_NOBODY: Final = Objection(
    SendRefusal.INVALID, "this is no person's address: groups, statuses and channels are read, never written to"
)
_TOO_LATE: Final = Objection(
    SendRefusal.INVALID, "the message is older than 15 minutes, when phones take no more edits: send a new one"
)
_TOO_LARGE: Final = Objection(
    SendRefusal.TOO_LARGE, "WhatsApp's servers take no file of this kind and size: send a smaller one"
)
_NO_VOICE_NOTE: Final = Objection(
    SendRefusal.UNSUPPORTED_MEDIA, "the pages of this Ogg/Opus file cannot be read: record or convert it again"
)


class Preparation:
    """Makes the messages of one instance's requests."""

    def __init__(
        self, link: WhatsAppLink, sends: Sends, files: FileSource, settings: SettingsFile, account: OwnAccount
    ) -> None:
        self._link = link
        self._account = account
        self._sends = sends
        self._files = files
        self._settings = settings
        self._one_file = asyncio.Lock()

    def objection(self, waiting: WaitingSend) -> Objection | None:
        """Return why a request can never be sent, as far as that can be known without WhatsApp and without its file."""
        if waiting.chat.server not in DIRECT_SERVERS:
            return _NOBODY
        match waiting.send.request.content:
            case TextContent(preview=preview) if preview is not None:
                own = same_phone(preview.phone, self._settings.current.phone_number)
                return None if own else _FOREIGN_CATALOG
            case EditContent(whatsapp_id=whatsapp_id):
                sent_at = self._sends.sent_at(whatsapp_id)
                late = sent_at is not None and self._sends.now() - sent_at > EDITABLE
                return _TOO_LATE if late else None
            case _:
                return None

    async def prepare(self, waiting: WaitingSend) -> None:
        """Upload the request's file, if it has one that is not uploaded: once, however often sending is tried.

        Raises FileDelayedError, FileRefusedError, MediaError.
        """
        content = waiting.send.request.content
        if not isinstance(content, FileContent) or waiting.send.prepared is not None or waiting.prepared is not None:
            return
        async with self._one_file:
            message = await self._upload(waiting, content)
        waiting.prepared = message.SerializeToString()
        await asyncio.to_thread(self._sends.keep_prepared, waiting.send.request.id, waiting.prepared)

    async def _upload(self, waiting: WaitingSend, content: FileContent) -> MessageProtobuf:
        file = await self._files.fetch(content)
        voice = await asyncio.to_thread(voice_facts, file) if content.kind is FileKind.VOICE_NOTE else None
        if content.kind is FileKind.VOICE_NOTE and voice is None:
            raise FileRefusedError(_NO_VOICE_NOTE)
        mime = content.mime if content.kind is FileKind.DOCUMENT else mime_of(file)
        try:
            uploaded = await self._link.upload(file, MEDIA_TYPES[content.kind])
        except MediaTooLargeError as error:
            raise FileRefusedError(_TOO_LARGE) from error
        return compose_file(self._setting(waiting), content, FileFacts(uploaded, mime, voice))

    def message(self, waiting: WaitingSend, secret: bytes) -> MessageProtobuf:
        """Return the message of an attempt; its file is prepared."""
        return with_secret(self._composed(waiting), secret)

    def _composed(self, waiting: WaitingSend) -> MessageProtobuf:
        request, messages = waiting.send.request, self._link.messages
        content = request.content
        match content:
            case None:
                return compose_text(messages, request.text or "")
            case FileContent():
                return messages.Message.FromString(waiting.prepared or waiting.send.prepared or b"")
            case ReadContent() | PresenceContent():
                message = f"{content.type} is no message"
                raise AssertionError(message)
            case _:
                return compose(self._setting(waiting), content)
        assert_never(content)

    def _setting(self, waiting: WaitingSend) -> Setting:
        return Setting(self._link.messages, waiting.chat, self._sends.now(), self._account.addresses)
