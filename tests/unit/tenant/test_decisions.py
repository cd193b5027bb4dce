import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.tenant.messages import NOW, request

from oxy_core.envelopes import SendOutcome
from oxy_core.identity import Jid
from oxy_core.instance.settings import ReconnectSettings
from oxy_core.instance.terminal_causes import ExitCode
from oxy_core.report_bodies import ReceiptKind
from oxy_core.tenant import TerminationMessage
from oxy_tenant.connection import ending
from oxy_tenant.connection.backoff import delay_seconds
from oxy_tenant.connection.ended_marker import MARKER_BYTES, EndedMarker, repeated_ending
from oxy_tenant.connection.ending import ending_of, write_termination_message
from oxy_tenant.links.errors import (
    LinkError,
    LinkUnavailableError,
    MediaCorruptError,
    MediaError,
    MediaExpiredError,
    MediaTooLargeError,
    MediaUnavailableError,
    RateLimitedError,
    ReachOutLockedError,
    RefusalReason,
    SendDeferredError,
    SendRefusedError,
    SendUnconfirmedError,
)
from oxy_tenant.links.events import (
    AccountBanned,
    AccountLocked,
    Banned,
    Connected,
    Disconnected,
    LinkEvent,
    LoggedOut,
    Outdated,
    Receipts,
    Replaced,
)
from oxy_tenant.links.neonize.events import CopyRefused, caught_up_after, copy_refused, translate_event
from oxy_tenant.links.neonize.library import load_messages
from oxy_tenant.links.neonize.media_errors import media_error
from oxy_tenant.links.neonize.send_errors import RATE_LIMIT_SECONDS, SERVER_ERROR_SECONDS, send_error
from oxy_tenant.sending.gate import ChatPosition, refuse
from oxy_tenant.sending.pacing import LONGEST, SHORTEST, typing_seconds
from oxy_tenant.sending.receipts import Confirmations

SECOND = timedelta(seconds=1)


def receipt(whatsapp_id: str) -> Receipts:
    ana = Jid.parse("111@lid")
    return Receipts(ReceiptKind.DELIVERED, (whatsapp_id,), ana, ana, None)


async def test_only_the_newest_receipts_are_kept() -> None:
    receipts = Confirmations(most_kept=2)
    for whatsapp_id in ("A", "B", "B", "C"):
        receipts.confirm(receipt(whatsapp_id))
    async with asyncio.timeout(60):
        await receipts.wait("B")
        await receipts.wait("C")
        waiting = asyncio.create_task(receipts.wait("A"))
        await asyncio.sleep(0)
        assert not waiting.done()
        receipts.confirm(receipt("A"))
        await waiting


async def test_only_the_phone_itself_confirms_for_the_phone() -> None:
    receipts, own = Confirmations(), Jid.parse("999@lid")
    computer = Receipts(ReceiptKind.DELIVERED, ("A",), own, own, None, from_me=True)
    receipts.confirm(computer)
    async with asyncio.timeout(60):
        await receipts.wait("A")
        waiting = asyncio.create_task(receipts.wait("A", by_phone=True))
        await asyncio.sleep(0)
        assert not waiting.done()
        receipts.confirm(replace(computer, by_phone=True))
        await waiting


@pytest.mark.parametrize(
    ("based_on", "own", "self_chat", "expires", "outcome"),
    [
        (None, 0, False, None, None),
        (None, 9, False, None, None),
        (5, 5, False, None, None),
        (5, 4, False, None, None),
        (5, 6, False, None, SendOutcome.SUPERSEDED),
        (0, 1, False, None, SendOutcome.SUPERSEDED),
        (5, 6, True, None, None),
        (5, 5, False, NOW + SECOND, None),
        (5, 5, False, NOW, SendOutcome.EXPIRED),
        (5, 6, False, NOW - SECOND, SendOutcome.EXPIRED),
    ],
)
def test_the_gate(
    based_on: int | None, own: int, *, self_chat: bool, expires: datetime | None, outcome: SendOutcome | None
) -> None:
    ask = request(based_on=based_on)
    refusal = refuse(ask, ChatPosition(uuid4(), own, self_chat=self_chat), expires_at=expires, now=NOW)
    assert (None if refusal is None else refusal.outcome) is outcome


@pytest.mark.parametrize(
    ("same_epoch", "based_on", "own", "superseded"),
    [
        (True, 5, 5, False),
        (True, 5, 6, True),
        (False, 500, 0, False),  # nobody wrote from the phone since the journal began
        (False, 500, 2, True),  # somebody did, and 500 counts in a journal that is gone
        (False, 1, 1, True),
    ],
)
def test_sequences_are_compared_within_one_journal(
    *, same_epoch: bool, based_on: int, own: int, superseded: bool
) -> None:
    epoch = uuid4()
    ask = request(based_on=based_on, based_on_epoch=epoch if same_epoch else uuid4())
    refusal = refuse(ask, ChatPosition(epoch, own), expires_at=None, now=NOW)
    assert (refusal is not None) is superseded


def test_the_delay_grows_to_its_cap() -> None:
    policy = ReconnectSettings()
    plain = [5, 7.5, 11.25, 16.875, 25.3125, 37.96875, 56.953125, 60, 60]
    for failed, expected in enumerate(plain, start=1):
        delays = [delay_seconds(policy, failed, Random(seed)) for seed in range(50)]
        assert min(delays) >= expected * 0.8
        assert max(delays) <= min(60, expected * 1.2)
        assert len(set(delays)) > 10


@given(st.text(max_size=5000), st.integers())
def test_typing_takes_a_plausible_time(text: str, seed: int) -> None:
    assert SHORTEST * 0.7 <= typing_seconds(text, Random(seed)) <= LONGEST * 1.3


def test_longer_texts_take_longer() -> None:
    assert typing_seconds("x" * 200, Random(1)) > typing_seconds("x" * 50, Random(1))


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (LoggedOut(), ExitCode.LOGGED_OUT),
        (AccountLocked(), ExitCode.ACCOUNT_LOCKED),
        (AccountBanned(), ExitCode.ACCOUNT_LOCKED),
        (Replaced(), ExitCode.CONNECTION_REPLACED),
        (Banned(NOW), ExitCode.TEMPORARY_BAN),
        (Outdated(), ExitCode.CLIENT_OUTDATED),
        (Connected(), None),
        (Disconnected("ConnectionLost"), None),
    ],
)
def test_which_events_end_an_epoch(event: LinkEvent, code: ExitCode | None) -> None:
    end = ending_of(event, "shop")
    assert (None if end is None else end.code) == code


ENVELOPES, _ = load_messages()


@pytest.mark.parametrize(
    ("reason", "event"),
    [
        ("LOGGED_OUT", LoggedOut()),
        ("MAIN_DEVICE_GONE", AccountLocked()),
        ("UNKNOWN_LOGOUT", AccountBanned()),
        ("GENERIC", LoggedOut()),
    ],
)
def test_why_the_device_was_removed(reason: str, event: LinkEvent) -> None:
    data = ENVELOPES.LoggedOut(OnConnect=True, Reason=reason).SerializeToString()
    assert translate_event(ENVELOPES, 6, data) == event


CONNECTED, TIMED_OUT, RESTORED, LOST, ANNOUNCED, DELIVERED = 3, 4, 5, 12, 26, 27


@pytest.mark.parametrize(
    ("events", "caught_up"),
    [
        ([], False),
        ([ANNOUNCED, CONNECTED], False),
        ([ANNOUNCED, CONNECTED, DELIVERED], True),
        ([ANNOUNCED, DELIVERED, CONNECTED], True),  # the login is reported by another thread
        ([DELIVERED, TIMED_OUT, RESTORED], True),
        ([DELIVERED, LOST, CONNECTED], False),
        ([DELIVERED, TIMED_OUT, ANNOUNCED, CONNECTED], False),
    ],
)
def test_when_messages_come_as_soon_as_they_are_sent(events: list[int], caught_up: bool) -> None:  # noqa: FBT001 a parameter
    now = False
    for number in events:
        now = caught_up_after(number, before=now)
    assert now is caught_up


@pytest.mark.parametrize(
    ("number", "data", "meaning"),
    [
        (6, b"", LoggedOut()),  # a required field is missing
        (6, b"\x08\x01\x10\x63", LoggedOut()),  # a reason that neonize does not know
        (6, b"\xff\xff\xff", LoggedOut()),
    ],
)
def test_an_event_that_cannot_be_read_keeps_its_meaning(number: int, data: bytes, meaning: LinkEvent | None) -> None:
    assert translate_event(ENVELOPES, number, data) == meaning


@given(number=st.sampled_from([3, 6, 7, 10, 12]), data=st.binary(max_size=60))
def test_no_event_raises(number: int, data: bytes) -> None:
    translate_event(ENVELOPES, number, data)


@pytest.mark.parametrize("reason", ["AccountLocked", "AccountBanned"])
def test_who_is_locked_or_banned_is_not_told_to_link_again_at_once(reason: str) -> None:
    ended = ending.terminal_ending(reason, "shop")
    assert "Linking again does not help" in ended.message
    assert (ended.code, ended.code.ends_epoch) == (ExitCode.ACCOUNT_LOCKED, True)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("server returned error 479", SendRefusedError),
        ("server returned error 403", SendRefusedError),
        ("server returned error 429", RateLimitedError),
        ("server returned error 463", ReachOutLockedError),
        ("server returned error 500", SendDeferredError),
        ("server returned error 503", SendDeferredError),
        ("server returned error 5000", SendRefusedError),
        ("failed to get device list: info query returned status 429: rate-overlimit", LinkUnavailableError),
        ("no LID found for 5511@s.whatsapp.net from server", SendRefusedError),
        ("failed to get device list: info query timed out", LinkUnavailableError),
        ("failed to prefetch sessions: database is locked", LinkUnavailableError),
        ("failed to send message node: websocket not connected", LinkUnavailableError),
        ("the store doesn't contain a device JID", LinkUnavailableError),
        ("failed to send message node: failed to write", SendUnconfirmedError),
        ("websocket not connected", SendUnconfirmedError),
        ("timed out waiting for message send response", SendUnconfirmedError),
        ("message send was interrupted by websocket disconnection", SendUnconfirmedError),
        ("something new", SendUnconfirmedError),
    ],
)
def test_how_send_errors_are_classified(error: str, kind: type[LinkError]) -> None:
    assert type(send_error(error)) is kind


@pytest.mark.parametrize(
    ("error", "fact"),
    [
        ("server returned error 403", RefusalReason.FORBIDDEN),
        ("server returned error 404", RefusalReason.NOT_ON_WHATSAPP),
        ("server returned error 479", RefusalReason.INVALID),
        ("server returned error 999", RefusalReason.OTHER),
        ("no LID found for 5511@s.whatsapp.net from server", RefusalReason.NOT_ON_WHATSAPP),
        ("can't send message to unknown server", RefusalReason.INVALID),
        ("server returned error 429", RATE_LIMIT_SECONDS),
        ("server returned error 503", SERVER_ERROR_SECONDS),
        ("server returned error 463", None),
    ],
)
def test_why_a_send_was_refused_and_how_long_to_pause(error: str, fact: RefusalReason | float | None) -> None:
    found = send_error(error)
    assert (found.reason if isinstance(found, SendRefusedError) else getattr(found, "retry_after", "none")) == fact


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("download failed with status code 404", MediaExpiredError),
        ("failed to download media from last host: download failed with status code 410", MediaExpiredError),
        ("download failed with status code 403", MediaExpiredError),
        ("download failed with status code 500", MediaUnavailableError),
        ("hash of media plaintext doesn't match", MediaCorruptError),
        ("failed to download media from last host: invalid media hmac", MediaCorruptError),
        ("file too short", MediaCorruptError),
        ("failed to decrypt file: ciphertext is not a multiple of the block size", MediaCorruptError),
        ("media download path does not start with slash: x", MediaCorruptError),
        ("failed to refresh media connections: info query timed out", MediaUnavailableError),
        ("upload failed with status code 401", MediaUnavailableError),
        ("upload failed with status code 413", MediaTooLargeError),
        ("whatever is new", MediaUnavailableError),
    ],
)
def test_how_errors_of_files_are_classified(error: str, kind: type[MediaError]) -> None:
    assert type(media_error(error)) is kind


def test_what_authorises_an_upload_is_in_no_error() -> None:
    error = 'failed to execute request: Post "https://media.example/mms/image/abc=?auth=SECRET&token=abc": EOF'
    assert str(media_error(error)) == 'failed to execute request: Post "https://media.example/mms/image/abc=": EOF'


@pytest.mark.parametrize(
    ("warning", "expected"),
    [
        (
            "Ignoring message 3A01 from 111:0@lid: failed to decrypt normal message: received message with old counter",
            CopyRefused("3A01", Jid.parse("111@lid")),
        ),
        (
            "Ignoring message 3A02 from 999:0@lid in 111@lid: received message with old counter: 3, 2",
            CopyRefused("3A02", Jid.parse("111@lid")),
        ),
        ("Ignoring message 3A03 from 111@lid: already processed", None),
        (
            "Ignoring message x\ny from 222@lid: old counter from 111@lid: received message with old counter",
            CopyRefused("x\ny from 222@lid: old counter", Jid.parse("111@lid")),
        ),
        ("Error decrypting message Ignoring message x from 222@lid: old counter from 111@lid: no session", None),
        ("Ignoring message x from 222@lid: old counter from 111@lid: already processed", None),
        ("Error decrypting message 3A04 from 111@lid: no session", None),
    ],
)
def test_a_refused_copy_is_read_from_the_warning(warning: str, expected: CopyRefused | None) -> None:
    assert copy_refused(warning) == expected


def message(epoch: int = 3) -> TerminationMessage:
    return ending.terminal_ending("LoggedOut", "shop").to_message(epoch=epoch, pod_uid="pod-1", ended_at=NOW)


def test_a_marker_is_allocated_once_and_overwritten_in_place(tmp_path: Path) -> None:
    marker = EndedMarker(tmp_path)
    marker.allocate()
    assert marker.read() is None
    file = (tmp_path / "ended.json").stat()
    marker.write(message())
    marker.allocate()
    assert marker.read() == message()
    marker.write(message(4))
    assert marker.read() == message(4)
    after = (tmp_path / "ended.json").stat()
    assert (after.st_ino, after.st_size) == (file.st_ino, MARKER_BYTES)


def test_a_shorter_message_fully_replaces_a_longer_one(tmp_path: Path) -> None:
    marker = EndedMarker(tmp_path)
    marker.allocate()
    marker.write(message().model_copy(update={"message": "x" * 2000}))
    marker.write(message())
    assert marker.read() == message()


@pytest.mark.parametrize("content", [None, b"", b"\0" * MARKER_BYTES, b"{half a mes", b"\xff\xfe"])
def test_no_readable_marker_means_that_nothing_ended(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ended.json"
    if content is not None:
        path.write_bytes(content)
    assert EndedMarker(tmp_path).read() is None


def test_a_marker_of_a_newer_version_still_ends_its_epoch(tmp_path: Path) -> None:
    newer = message().encode().replace(b'"version":1', b'"version":4').replace(b'"reason"', b'"because"')
    (tmp_path / "ended.json").write_bytes(newer.ljust(MARKER_BYTES, b"\0"))
    repeated = repeated_ending(EndedMarker(tmp_path).read(), 3, "pod-2")
    assert repeated is not None
    assert (repeated.epoch, repeated.exit_code, repeated.pod_uid) == (3, int(ExitCode.LOGGED_OUT), "pod-2")
    assert repeated_ending(EndedMarker(tmp_path).read(), 4, "pod-2") is None


def test_a_marker_with_an_unknown_field_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "ended.json").write_bytes(message().encode().replace(b"{", b'{"mood":"sad",', 1))
    assert EndedMarker(tmp_path).read() == message()


def test_a_marker_that_cannot_be_written_raises(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        EndedMarker(tmp_path / "gone").write(message())


def test_the_ending_of_an_epoch_is_repeated_for_the_new_pod() -> None:
    for epoch in (2, 3):
        repeated = repeated_ending(message(3), epoch, "pod-2")
        assert repeated is not None
        assert (repeated.epoch, repeated.pod_uid, repeated.reason) == (epoch, "pod-2", "LoggedOut")
    assert repeated_ending(message(3), 4, "pod-2") is None
    assert repeated_ending(None, 1, "pod-2") is None


def test_a_ban_message_says_when_it_ends() -> None:
    end = ending.terminal_ending("TemporaryBan", "shop", datetime(2026, 3, 2, 8, 30, tzinfo=UTC))
    assert "until 2026-03-02 08:30 UTC" in end.message
    assert end.ban_expires_at is not None


def test_an_unwritable_termination_log_raises_nothing(tmp_path: Path) -> None:
    write_termination_message(tmp_path / "gone" / "log", message())
    write_termination_message(tmp_path / "log", message())
    assert TerminationMessage.decode((tmp_path / "log").read_bytes()) == message()
