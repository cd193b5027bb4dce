import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxy_simulator.errors import FrameError
from oxy_simulator.frames import CONNECTION_HEADER, MAX_FRAME, FrameBuffer, pack_frame


@given(st.lists(st.binary(max_size=400), max_size=8), st.integers(1, 50))
def test_frames_survive_any_cutting_of_the_stream(payloads: list[bytes], size: int) -> None:
    stream = CONNECTION_HEADER + b"".join(map(pack_frame, payloads))
    buffer = FrameBuffer()
    received = [frame for start in range(0, len(stream), size) for frame in buffer.feed(stream[start : start + size])]
    assert received == payloads


def test_a_frame_starts_with_its_length_in_three_bytes() -> None:
    assert pack_frame(bytes(0x10203)) == b"\x01\x02\x03" + bytes(0x10203)


def test_another_connection_header_is_refused() -> None:
    with pytest.raises(FrameError, match="starts with 58580603"):
        FrameBuffer().feed(b"XX\x06\x03")


def test_a_frame_beyond_sixteen_mebibytes_is_refused() -> None:
    with pytest.raises(FrameError, match="too large"):
        pack_frame(bytes(MAX_FRAME))
