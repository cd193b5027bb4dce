"""Which client an instance's library claims to be, and whether WhatsApp still accepts it.

WhatsApp refuses a version for all numbers, but notices only at a login: whoever is connected stays connected. So the
first refusal, of any instance, is news for all that run the same version or an older one (decision 85).
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Self

from oxy_core.envelopes import LiveState
from oxy_core.instance.client_versions import EARLIEST_CUT_OFF, ageing_from, expected_cut_off, is_at_most, is_version
from oxy_core.instance.terminal_causes import ExitCode
from oxy_core.times import utc_text
from oxy_operator.decide.epoch_record import EpochRecord
from oxy_operator.decide.instance import Instance
from oxy_operator.decide.pod import Pod
from oxy_operator.lenient import plain_text, utc_moment
from oxy_operator.problems import Problem

_IMAGE: Final = 512
"""Longest name of an image, in characters."""


_FIRST: Final = 2015
_LAST: Final = 2200
"""Years: of WhatsApp Web's first version, and of none."""


@dataclass(frozen=True, slots=True)
class Client:
    """The client of an instance."""

    image: str
    """Of its pod, or of the one that it would have."""
    version: str | None = None
    """None: unknown, because nothing of this image has said it yet."""
    published_on: date | None = None

    @classmethod
    def of_status(cls, status: dict[str, Any]) -> Self:
        """Read ``status.client``, which others may have changed."""
        found = status.get("client") or {}
        version, day = found.get("version"), found.get("publishedOn")
        known = isinstance(version, str) and is_version(version)
        return cls(plain_text(found.get("image"), _IMAGE), version if known else None, _day(day) if known else None)

    def to_status(self) -> dict[str, str] | None:
        """Return the form that `of_status` reads; None if there is nothing to say."""
        if self.version is None:
            return None
        day = {"publishedOn": self.published_on.isoformat()} if self.published_on else {}
        return {"version": self.version, "image": self.image} | day


UNKNOWN_CLIENT: Final = Client("")


@dataclass(frozen=True, slots=True)
class ClientRefusal:
    """A client that WhatsApp refused."""

    version: str
    """Empty if the runtime did not say it."""
    image: str
    at: datetime

    def covers(self, client: Client) -> bool:
        """Whether WhatsApp refuses this client, too: it is not newer, or, if that is unknown, of the same image."""
        if self.version and client.version:
            return is_at_most(client.version, self.version)
        return bool(client.image) and client.image == self.image

    def encode(self) -> str:
        """Return the form that `decode` reads."""
        return json.dumps({"version": self.version, "image": self.image, "at": utc_text(self.at)})

    @classmethod
    def decode(cls, text: str) -> Self | None:
        """Read a refusal, which others may have changed; None if it is none."""
        try:
            found = json.loads(text)
        except ValueError:
            return None
        if not isinstance(found, dict):
            return None
        version, image = (plain_text(found.get(name), _IMAGE) for name in ("version", "image"))
        at = utc_moment(found.get("at"))
        if at is None or (version and not is_version(version)) or not (version or image):
            return None
        return cls(version, image, at)


def _day(text: object) -> date | None:
    try:
        return _plausible(date.fromisoformat(text)) if isinstance(text, str) else None
    except ValueError:
        return None


def _plausible(day: date | None) -> date | None:
    """Return a day on which a client can have been published; None for any other, with which no sum may be done."""
    return day if day is not None and _FIRST <= day.year <= _LAST else None


def refusal_of(record: EpochRecord, now: datetime, default_image: str) -> ClientRefusal | None:
    """Return the refusal that ended an epoch, if that was one.

    Of an image that an instance names itself, the version is not believed: whoever writes the instance chooses what
    that image says, and could alarm all tenants. Then the refusal concerns only that image.
    """
    end = record.end
    if end is None or end.exit_code != ExitCode.CLIENT_OUTDATED:
        return None
    version = end.client_version if end.image == default_image and is_version(end.client_version) else ""
    return ClientRefusal(version, end.image, now) if version or end.image else None


def refusing(client: Client, refusals: Iterable[ClientRefusal]) -> ClientRefusal | None:
    """Return the first refusal that concerns a client; None if there is none."""
    return min((found for found in refusals if found.covers(client)), key=lambda found: found.at, default=None)


def client_of(instance: Instance, pod: Pod | None, live: LiveState | None, default_image: str) -> Client:
    """Return the client that an instance runs, or would; `live` is None unless it is current.

    What an image was known to contain is kept in the status, for when the bus is down or there is no pod.
    """
    image = pod.image if pod is not None else instance.spec.runtime.image or default_image
    if live is not None and live.client_version is not None:
        return Client(image, live.client_version, _plausible(live.client_published_on))
    known = Client.of_status(instance.status)
    return known if known.image == image else Client(image)


def outdated_problem(client: Client, refusal: ClientRefusal | None) -> Problem | None:
    """Return the problem that WhatsApp refuses a client; None if nobody has met that."""
    if refusal is None:
        return None
    which = f"client version {refusal.version}" if refusal.version else f"the client of image {refusal.image}"
    mine = f"This instance has {client.version}. " if client.version and client.version != refusal.version else ""
    message = (
        f"WhatsApp refused {which} on {refusal.at:%Y-%m-%d}. {mine}An instance that is connected stays so until it "
        "loses the connection, and is most likely refused then. Upgrade Oxy, or set spec.runtime.image to a newer one."
    )
    return Problem("RefusedByWhatsApp", message)


def ageing_problem(client: Client, now: datetime) -> Problem | None:
    """Return the problem that WhatsApp may refuse a client within a month; None if it may not, or nobody knows."""
    published = client.published_on
    if published is None or now < ageing_from(published):
        return None
    message = (
        f"A forecast, no fault: client version {client.version} was published on {published}, and WhatsApp may refuse "
        f"it at a login from {expected_cut_off(published)} on, for it has refused others {EARLIEST_CUT_OFF.days} days "
        "after they were published. Upgrade Oxy as soon as a release has a newer client, or set spec.runtime.image to "
        "its image; if yours is the newest, there is nothing else to do. ClientOutdated tells if WhatsApp refuses it."
    )
    return Problem("CutOffExpected", message)


def ageing_seconds(client: Client, now: datetime) -> float | None:
    """Return after how many seconds `ageing_problem` changes on its own; None if it does not."""
    if client.published_on is None:
        return None
    seconds = (ageing_from(client.published_on) - now).total_seconds()
    return seconds if seconds > 0 else None
