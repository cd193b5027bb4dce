from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from oxy_simulator.curve import KeyPair, verify

SEEDS = st.binary(min_size=32, max_size=32)


@given(SEEDS, st.binary(max_size=100))
def test_a_signature_is_verified_with_the_montgomery_key(seed: bytes, message: bytes) -> None:
    pair = KeyPair.from_seed(seed)
    signature = pair.sign(message)
    assert verify(pair.public, message, signature)
    assert not verify(pair.public, message + b"x", signature)
    assert not verify(KeyPair.generate().public, message, signature)


@given(SEEDS, SEEDS)
def test_both_sides_agree_on_the_same_secret(one: bytes, other: bytes) -> None:
    first, second = KeyPair.from_seed(one), KeyPair.from_seed(other)
    assert first.agree(second.public) == second.agree(first.public)


def test_the_agreement_is_x25519() -> None:
    pair, peer = KeyPair.generate(), X25519PrivateKey.generate()
    ours = pair.agree(peer.public_key().public_bytes_raw())
    assert len(ours) == 32
    assert KeyPair.from_seed(pair.seed).agree(peer.public_key().public_bytes_raw()) == ours


def test_malformed_keys_and_signatures_do_not_verify() -> None:
    pair = KeyPair.generate()
    assert not verify(pair.public[:-1], b"m", pair.sign(b"m"))
    assert not verify(pair.public, b"m", b"")
    assert not verify(bytes(32), b"m", bytes(64))


def test_a_key_pair_does_not_show_its_seed() -> None:
    pair = KeyPair.generate()
    assert pair.seed.hex() not in repr(pair)
    assert repr(pair.seed) not in repr(pair)
