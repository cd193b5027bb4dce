"""Whatever a client sends: a broken stream is cut, a bad stanza is a violation, and the server never fails itself."""

import zlib
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.simulator.memory import ANA, BOT, MemoryClient, MemoryOutbox, World
from unit.simulator.test_codec import JIDS, NODES, TEXTS

from oxy_simulator import sessions
from oxy_simulator.codec import MAX_INFLATED, decode, encode
from oxy_simulator.errors import FrameError
from oxy_simulator.frames import CONNECTION_HEADER, pack_frame
from oxy_simulator.iqs import _HANDLERS as REQUESTS
from oxy_simulator.jid import SERVER_JID, Jid
from oxy_simulator.network import State
from oxy_simulator.node import Attrs, Node, node

MakeWorld = Callable[[State], World]

FUZZ = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PEOPLE = st.sampled_from(
    [Jid(BOT, "s.whatsapp.net"), Jid(ANA, "s.whatsapp.net", 1), Jid("1", "lid"), Jid("1", "g.us"), SERVER_JID]
)
WORDS = st.sampled_from(
    ["text", "retry", "read", "sender", "message", "receipt", "set", "get", "result", "1", "-1", "99999999999999999999"]
)
VALUES = st.one_of(PEOPLE, WORDS, TEXTS, JIDS)
NAMES = st.sampled_from(
    [
        "id",
        "to",
        "from",
        "type",
        "class",
        "jid",
        "count",
        "recipient",
        "participant",
        "category",
        "error",
        "code",
        "name",
    ]
)
CHILD_TAGS = st.sampled_from(
    [
        "enc",
        "to",
        "participants",
        "list",
        "item",
        "retry",
        "keys",
        "key",
        "skey",
        "user",
        "registration",
        "identity",
        "value",
        "signature",
        "device-identity",
        "collection",
        "sync",
        "query",
        "usync",
        "privacy",
        "category",
        "composing",
    ]
)
LEAVES = st.builds(
    Node, CHILD_TAGS, st.dictionaries(NAMES, VALUES, max_size=4), st.one_of(st.none(), st.binary(max_size=40))
)
TREES = st.recursive(
    LEAVES,
    lambda children: st.builds(
        Node, CHILD_TAGS, st.dictionaries(NAMES, VALUES, max_size=3), st.lists(children, min_size=1, max_size=3)
    ),
    max_leaves=6,
)


def rules(world: World) -> set[str]:
    """Return the rules that were broken, and forget them."""
    found = {violation.rule for violation in world.network.state.violations}
    world.network.state.violations.clear()
    return found


def online(world: World) -> MemoryClient:
    client = world.online()
    client.received()
    return client


@given(data=st.lists(st.binary(min_size=1, max_size=200), max_size=5), framed=st.booleans())
@FUZZ
def test_bytes_instead_of_a_handshake(make_world: MakeWorld, data: list[bytes], framed: bool) -> None:  # noqa: FBT001
    world = make_world(State())
    outbox = MemoryOutbox()
    connection = sessions.open_connection(world.network, outbox, world.identity)
    for chunk in [CONNECTION_HEADER, *map(pack_frame, data)] if framed else data:
        sessions.receive(world.network, connection, chunk)
    assert rules(world) <= {"broken-stream"}
    assert connection.closed == (outbox.ended == "aborted")


def test_a_frame_before_the_login_may_not_be_large(world: World) -> None:
    outbox = MemoryOutbox()
    connection = sessions.open_connection(world.network, outbox, world.identity)
    sessions.receive(world.network, connection, CONNECTION_HEADER + (65537).to_bytes(3, "big"))
    assert (outbox.ended, rules(world)) == ("aborted", {"broken-stream"})


@given(data=st.binary(max_size=200))
@FUZZ
def test_bytes_instead_of_a_stanza(make_world: MakeWorld, data: bytes) -> None:
    world = make_world(State())
    client = online(world)
    client.send_bytes(data)
    assert rules(world) <= {"broken-stream", "unknown-stanza", "bad-stanza"}


def test_a_small_frame_that_inflates_without_end_is_refused() -> None:
    bomb = zlib.compress(bytes(MAX_INFLATED + 1), 9)
    with pytest.raises(FrameError, match="inflates to more than"):
        decode(b"\x02" + bomb)
    text = encode(node("iq", {}, b"x" * 100_000))[1:]
    assert len(decode(b"\x02" + zlib.compress(text)).data) == 100_000


def test_a_node_may_not_be_nested_without_end() -> None:
    stanza = node("iq")
    for _ in range(500):
        stanza = node("iq", {}, [stanza])
    with pytest.raises(FrameError, match="nested"):
        decode(encode(stanza))


@given(stanza=NODES)
@FUZZ
def test_any_stanza(make_world: MakeWorld, stanza: Node) -> None:
    world = make_world(State())
    online(world).send(stanza)
    assert "simulator-error" not in rules(world)


@given(
    tag=st.sampled_from(["message", "receipt", "ack", "presence", "chatstate", "ib", "notification", "call", "iq"]),
    attrs=st.dictionaries(NAMES, VALUES, max_size=8),
    content=st.one_of(st.none(), st.binary(max_size=20), st.lists(TREES, max_size=3)),
)
@settings(FUZZ, max_examples=100)
def test_stanzas_that_look_almost_right(
    make_world: MakeWorld, tag: str, attrs: dict[str, str | Jid], content: bytes | list[Node] | None
) -> None:
    world = make_world(State())
    client = online(world)
    client.send(Node(tag, {"id": "1", **attrs}, content))
    assert "simulator-error" not in rules(world)


@given(request=st.sampled_from(sorted(REQUESTS)), children=st.lists(TREES, max_size=4), value=st.binary(max_size=40))
@settings(FUZZ, max_examples=100)
def test_requests_that_look_almost_right(
    make_world: MakeWorld, request: tuple[str, str, str], children: list[Node], value: bytes
) -> None:
    world = make_world(State())
    client = online(world)
    xmlns, kind, tag = request
    attrs: Attrs = {"id": "1", "to": SERVER_JID, "xmlns": xmlns, "type": kind}
    child = [Node(tag, {}, children or value)] if tag else []
    client.send(node("iq", attrs, [*child, *children]))
    assert "simulator-error" not in rules(world)
