from collections import Counter
from pathlib import Path

import pytest
from pydantic import SecretStr

from oxy_core.errors import ContractError
from oxy_core.model_keys import SHARDS, ModelKeys, endpoint_of, key_file, shard_name, shard_of


def test_a_key_is_found_by_the_endpoint_that_it_was_given_for() -> None:
    written = ModelKeys({"https://a.example/v1": SecretStr("one"), "": SecretStr("ours")}).encode()
    keys = ModelKeys.decode(written)
    assert written == b'{"":"ours","https://a.example/v1":"one"}'
    assert keys.key_for("https://a.example/v1/") == SecretStr("one")
    assert keys.key_for(None) == SecretStr("ours")
    assert keys.key_for("https://a.example") is None
    assert "ours" not in repr(keys)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"sk-secret", b'{"": 1}', b'{"": "sk-secret"', b"\xff\xfe", b'{"": null}']
)
def test_anything_but_keys_is_refused_without_quoting_it(data: bytes) -> None:
    with pytest.raises(ContractError) as refused:
        ModelKeys.decode(data)
    assert "secret" not in str(refused.value)


def test_instances_are_spread_over_all_secrets_and_each_stays_where_it_is() -> None:
    shards = Counter(shard_of(f"org-{number % 7}", f"shop-{number}") for number in range(4_000))
    assert set(shards) == set(range(SHARDS))
    assert max(shards.values()) < 2 * min(shards.values())
    # The operator of one release writes what the workers of another read.
    assert [shard_of("paws", "petshop"), shard_of("flor", "petshop")] == [6, 14]
    assert key_file(Path("/keys"), "paws", "petshop") == Path("/keys/6/paws.petshop")
    assert shard_name("oxy", 14) == "oxy-model-keys-14"


def test_endpoints_differ_by_more_than_a_slash_at_their_end() -> None:
    assert endpoint_of("http://a/v1/") == endpoint_of("http://a/v1")
    assert len({endpoint_of(url) for url in (None, "http://a", "https://a", "http://a/v1", "http://a:81")}) == 5
