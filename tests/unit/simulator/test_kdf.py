"""HKDF against RFC 5869's test vectors, and against cryptography's for any input."""

import hmac

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from oxy_simulator.kdf import hkdf, hmac_sha256


def test_the_first_vector_of_rfc_5869() -> None:
    okm = hkdf(b"\x0b" * 22, bytes(range(13)), bytes(range(0xF0, 0xFA)), 42)
    assert okm.hex() == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"


@given(st.binary(min_size=1), st.none() | st.binary(min_size=1), st.binary(), st.integers(1, 400))
def test_any_input_gives_what_cryptography_gives(secret: bytes, salt: bytes | None, info: bytes, size: int) -> None:
    assert hkdf(secret, salt, info, size) == HKDF(SHA256(), size, salt, info).derive(secret)


@given(st.binary(max_size=130), st.binary(max_size=200))
def test_hmac_is_that_of_the_standard_library(key: bytes, message: bytes) -> None:
    assert hmac_sha256(key, message) == hmac.digest(key, message, "sha256")
