import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.tenant.voice_notes import ogg_opus

from oxy_tenant.content.voice_notes import LEVELS, LOUDEST, voice_facts


@pytest.mark.parametrize("seconds", [1, 3, 95])
def test_length_and_levels_come_from_the_pages(seconds: int) -> None:
    facts = voice_facts(ogg_opus(seconds))
    assert facts is not None
    assert facts.seconds == seconds
    assert len(facts.waveform) == LEVELS
    assert 0 <= min(facts.waveform) < max(facts.waveform) <= LOUDEST


@given(st.binary(max_size=400) | st.integers(0, 4_000).map(lambda size: ogg_opus(2)[:size]))
def test_whatever_is_cut_or_no_voice_note_raises_nothing(content: bytes) -> None:
    facts = voice_facts(content)
    assert facts is None or (facts.seconds >= 1 and len(facts.waveform) == LEVELS)
