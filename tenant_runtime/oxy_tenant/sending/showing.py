"""What the contact sees before a message: that we are online, typing or recording."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from oxy_core.identity import Jid
from oxy_core.outbound import FileContent, FileKind, PresenceContent, PresenceState, TextContent
from oxy_tenant.links.protocol import WhatsAppLink
from oxy_tenant.sending.freezing import SendingFreeze
from oxy_tenant.sending.pacing import recording_seconds, typing_seconds
from oxy_tenant.sending.queues import WaitingSend
from oxy_tenant.settings_file import SettingsFile


class Showing:
    """Shows what we do in all chats. Unless `mark_online` says otherwise, we are online only as long as we do it."""

    def __init__(self, link: WhatsAppLink, settings: SettingsFile, freeze: SendingFreeze) -> None:
        """Show nothing any more once `freeze` holds back what is shown."""
        self._link = link
        self._settings = settings
        self._freeze = freeze
        self._random = Random()  # noqa: S311 human rhythm, not a secret
        self._busy = 0
        """Chats in which we are seen to do something."""

    async def pace(self, waiting: WaitingSend) -> bool:
        """Show that we are typing a text, or recording a voice note, for as long as a person might.

        Returns whether that was done; False: sending was frozen meanwhile.
        """
        content = waiting.send.request.content
        match content:
            case None | TextContent():
                text = waiting.send.request.text if content is None else content.text
                return await self._show(waiting.chat, PresenceState.TYPING, typing_seconds(text or "", self._random))
            case FileContent(kind=FileKind.VOICE_NOTE):
                seconds = recording_seconds(content.size, self._random)
                return await self._show(waiting.chat, PresenceState.RECORDING, seconds)
            case FileContent(caption=str() as caption):
                return await self._show(waiting.chat, PresenceState.TYPING, typing_seconds(caption, self._random))
            case _:
                return True  # chosen, not written

    async def show(self, waiting: WaitingSend, content: PresenceContent) -> None:
        """Show what was asked for."""
        await self._show(waiting.chat, content.state, content.seconds)

    async def _show(self, chat: Jid, state: PresenceState, seconds: float) -> bool:
        """Show a state for a while; return whether nothing was frozen before the end."""
        if self._freeze.frozen:
            return False
        recording = state is PresenceState.RECORDING
        async with self._online():
            await self._link.show_typing(chat, typing=not recording, recording=recording)
            frozen = await self._freeze.held_within(seconds)
            await self._link.show_typing(chat, typing=False)
        return not frozen

    @asynccontextmanager
    async def _online(self) -> AsyncIterator[None]:
        """Be online meanwhile: WhatsApp shows nothing of an account that is not, and the owner's phone is silent."""
        self._busy += 1
        if self._busy == 1 and not self._settings.current.mark_online:
            self._link.show_online(online=True)
        try:
            yield
        finally:
            self._busy -= 1
            if self._busy == 0 and not self._settings.current.mark_online:
                self._link.show_online(online=False)
