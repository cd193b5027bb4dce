"""What a phone tells its own devices: history, messages again, mappings of numbers to LIDs."""

import zlib

import pytest
from unit.simulator.memory import BOT, MemoryClient, World

from oxy_simulator import actions, history, peers, sending
from oxy_simulator.jid import Jid
from oxy_simulator.logins import DeviceDescription
from oxy_simulator.node import Node, node
from oxy_simulator.proto.history_pb2 import (
    HistorySync,
    LIDMigrationMappingSyncPayload,
    PeerDataOperationRequestMessage,
    PeerMessage,
    WebMessageInfo,
)
from oxy_simulator.proto.message_pb2 import Message, MessageKey


@pytest.fixture
def texts(world: World) -> list[str]:
    """Messages of a day: Ana's, and one answer from the bot's own phone."""
    ids = []
    for text in ("um", "dois", "três"):
        world.clock.now += 60
        ids.append(say(world, text))
    ids.append(sending.send_message(world.network, world.bot, world.ana, sending.text_message("quatro"), "3AF0"))
    return ids


@pytest.fixture
def client(world: World, texts: list[str]) -> MemoryClient:
    made = world.online()
    made.received()
    return made


def say(world: World, text: str) -> str:
    return sending.send_message(
        world.network, world.ana, world.bot, sending.text_message(text), sending.new_message_id()
    )


def peer_messages(client: MemoryClient, stanzas: list[Node]) -> list[PeerMessage]:
    messages = [stanza for stanza in stanzas if stanza.tag == "message" and "category" in stanza.attrs]
    return [PeerMessage.FromString(client.read(stanza).SerializeToString()) for stanza in messages]


def blob(message: PeerMessage) -> HistorySync:
    notification = message.protocol_message.history_sync_notification
    return HistorySync.FromString(zlib.decompress(notification.initial_hist_bootstrap_inline_payload))


def ask_phone(world: World, client: MemoryClient, request: PeerDataOperationRequestMessage) -> list[PeerMessage]:
    message = PeerMessage()
    message.protocol_message.type = peers.REQUEST
    message.protocol_message.peer_data_operation_request_message.CopyFrom(request)
    enc = client.encrypt(world.bot, Message.FromString(message.SerializeToString()))
    client.received()
    to = Jid(BOT, "s.whatsapp.net")
    client.send(node("message", {"to": to, "id": "3EBA", "type": "text", "category": "peer"}, [enc]))
    return peer_messages(client, client.received())


def link_with(world: World, description: DeviceDescription) -> list[HistorySync]:
    client = world.linked()
    world.bot.devices[client.jid.device].described = description
    return [
        blob(message)
        for message in peer_messages(client, client.go_online())
        if message.protocol_message.HasField("history_sync_notification")
    ]


def words(sync: HistorySync) -> list[str]:
    return [entry.message.message.conversation for chat in sync.conversations for entry in chat.messages]


def test_a_phone_says_that_it_has_no_history_unless_it_is_set_to_share_it(world: World, texts: list[str]) -> None:
    (bootstrap,) = link_with(world, DeviceDescription(full_history=True))
    assert (bootstrap.sync_type, bootstrap.conversations[:], bootstrap.pushnames[:]) == (
        history.INITIAL_BOOTSTRAP,
        [],
        [],
    )


def test_recent_history_comes_with_names_and_mappings(world: World, texts: list[str]) -> None:
    actions.act(world.network, world.bot, "history", actions.ShareHistory())
    bootstrap, names = link_with(world, DeviceDescription(full_history=True))
    assert (bootstrap.sync_type, names.sync_type) == (history.INITIAL_BOOTSTRAP, history.PUSH_NAMES)
    assert words(bootstrap) == ["quatro", "três", "dois", "um"]
    (chat,) = bootstrap.conversations
    assert chat.id == str(world.ana.lid)
    newest, oldest = chat.messages[0].message, chat.messages[-1].message
    assert (newest.key.from_me, newest.key.id, oldest.key.from_me) == (True, "3AF0", False)
    assert len(oldest.message_secret) == 32
    (mapping,) = bootstrap.phone_number_to_lid_mappings
    assert (mapping.pn_jid, mapping.lid_jid) == (str(world.ana.pn), str(world.ana.lid))
    assert [(name.id, name.pushname) for name in names.pushnames] == [(str(world.ana.lid), "Ana")]


@pytest.mark.parametrize(("wants", "kinds"), [(True, [0, 4, 2]), (False, [0, 4])])
def test_all_history_comes_only_if_the_device_wants_it(
    world: World, texts: list[str], *, wants: bool, kinds: list[int]
) -> None:
    actions.act(world.network, world.bot, "history", actions.ShareHistory(share="full"))
    assert [sync.sync_type for sync in link_with(world, DeviceDescription(full_history=wants))] == kinds


def test_a_device_may_limit_the_days(world: World, texts: list[str]) -> None:
    actions.act(world.network, world.bot, "history", actions.ShareHistory())
    world.clock.now += 3 * 86400
    say(world, "depois")
    bootstrap, _ = link_with(world, DeviceDescription(recent_days=2))
    assert words(bootstrap) == ["depois"]


def test_a_phone_hands_a_message_over_again(world: World, client: MemoryClient, texts: list[str]) -> None:
    key = MessageKey(remote_jid=str(world.ana.lid), from_me=False, id=texts[0])
    unknown = MessageKey(remote_jid="nobody@lid", id="3A00")
    wanted = PeerDataOperationRequestMessage.PlaceholderMessageResendRequest
    request = PeerDataOperationRequestMessage(
        peer_data_operation_request_type=peers.PLACEHOLDER_RESEND,
        placeholder_message_resend_request=[wanted(message_key=key), wanted(message_key=unknown)],
    )
    (answer,) = ask_phone(world, client, request)
    response = answer.protocol_message.peer_data_operation_request_response_message
    assert (answer.protocol_message.type, response.stanza_id) == (peers.RESPONSE, "3EBA")
    (result,) = response.peer_data_operation_result
    message = WebMessageInfo.FromString(result.placeholder_message_resend_response.web_message_info_bytes)
    assert (message.key.id, message.message.conversation, message.push_name) == (texts[0], "um", "Ana")


@pytest.mark.parametrize(("count", "expected", "at_end"), [(2, ["dois", "um"], True), (1, ["dois"], False)])
def test_earlier_history_comes_on_demand(  # noqa: PLR0913 - fixtures and a table's columns
    world: World, client: MemoryClient, texts: list[str], *, count: int, expected: list[str], at_end: bool
) -> None:
    request = PeerDataOperationRequestMessage(peer_data_operation_request_type=peers.HISTORY_ON_DEMAND)
    request.history_sync_on_demand_request.chat_jid = str(world.ana.lid)
    request.history_sync_on_demand_request.oldest_msg_id = texts[2]
    request.history_sync_on_demand_request.on_demand_msg_count = count
    (answer,) = ask_phone(world, client, request)
    assert answer.protocol_message.history_sync_notification.peer_data_request_session_id == "3EBA"
    sync = blob(answer)
    assert (sync.sync_type, words(sync)) == (history.ON_DEMAND, expected)
    assert sync.conversations[0].end_of_history_transfer is at_end


def test_an_unknown_request_to_the_phone_is_a_violation(world: World, client: MemoryClient) -> None:
    assert ask_phone(world, client, PeerDataOperationRequestMessage(peer_data_operation_request_type=99)) == []
    assert [violation.rule for violation in world.network.state.violations] == ["unknown-peer-request"]
    world.network.state.violations.clear()


def test_the_mapping_of_contacts_is_told_to_the_devices(world: World, client: MemoryClient) -> None:
    actions.act(world.network, world.bot, "lid-mapping", actions.ShareMapping())
    (told,) = peer_messages(client, client.received())
    encoded = told.protocol_message.lid_migration_mapping_sync_message.encoded_mapping_payload
    (mapping,) = LIDMigrationMappingSyncPayload.FromString(encoded).pn_to_lid_mappings
    assert (str(mapping.pn), str(mapping.assigned_lid)) == (world.ana.phone, world.ana.lid_user)
