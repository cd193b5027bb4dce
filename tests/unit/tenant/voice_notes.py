"""Voice notes for tests."""

import struct


def ogg_opus(seconds: int = 3) -> bytes:
    """Pages of a voice note whose packets of 20 ms grow and shrink; what they contain nobody decodes here."""

    def page(number: int, granule: int, packets: list[bytes]) -> bytes:
        laces = b"".join(bytes([255] * (len(packet) // 255)) + bytes([len(packet) % 255]) for packet in packets)
        header = struct.pack("<4sBBqIIIB", b"OggS", 0, 0, granule, 1, number, 0, len(laces))
        return header + laces + b"".join(packets)

    head = b"OpusHead\x01\x01" + struct.pack("<HIhB", 312, 48_000, 0, 0)
    packets = [bytes(40 + (number % 25) * 12) for number in range(seconds * 50)]
    sound = [page(2 + n // 50, 312 + (n + 50) * 960, packets[n : n + 50]) for n in range(0, len(packets), 50)]
    return page(0, 0, [head]) + page(1, 0, [b"OpusTags" + bytes(8)]) + b"".join(sound)
