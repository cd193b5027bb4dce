import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.tenant.voice_notes import ogg_opus

from oxy_tenant.content.voice_notes import LEVELS, LOUDEST, MOST_PACKETS, voice_facts


@pytest.mark.parametrize("seconds", [1, 3, 95])
def test_length_and_levels_come_from_the_pages(seconds: int) -> None:
    facts = voice_facts(ogg_opus(seconds))
    assert facts is not None
    assert facts.seconds == seconds
    assert len(facts.waveform) == LEVELS
    assert 0 <= min(facts.waveform) < max(facts.waveform) <= LOUDEST


def test_a_file_of_countless_packets_is_no_voice_note() -> None:
    page = struct.pack("<4sBBqIIIB", b"OggS", 0, 0, 960, 1, 2, 0, 255) + bytes(255)
    assert voice_facts(ogg_opus(1) + page * (MOST_PACKETS // 255)) is None


@given(st.binary(max_size=400) | st.integers(0, 4_000).map(lambda size: ogg_opus(2)[:size]))
def test_whatever_is_cut_or_no_voice_note_raises_nothing(content: bytes) -> None:
    facts = voice_facts(content)
    assert facts is None or (facts.seconds >= 1 and len(facts.waveform) == LEVELS)
