"""How runtime state is written as JSON: bytes as base64, key pairs as their seed, stanzas encoded."""

from typing import Annotated, TypeAlias

from pydantic import ConfigDict, PlainSerializer, PlainValidator

from oxy_simulator.codec import decode, encode
from oxy_simulator.curve import KeyPair
from oxy_simulator.node import Node

# Put as `__pydantic_config__` on dataclasses that are part of the stored state.
STORED = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64", arbitrary_types_allowed=True)


def _read_key_pair(value: object) -> KeyPair:
    return value if isinstance(value, KeyPair) else KeyPair.from_seed(bytes.fromhex(str(value)))


StoredKeyPair: TypeAlias = Annotated[
    KeyPair,
    PlainValidator(_read_key_pair),
    PlainSerializer(lambda pair: pair.seed.hex(), return_type=str),
]


def _read_node(value: object) -> Node:
    return value if isinstance(value, Node) else decode(bytes.fromhex(str(value)))


StoredNode: TypeAlias = Annotated[
    Node,
    PlainValidator(_read_node),
    PlainSerializer(lambda stanza: encode(stanza).hex(), return_type=str),
]
