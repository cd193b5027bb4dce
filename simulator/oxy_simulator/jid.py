"""Addresses of WhatsApp: users (by phone number or LID), their devices, groups, servers.

A JID is `user@server`, `user:device@server` or `user.agent:device@server`. Source: whatsmeow
`types/jid.go`.
"""

import re
from typing import NamedTuple

from oxy_simulator.errors import FrameError, RequestError

PHONE_SERVER = "s.whatsapp.net"
LID_SERVER = "lid"
GROUP_SERVER = "g.us"
BROADCAST_SERVER = "broadcast"
NEWSLETTER_SERVER = "newsletter"
LEGACY_SERVER = "c.us"
BOT_SERVER = "bot"
MESSENGER_SERVER = "msgr"
INTEROP_SERVER = "interop"
HOSTED_SERVER = "hosted"
HOSTED_LID_SERVER = "hosted.lid"

_E164 = re.compile(r"\+?([1-9][0-9]{6,14})")


class Jid(NamedTuple):
    """An address; device 0 is the phone itself, an empty user is the server.

    `agent` is a remnant of older addresses, `integrator` belongs to other messengers.
    """

    user: str
    server: str
    device: int = 0
    agent: int = 0
    integrator: int = 0

    def __str__(self) -> str:
        if not self.user:
            return self.server
        if self.agent:
            return f"{self.user}.{self.agent}:{self.device}@{self.server}"
        device = f":{self.device}" if self.device else ""
        return f"{self.user}{device}@{self.server}"

    @property
    def bare(self) -> "Jid":
        """The same address without device and agent."""
        return Jid(self.user, self.server, integrator=self.integrator) if self.device or self.agent else self

    @property
    def is_user(self) -> bool:
        """Whether this is a person's address, by phone number or by LID."""
        return bool(self.user) and self.server in {PHONE_SERVER, LID_SERVER}


SERVER_JID = Jid("", PHONE_SERVER)
STATUS_JID = Jid("status", BROADCAST_SERVER)
GROUP_SERVER_JID = Jid("", GROUP_SERVER)


def parse_jid(text: str) -> Jid:
    """Read an address in any of its forms, or a server's name; raise FrameError on anything else."""
    user, at, server = text.rpartition("@")
    if not at:
        return Jid("", text)
    name, colon, device = user.partition(":")
    name, dot, agent = name.partition(".")
    if (colon and not device.isdecimal()) or (dot and not agent.isdecimal()):
        msg = f"JID {text!r} has a device or an agent that is not a number"
        raise FrameError(msg)
    return Jid(name, server, int(device or 0), int(agent or 0))


def phone_digits(phone: str) -> str:
    """Digits of an E.164 number, with or without the plus sign; raise RequestError otherwise."""
    match = _E164.fullmatch(phone)
    if match is None:
        msg = f"{phone!r} is no phone number; write it as E.164, like +5511987654321"
        raise RequestError(msg)
    return match.group(1)
