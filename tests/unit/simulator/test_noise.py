import time

import pytest

from oxy_simulator.curve import KeyPair
from oxy_simulator.errors import HandshakeError
from oxy_simulator.noise import ClientHandshake, Established, ServerHandshake, make_certificate
from oxy_simulator.proto.handshake_pb2 import ClientPayload, HandshakeMessage

ROOT = KeyPair.generate()


def server() -> ServerHandshake:
    static = KeyPair.generate()
    now = int(time.time())
    certificate = make_certificate(ROOT, KeyPair.generate(), static.public, now - 60, now + 60)
    return ServerHandshake(static, certificate, KeyPair.generate())


def client(root: bytes = ROOT.public) -> ClientHandshake:
    return ClientHandshake(KeyPair.generate(), root, KeyPair.generate())


def test_client_and_server_reach_the_same_streams() -> None:
    us, them = server(), client()
    finish, receiving, sending = them.finish(us.hello(them.hello()), ClientPayload(username=5511, device=3))
    established: Established = us.finish(finish)
    assert (established.payload.username, established.payload.device) == (5511, 3)
    for number in range(3):
        frame = f"frame {number}".encode()
        assert receiving.decrypt(established.sending.encrypt(frame)) == frame
        assert established.receiving.decrypt(sending.encrypt(frame)) == frame


def test_the_client_refuses_a_server_of_another_root() -> None:
    us, them = server(), client(KeyPair.generate().public)
    with pytest.raises(HandshakeError, match="trusted root"):
        them.finish(us.hello(them.hello()), ClientPayload())


def test_a_changed_handshake_message_is_refused() -> None:
    us, them = server(), client()
    finish, _, _ = them.finish(us.hello(them.hello()), ClientPayload())
    message = HandshakeMessage.FromString(finish)
    message.client_finish.payload = message.client_finish.payload[:-1] + b"\x00"
    with pytest.raises(HandshakeError, match="cannot be authenticated"):
        us.finish(message.SerializeToString())


def test_a_repeated_frame_is_refused() -> None:
    us, them = server(), client()
    finish, _, sending = them.finish(us.hello(them.hello()), ClientPayload())
    established = us.finish(finish)
    frame = sending.encrypt(b"once")
    established.receiving.decrypt(frame)
    with pytest.raises(HandshakeError, match="frame 1"):
        established.receiving.decrypt(frame)


@pytest.mark.parametrize("frame", [b"", b"\xff\xff", HandshakeMessage().SerializeToString()])
def test_a_hello_without_a_key_is_refused(frame: bytes) -> None:
    with pytest.raises(HandshakeError):
        server().hello(frame)
