import hashlib
import io
import json
import tarfile

from oxy_dev.cluster.images import single_file_image

IMAGE = single_file_image("localhost/pause:1", "pause", b"program")


def read(archive: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        file = tar.extractfile(name)
        assert file is not None
        return file.read()


def test_the_image_names_its_layer_by_its_digest() -> None:
    config = json.loads(read(IMAGE, "config.json"))
    digest = hashlib.sha256(read(IMAGE, "layer.tar")).hexdigest()
    assert config["rootfs"]["diff_ids"] == [f"sha256:{digest}"]


def test_the_layer_holds_the_program_and_can_run_it() -> None:
    layer = read(IMAGE, "layer.tar")
    assert read(layer, "pause") == b"program"
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        assert tar.getmember("pause").mode == 0o755


def test_it_runs_as_nobody() -> None:
    assert json.loads(read(IMAGE, "config.json"))["config"]["User"] == "65534:65534"


def test_the_same_program_makes_the_same_image() -> None:
    assert single_file_image("localhost/pause:1", "pause", b"program") == IMAGE
