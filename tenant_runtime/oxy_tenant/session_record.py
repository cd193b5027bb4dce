"""Notes in the session's metadata what happens to it, and tells the platform the facts."""

import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from oxy_core.identity import number_digest
from oxy_core.instance.stored_session import SessionFacts
from oxy_core.tenant import TerminationMessage
from oxy_tenant.journal.journal import Journal
from oxy_tenant.links.protocol import LinkedDevice
from oxy_tenant.session_metadata import SESSION_MISSING, GivenUp, MetadataFile, unpaired
from oxy_tenant.set_aside import found, size_of

KEEP_SECONDS: Final = 60.0
"""How long counted facts are good for: counting the messages of two months takes milliseconds."""


class SessionRecord:
    """The record of one instance's session, as `connection.session_keeper.SessionWatcher` wants it."""

    def __init__(  # noqa: PLR0913 its collaborators
        self,
        metadata: MetadataFile,
        journal: Journal,
        kept_aside: Callable[[], list[Path]],
        *,
        epoch: int,
        ended: TerminationMessage | None = None,
        make_room: Callable[[], bool] = lambda: False,
    ) -> None:
        """`kept_aside` returns the sessions that were set aside; `ended` is how the last epoch ended that did.

        `make_room` gives up a reserve for what must be written, and returns whether there was any; it raises OSError.
        """
        self._metadata = metadata
        self._journal = journal
        self._kept_aside = kept_aside
        self._epoch = epoch
        self._ended = ended
        self._make_room = make_room
        self._library = f"neonize {version('neonize')}"
        self._peers: int | None = None
        self._counted: tuple[int, int, bool] = (0, 0, False)
        self._counted_at: float | None = None

    def examined(self, device: LinkedDevice | None, *, fresh: bool) -> None:
        """Note that the session is intact, and which device it has, perhaps since just now; blocks."""
        known, now = self._metadata.current, datetime.now(UTC)
        if device is None:
            self._peers = None
            self._metadata.note(device=None, device_digest=None, given_up=None, checked_at=now)
            return
        self._peers = device.peers
        linked_at = known.linked_at if device.digest == known.device_digest else None
        # The process may have ended between the linking and this. A session that was looked at before without this
        # device has got it since; of one that never was, nobody knows since when.
        since = device.digest != known.device_digest and known.checked_at is not None
        if fresh or since:
            linked_at = now
        if not fresh:
            # What was about to end it has not. A fresh one is in use: what ends it may be noted at this moment.
            self._metadata.note(given_up=None)
        self._metadata.note(
            number=_number(device) or known.number,
            device=None if device.address is None else device.address.device,
            device_digest=device.digest,
            device_epoch=self._epoch,
            linked_at=linked_at,
            library=self._library,
            checked_at=now,
        )

    def gives_up(self, reason: str) -> None:
        """Note on disk, before it happens, that the session loses its device; blocks. From any thread.

        The library deletes a device without needing any room. Without this note it would be missed.
        """
        note = GivenUp(reason=reason, epoch=self._epoch, at=datetime.now(UTC))
        if not self._metadata.note(given_up=note):
            with contextlib.suppress(OSError):
                self._make_room()
            self._metadata.note(given_up=note)

    def why_gone(self, *, emptied: bool) -> str | None:
        """Return why a session without a device has lost it, if that is to be told: the reason of a terminal cause."""
        known = self._metadata.current
        if known.given_up is None and not known.device_epoch and not (emptied and not self._kept_aside()):
            return None  # Older versions did not note whatever they gave up themselves.
        if known.checked_at or known.device_digest or known.given_up:
            return known.why_gone(self._epoch, self._ended)
        # Nobody has noted anything, or the file is lost: then the journal tells, which remembers its last device even
        # after that was removed.
        explained = self._ended is not None and unpaired(self._ended)
        return SESSION_MISSING if self._journal.inbound.had_device and not explained else None

    def had_device(self) -> bool:
        """Return whether a device is known that the session may have had until now."""
        return self._metadata.current.device_digest is not None or self._journal.inbound.had_device

    def begun(self) -> None:
        """Note that this epoch of the instance uses the volume; blocks."""
        metadata = self._metadata.current.with_epoch(self._epoch, datetime.now(UTC), self._journal.database.epoch)
        self._metadata.note(epochs=metadata.epochs)

    def facts(self) -> SessionFacts:
        """Return what is stored."""
        known = self._metadata.current
        messages, set_aside, others_aside = self._count()
        restored = known.restored
        return SessionFacts(
            linked_at=known.linked_at,
            device=known.device,
            library_version=known.library,
            messages=messages,
            peers=self._peers,
            set_aside_bytes=set_aside,
            others_aside=others_aside,
            regained_by=restored.wish if restored is not None and restored.same_device else None,
            checked_at=known.checked_at,
            restored_at=None if restored is None else restored.at,
        )

    def _count(self) -> tuple[int, int, bool]:
        now = time.monotonic()
        if self._counted_at is None or now - self._counted_at > KEEP_SECONDS:
            aside = found(self._metadata.folder)
            size, others = sum(map(size_of, aside)), any(self._is_of_another(*item) for item in aside.items())
            self._counted, self._counted_at = (self._journal.inbound.count(), size, others), now
        return self._counted

    def _is_of_another(self, aside: Path, at: datetime) -> bool:
        """Whether a session that was set aside may be of another device than the one that was there after it."""
        known = self._metadata.current
        regained = [restored.at.replace(microsecond=0) for restored in known.restores if restored.same_device]
        without = [restored.at.replace(microsecond=0) for restored in known.restores if not restored.device_before]
        match aside.name.split("-")[0]:
            case "session.missing":
                return False
            case "session.before":
                return at not in {*regained, *without}
            case "session.bad":
                was_there = known.linked_at is not None and known.linked_at <= at
                return not (was_there and any(at <= moment for moment in regained))
            case _:
                return True


def _number(device: LinkedDevice) -> str | None:
    phone = None if device.address is None else device.address.phone
    return None if phone is None else number_digest(phone)
