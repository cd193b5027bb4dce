"""Sample files are what they pretend to be, as magic numbers and Oxy itself judge them."""

import magic
import pytest

from oxy_core.file_types import mime_of
from oxy_dev import sample_files


@pytest.mark.parametrize(
    ("content", "mime"),
    [
        (sample_files.picture(), "image/jpeg"),
        (sample_files.document(), "application/pdf"),
        (sample_files.video(), "video/mp4"),
        (sample_files.sticker(), "image/webp"),
        (sample_files.voice_note(), "audio/ogg"),
    ],
)
def test_a_sample_file_is_what_its_name_says(content: bytes, mime: str) -> None:
    assert magic.from_buffer(content, mime=True) == mime
    assert mime_of(content).partition(";")[0] == mime


def test_a_voice_note_is_as_long_as_asked_for() -> None:
    assert len(sample_files.voice_note(seconds=20)) > len(sample_files.voice_note(seconds=2))
    assert sample_files.voice_note(seconds=2).count(b"OggS") == 4
