"""A real neonize client as a child process: commands as JSON lines on stdin, events on stdout.

It has a process of its own because neonize allows one event loop per process, ends only with
`os._exit`, and reads its proxy and certificates from the environment before Python starts.
argv: path of the session database. NEONIZE_PROXY: the URL of a proxy that is used instead of HTTPS_PROXY.
"""

import ctypes
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from types import ModuleType

UUID = b"test-client"
CHROME = 1
MESSAGE, RECEIPT = 17, 18
# Events that a test looks at; unknown enum values in others end neonize's event loop.
SUBSCRIBED = bytes((*range(3, 14), MESSAGE, RECEIPT, *range(19, 25), 26, 27, 30, 44))
TYPING, PAUSED, TEXT = 0, 1, 0

# Go writes to standard output too: keep the real one for events.
EVENTS = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)

# neonize imports these for previews of links and for files by URL, which takes longer than all else. No test wants any.
for unused in ("httpx", "linkpreview", "requests"):
    sys.modules[unused] = ModuleType(unused)
vars(sys.modules["linkpreview"])["link_preview"] = None

from google.protobuf.json_format import MessageToDict  # noqa: E402 - after standard output is kept apart
from neonize import _binder  # noqa: E402
from neonize.events import INT_TO_EVENT  # noqa: E402
from neonize.proto import Neonize_pb2 as wire  # noqa: E402
from neonize.proto.waCompanionReg.WAWebProtobufsCompanionReg_pb2 import DeviceProps  # noqa: E402
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message  # noqa: E402
from neonize_kinds import Kinds, content_facts  # noqa: E402
from neonize_queries import QUERIES, address  # noqa: E402

GO = _binder.gocode


def emit(**event: object) -> None:
    EVENTS.write(json.dumps(event) + "\n")
    EVENTS.flush()


KINDS = Kinds(UUID.decode(), emit)


def on_qr(_uuid: int, data: int) -> None:
    emit(event="QR", text=ctypes.string_at(data).decode())


def on_event(_uuid: bytes, data: int, size: int, code: int) -> None:
    parsed = INT_TO_EVENT[code].FromString(ctypes.string_at(data, size))
    if code == MESSAGE:
        KINDS.messages[parsed.Info.ID] = parsed
        emit(event="Message", **message_facts(parsed))
    elif code == RECEIPT:
        emit(event="Receipt", ids=list(parsed.MessageIDs), kind=parsed.Type)
    else:
        emit(event=INT_TO_EVENT[code].__name__, detail=str(parsed), facts=MessageToDict(parsed))


def message_facts(event: wire.Message) -> dict[str, object]:
    source, message = event.Info.MessageSource, event.Message
    extended = message.extendedTextMessage
    return {
        "id": event.Info.ID,
        "text": message.conversation or extended.text,
        "quoted": extended.contextInfo.stanzaID,
        "from_me": source.IsFromMe,
        "chat": source.Chat.User,
        "chat_server": source.Chat.Server,
        "group": source.IsGroup,
        "sender": source.Sender.User,
        "sender_alt": source.SenderAlt.User,
        "name": event.Info.Pushname,
        "secret": len(message.messageContextInfo.messageSecret),
        **content_facts(event),
    }


CALLBACKS = (
    _binder.func_string(on_qr),
    _binder.func_string(lambda _uuid, _status: None),
    _binder.func_callback_bytes(on_event),
    _binder.func_callback_bytes2(lambda _data, _size: None),
)


def run(database: str) -> None:
    props = DeviceProps(os="Ubuntu", platformType=DeviceProps.CHROME).SerializeToString()
    level = os.environ.get("NEONIZE_LOG", "ERROR").encode()
    arguments = (database.encode(), UUID, b"", 0, 0, level, *CALLBACKS)
    url = os.environ.get("NEONIZE_PROXY")
    proxy = ctypes.byref(_binder.ProxySettings(url)._to_c_struct()) if url else None  # noqa: SLF001
    result = GO.Neonize(*arguments, SUBSCRIBED, len(SUBSCRIBED), props, len(props), b"", 0, proxy)
    emit(event="Ended", error=result.decode() if isinstance(result, bytes) else str(result))


def jid(user: str, server: str = "s.whatsapp.net") -> bytes:
    return wire.JID(User=user, RawAgent=0, Device=0, Integrator=0, Server=server, IsEmpty=False).SerializeToString()


def pair(phone: str) -> None:
    params = wire.PairPhoneParams(
        phone=phone, clientDisplayName="CHROME (LINUX)", clientType=CHROME, showPushNotification=True
    ).SerializeToString()
    reply = wire.PairPhoneReturnFunction.FromString(GO.PairPhone(UUID, params, len(params)))
    emit(event="Code", code=reply.Code, error=reply.Error)


def send(to: str, text: str) -> None:
    target, message = address(to).SerializeToString(), Message(conversation=text).SerializeToString()
    pointer = GO.SendMessage(UUID, target, len(target), message, len(message))
    reply = wire.SendMessageReturnFunction.FromString(pointer)
    emit(event="Sent", id=reply.SendResponse.ID, error=reply.Error)


def presence(kind: str) -> None:
    emit(event="Done", error=text_of(GO.SendPresence(UUID, kind.encode())))


def typing(to: str, state: str) -> None:
    target = jid(to)
    value = TYPING if state == "composing" else PAUSED
    emit(event="Done", error=text_of(GO.SendChatPresence(UUID, target, len(target), value, TEXT)))


def exists(phone: str) -> None:
    reply = wire.IsOnWhatsAppReturnFunction.FromString(GO.IsOnWhatsApp(UUID, phone.encode(), len(phone)))
    emit(event="Exists", found=[item.IsIn for item in reply.IsOnWhatsAppResponse], error=reply.Error)


def read(message_id: str, chat: str) -> None:
    target = jid(chat)
    ids, kind = message_id.encode(), b"read"
    error = GO.MarkRead(UUID, ids, int(time.time()), target, len(target), target, len(target), kind)
    emit(event="Done", error=text_of(error))


def ask(query: str, **arguments: str) -> None:
    emit(event="Answer", **QUERIES[query](UUID, **arguments))


def logout() -> None:
    emit(event="Done", error=text_of(GO.Logout(UUID)))


def text_of(result: object) -> str:
    return result.decode() if isinstance(result, bytes) else str(result or "")


COMMANDS: dict[str, Callable[..., None]] = {
    "pair": pair,
    "send": send,
    "presence": presence,
    "typing": typing,
    "exists": exists,
    "read": read,
    "ask": ask,
    "logout": logout,
    "exit": lambda: os._exit(0),
    **KINDS.commands(),
}

threading.Thread(target=run, args=(sys.argv[1],), daemon=True).start()
for line in sys.stdin:
    command = json.loads(line)
    COMMANDS[command.pop("do")](**command)
os._exit(0)
