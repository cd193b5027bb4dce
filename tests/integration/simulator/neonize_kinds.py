"""Commands of the neonize child about kinds of messages and files, through neonize's own helpers."""

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from neonize import _binder
from neonize.client import NewClient
from neonize.exc import NeonizeError
from neonize.proto import Neonize_pb2 as wire
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message
from neonize.utils.enum import MediaType, VoteType
from neonize_queries import address

Command: TypeAlias = Callable[..., None]
Emit: TypeAlias = Callable[..., None]


def content_facts(event: wire.Message) -> dict[str, object]:
    """Say which fields a message has, and give all of it."""
    return {
        "fields": [field.name for field, _ in event.Message.ListFields()],
        "raw": base64.b64encode(event.Message.SerializeToString()).decode(),
        "view_once": event.IsViewOnce,
        "ephemeral": event.IsEphemeral,
        "edit": event.IsEdit,
    }


class Kinds:
    """The helpers of the client that runs under an id, with the messages that it got."""

    def __init__(self, uuid: str, emit: Emit) -> None:
        self._client = NewClient(uuid)
        self._emit = emit
        self.messages: dict[str, wire.Message] = {}

    def commands(self) -> dict[str, Command]:
        sending = (self.say, self.react, self.edit, self.revoke, self.contact, self.poll, self.vote)
        files = (self.image, self.document, self.sticker, self.file, self.fetch)
        return {command.__name__: self._told(command) for command in (*sending, *files, self.decrypt)}

    def _told(self, command: Callable[..., dict[str, object]]) -> Command:
        """Tell what a command answers, or how it failed."""

        def run(**arguments: str) -> None:
            try:
                self._emit(event="Sent", **command(**arguments))
            except NeonizeError as error:
                self._emit(event="Sent", error=str(error) or repr(error))

        return run

    def _send(self, to: str, message: Message) -> dict[str, object]:
        return {"id": self._client.send_message(address(to), message).ID}

    def say(self, to: str, raw: str) -> dict[str, object]:
        return self._send(to, Message.FromString(base64.b64decode(raw)))

    def react(self, message_id: str, emoji: str) -> dict[str, object]:
        source = self.messages[message_id].Info.MessageSource
        message = self._client.build_reaction(source.Chat, source.Sender, message_id, emoji)
        return {"id": self._client.send_message(source.Chat, message).ID}

    def edit(self, to: str, message_id: str, text: str) -> dict[str, object]:
        return {"id": self._client.edit_message(address(to), message_id, Message(conversation=text)).ID}

    def revoke(self, to: str, message_id: str) -> dict[str, object]:
        chat, me = address(to), self._client.get_me().JID
        return {"id": self._client.revoke_message(chat, me, message_id).ID}

    def contact(self, to: str, name: str, number: str) -> dict[str, object]:
        return {"id": self._client.send_contact(address(to), name, number).ID}

    def poll(self, to: str, name: str, options: str) -> dict[str, object]:
        return self._send(to, self._client.build_poll_vote_creation(name, options.split("|"), VoteType.SINGLE))

    def vote(self, message_id: str, option: str) -> dict[str, object]:
        info = self.messages[message_id].Info
        message = self._client.build_poll_vote(info, [option])
        return {"id": self._client.send_message(info.MessageSource.Chat, message).ID}

    def decrypt(self, message_id: str) -> dict[str, object]:
        # neonize 0.5.2's own decrypt_poll_vote fails: its binding does not turn the answer into bytes.
        event = self.messages[message_id].SerializeToString()
        answer = _binder.gocode.DecryptPollVote(self._client.uuid, event, len(event))
        reply = wire.ReturnFunctionWithError.FromString(answer.contents.get_bytes())
        return {"error": reply.Error, "hashes": [option.hex() for option in reply.PollVoteMessage.selectedOptions]}

    def image(self, to: str, path: str, caption: str) -> dict[str, object]:
        return {"id": self._client.send_image(address(to), path, caption).ID}

    def document(self, to: str, path: str, caption: str) -> dict[str, object]:
        name = Path(path).name
        return {"id": self._client.send_document(address(to), path, caption, filename=name).ID}

    def sticker(self, to: str, path: str) -> dict[str, object]:
        return {"id": self._client.send_sticker(address(to), path, passthrough=True).ID}

    def file(self, to: str, path: str, kind: str) -> dict[str, object]:
        """Upload a file and send it as its helper does; those for audio and video need ffmpeg."""
        uploaded = self._client.upload(Path(path).read_bytes(), MediaType["Media" + kind.capitalize()])
        message = Message()
        media = getattr(message, f"{kind}Message")
        media.URL, media.directPath = uploaded.url, uploaded.DirectPath
        media.mediaKey, media.fileLength = uploaded.MediaKey, uploaded.FileLength
        media.fileSHA256, media.fileEncSHA256 = uploaded.FileSHA256, uploaded.FileEncSHA256
        media.mimetype = {"audio": "audio/ogg; codecs=opus", "video": "video/mp4"}[kind]
        return self._send(to, message)

    def fetch(self, message_id: str, path: str = "") -> dict[str, object]:
        """Download a message's file, an image from a new path if there is one."""
        message = Message()
        message.CopyFrom(self.messages[message_id].Message)
        if path:
            message.imageMessage.directPath, message.imageMessage.URL = path, ""
        data = self._client.download_any(message)
        return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
