"""A voice note is as long as its packets are, whatever anybody claims."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxy_ai.errors import UnreadableFileError
from oxy_ai.perception.recordings import seconds_of
from oxy_dev.sample_files import document, voice_note

MINUTE = 60.0


@pytest.mark.parametrize(
    ("content", "seconds"),
    [
        (voice_note("Oi", 3), 3),
        (voice_note("palavra " * 20_000, 0.5), 0.5),
        (voice_note("", 0), 0),
    ],
)
def test_the_sound_itself_is_counted(content: bytes, seconds: float) -> None:
    assert seconds_of(content, MINUTE) == pytest.approx(seconds, abs=0.05)


def packed(*packets: bytes) -> bytes:
    """A voice note of these packets, whose page claims no length at all."""
    laces = bytes(map(len, packets))
    page = struct.pack("<4sBBqIIIB", b"OggS", 0, 4, 0, 1, 2, 0, len(packets)) + laces + b"".join(packets)
    return voice_note("", 0) + page


@pytest.mark.parametrize(
    ("packet", "milliseconds"),
    [
        (bytes([0 << 3]), 10),
        (bytes([3 << 3 | 1]), 120),
        (bytes([13 << 3 | 2]), 40),
        (bytes([16 << 3]), 2.5),
        (bytes([31 << 3 | 3, 6]), 120),
        (bytes([31 << 3 | 3]), 0),
    ],
)
def test_a_packet_lasts_as_long_as_its_first_bytes_say(packet: bytes, milliseconds: float) -> None:
    assert seconds_of(packed(packet), MINUTE) * 1_000 == milliseconds


def test_what_is_too_long_is_not_counted_to_its_end() -> None:
    counted = seconds_of(voice_note("", 300), 60)
    assert 60 < counted < 61


@pytest.mark.parametrize(
    "content",
    [b"", b"OggS", document(500), voice_note("Oi")[:60], voice_note("Oi")[:27] + bytes(200), b"ID3" + bytes(900)],
)
def test_what_is_no_voice_note_is_told_from_one(content: bytes) -> None:
    with pytest.raises(UnreadableFileError):
        seconds_of(content, MINUTE)


@given(st.binary(max_size=400), st.integers(0, 200), st.integers(0, 200))
def test_no_bytes_do_anything_worse(content: bytes, begin: int, end: int) -> None:
    whole = voice_note("Olá", 0.2)
    for damaged in (content, whole[:begin] + content + whole[begin + end :]):
        with contextlib.suppress(UnreadableFileError):
            assert seconds_of(damaged, 1) >= 0
