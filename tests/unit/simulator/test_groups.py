"""Groups and status posts: sender keys, who is told and asked, in memory."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.simulator.memory import MemoryClient, World

from oxy_simulator import actions, groups, rooms, sending
from oxy_simulator.accounts import Account
from oxy_simulator.devices import device_jids, participant_hash
from oxy_simulator.errors import DecryptionError, DuplicateCiphertextError, RequestError
from oxy_simulator.jid import GROUP_SERVER_JID, STATUS_JID, Jid
from oxy_simulator.network import Group
from oxy_simulator.node import Attrs, Node, node
from oxy_simulator.proto.message_pb2 import Message
from oxy_simulator.senderkeys import ReceivedSenderKey, SenderKey


@pytest.fixture
def client(world: World) -> MemoryClient:
    made = world.online()
    made.received()
    return made


@pytest.fixture
def group(world: World, client: MemoryClient) -> Group:
    """Ana's group with the bot."""
    made = groups.create_group(world.network, world.ana, "Família", [world.bot])
    client.received()
    return made


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.permutations(range(6)))
def test_group_messages_are_read_in_any_order_and_once(order: list[int]) -> None:
    key = SenderKey()
    reader = ReceivedSenderKey.read(key.distribution())
    sent = [key.encrypt(str(number).encode()) for number in range(6)]
    assert [reader.decrypt(sent[number]) for number in order] == [str(number).encode() for number in order]
    with pytest.raises(DuplicateCiphertextError):
        reader.decrypt(sent[order[0]])


def test_a_late_reader_reads_from_there_on_and_a_forger_is_refused() -> None:
    key = SenderKey()
    first = key.encrypt(b"um")
    reader = ReceivedSenderKey.read(key.distribution())
    second = key.encrypt(b"dois")
    with pytest.raises(DuplicateCiphertextError):
        reader.decrypt(first)
    with pytest.raises(DecryptionError, match="signature"):
        reader.decrypt(second[:-1] + bytes((second[-1] ^ 1,)))
    with pytest.raises(DecryptionError, match="another sender key"):
        reader.decrypt(SenderKey().encrypt(b"x"))
    assert reader.decrypt(second) == b"dois"
    with pytest.raises(DecryptionError):
        ReceivedSenderKey.read(b"\x33")


def read_in_room(client: MemoryClient, stanza: Node, keys: dict[str, ReceivedSenderKey]) -> str:
    """Read a group message as clients do."""
    pairwise, shared = stanza.children[0], stanza.children[-1]
    author = stanza.jid("participant")
    if pairwise is not shared:
        as_direct = Node("message", {**stanza.attrs, "from": author}, [pairwise])
        distribution = client.read(as_direct).sender_key_distribution_message
        keys[str(author)] = ReceivedSenderKey.read(distribution.axolotl_sender_key_distribution_message)
    return Message.FromString(keys[str(author)].decrypt(shared.data)).conversation


def test_a_phone_writes_in_a_group_and_gives_its_key_once(world: World, client: MemoryClient, group: Group) -> None:
    keys: dict[str, ReceivedSenderKey] = {}
    ids = [rooms.write_to_group(world.network, world.ana, group, sending.text_message(text)) for text in ("um", "dois")]
    first, second = client.received()
    assert [len(first.children), len(second.children)] == [2, 1]
    assert (first.jid("from"), first.jid("participant"), first.jid("participant_pn")) == (
        group.jid,
        world.ana.lid,
        world.ana.pn,
    )
    assert [read_in_room(client, stanza, keys) for stanza in (first, second)] == ["um", "dois"]
    assert [entry.chat for entry in world.bot.inbox] == [str(group.jid)] * 2
    for stanza in (first, second):
        attrs: Attrs = {"to": group.jid, "participant": world.ana.lid, "id": stanza.text("id")}
        client.send(node("receipt", attrs))
    lines = [line for line in world.network.state.ledger if line.id in ids]
    assert all("receipted" in line.stages for line in lines)
    assert not any(key.startswith("message") and "g.us" in key for key in world.bot.devices[1].mailbox)


def test_what_a_device_cannot_read_in_a_group_comes_again_for_it_alone(
    world: World, client: MemoryClient, group: Group
) -> None:
    sent = rooms.write_to_group(world.network, world.ana, group, sending.text_message("um"))
    (message,) = client.received()
    attrs: Attrs = {"to": group.jid, "participant": world.ana.lid, "id": sent, "type": "retry"}
    retry = node("retry", {"count": 1, "id": sent, "t": message.text("t"), "v": 1})
    client.send(node("receipt", attrs, [retry, node("registration", content=bytes(4))]))
    (again,) = [stanza for stanza in client.received() if stanza.tag == "message"]
    assert (again.jid("from"), again.require("enc").text("count")) == (group.jid, "1")
    direct = Node("message", {**again.attrs, "from": world.ana.lid}, again.children)
    read = client.read(direct)
    assert (read.conversation, read.HasField("sender_key_distribution_message")) == ("um", True)


def send_in_group(client: MemoryClient, group: Group, member: Account, key: SenderKey, text: str) -> list[Node]:
    distribution = Message()
    distribution.sender_key_distribution_message.group_id = str(group.jid)
    distribution.sender_key_distribution_message.axolotl_sender_key_distribution_message = key.distribution()
    named = []
    if member.lid_user not in key.holders:
        key.holders.add(member.lid_user)
        named = [node("to", {"jid": member.lid}, [client.encrypt(member, distribution)])]
        client.received()
    shared = node("enc", {"v": "2", "type": "skmsg"}, key.encrypt(Message(conversation=text).SerializeToString()))
    attrs: Attrs = {"to": group.jid, "id": f"3EB0{text}", "type": "text", "addressing_mode": "lid"}
    everyone = [*device_jids(member, by_lid=True), client.lid.bare, client.lid]
    attrs = {**attrs, "phash": participant_hash(everyone)}
    client.send(node("message", attrs, [node("participants", content=named), shared]))
    return client.received()


def test_a_device_writes_in_a_group_and_members_confirm_by_one_receipt(
    world: World, client: MemoryClient, group: Group
) -> None:
    bia = Account("5511922222222", "Bia")
    world.network.add_account(bia)
    groups.change_members(world.network, group, [bia], [])
    client.received()
    key = SenderKey()
    key.holders.add(bia.lid_user)
    stanzas = send_in_group(client, group, world.ana, key, "oi")
    ack = next(stanza for stanza in stanzas if stanza.tag == "ack")
    everyone = [jid for member in (world.ana, world.bot, bia) for jid in device_jids(member, by_lid=True)]
    assert ack.text("phash") == participant_hash(everyone)
    assert (world.ana.inbox[-1].chat, world.ana.inbox[-1].text) == (str(group.jid), "oi")
    confirmed = next(stanza for stanza in stanzas if stanza.tag == "receipt" and "type" not in stanza.attrs)
    users = confirmed.require("participants")
    assert (users.text("key"), [user.jid("jid") for user in users.children]) == ("3EB0oi", [world.ana.lid])
    asking = {stanza.jid("participant") for stanza in stanzas if stanza.attrs.get("type") == "retry"}
    assert asking == {bia.lid, world.bot.lid}
    again: Attrs = {"to": group.jid, "participant": bia.lid, "id": "3EB0oi", "type": "text"}
    client.send(node("message", again, [client.encrypt(bia, Message(conversation="oi"))]))
    assert bia.inbox[-1].text == "oi"


def test_groups_are_described_to_their_members_alone(world: World, client: MemoryClient, group: Group) -> None:
    asked: Attrs = {"to": group.jid, "id": "g", "xmlns": "w:g2", "type": "get"}
    client.send(node("iq", asked, [node("query", {"request": "interactive"})]))
    (answer,) = client.received()
    described = answer.require("group")
    assert (described.text("subject"), described.text("addressing_mode")) == ("Família", "lid")
    assert [part.jid("phone_number") for part in described.all("participant")] == [world.ana.pn, world.bot.pn]
    listing = {**asked, "to": GROUP_SERVER_JID}
    client.send(node("iq", listing, [node("participating")]))
    assert len(client.received()[0].require("groups").children) == 1
    groups.change_members(world.network, group, [], [world.bot])
    (notice,) = client.received()
    assert (notice.text("type"), notice.require("remove", "participant").jid("jid")) == ("w:gp2", world.bot.lid)
    client.send(node("iq", asked, [node("query", {"request": "interactive"})]))
    assert client.received()[0].require("error").text("code") == "403"
    client.send(node("iq", {**asked, "to": Jid("1", "g.us")}, [node("query")]))
    assert client.received()[0].require("error").text("code") == "404"
    client.send(node("message", {"to": group.jid, "id": "3EB0", "type": "text"}, [node("participants")]))
    assert client.received()[0].text("error") == "403"
    assert [violation.rule for violation in world.network.state.violations] == ["unknown-recipient"]
    world.network.state.violations.clear()


def test_a_status_post_reaches_contacts(world: World, client: MemoryClient) -> None:
    sending.send_message(world.network, world.ana, world.bot, sending.text_message("oi"), "3A01")
    client.received()
    actions.act(world.network, world.ana, "status", actions.PostStatus(text="promoção"))
    (post,) = client.received()
    assert (post.jid("from"), post.jid("participant")) == (STATUS_JID, world.ana.lid)
    assert read_in_room(client, post, {}) == "promoção"


def test_a_newsletter_comes_unencrypted(world: World, client: MemoryClient) -> None:
    actions.act(world.network, world.bot, "newsletter", actions.ReadNewsletter(newsletter="120363144", text="novas"))
    (post,) = client.received()
    assert post.jid("from") == Jid("120363144", "newsletter")
    assert Message.FromString(post.require("plaintext").data).conversation == "novas"
    client.acknowledge(post)


def test_only_members_write_in_a_group_that_exists(world: World, group: Group) -> None:
    bia = Account("5511922222222", "Bia")
    world.network.add_account(bia)
    with pytest.raises(RequestError, match="add it first"):
        actions.act(world.network, bia, "group-message", actions.WriteToGroup(group=group.id, text="oi"))
    with pytest.raises(RequestError, match="POST /groups"):
        actions.act(world.network, bia, "group-message", actions.WriteToGroup(group="1@g.us", text="oi"))


def ask_group(client: MemoryClient, to: Jid, change: Node) -> tuple[Node, list[Node]]:
    """Ask for a change; return the answer and what else came."""
    client.send(node("iq", {"to": to, "id": "change", "xmlns": "w:g2", "type": "set"}, [change]))
    stanzas = client.received()
    (answer,) = [stanza for stanza in stanzas if stanza.tag == "iq"]
    return answer, [stanza for stanza in stanzas if stanza is not answer]


def test_a_member_names_a_group_and_everyone_is_told(world: World, client: MemoryClient, group: Group) -> None:
    answer, (notice,) = ask_group(client, group.jid, node("subject", content="Família Silva".encode()))
    assert answer.text("type") == "result"
    told = notice.require("subject")
    assert (told.text("subject"), told.jid("s_o")) == ("Família Silva", world.bot.lid)
    assert notice.jid("participant") == world.bot.lid
    assert groups.query(world.network, client.connection, node("iq", {"to": group.jid}))[0].jid("s_o") == world.bot.lid
    for name in ("", "x" * 26):
        answer, others = ask_group(client, group.jid, node("subject", content=name.encode()))
        assert (answer.require("error").text("code"), others) == ("406", [])
    assert group.subject == "Família Silva"


def test_a_member_adds_whom_it_can_and_hears_why_not(world: World, client: MemoryClient, group: Group) -> None:
    bia = Account("5511922222222", "Bia")
    world.network.add_account(bia)
    jids = [bia.lid, world.ana.lid, Jid("5511900009999", "s.whatsapp.net")]
    change = node("add", content=[node("participant", {"jid": jid}) for jid in jids])
    answer, (notice,) = ask_group(client, group.jid, change)
    errors = [each.attrs.get("error") for each in answer.require("add").all("participant")]
    assert errors == [None, "409", "404"]
    assert [each.jid("jid") for each in notice.require("add").children] == [bia.lid]
    assert group.members == [world.ana.phone, world.bot.phone, bia.phone]


def test_only_the_creator_removes_and_the_keys_change(world: World, client: MemoryClient, group: Group) -> None:
    bia = Account("5511922222222", "Bia")
    world.network.add_account(bia)
    groups.change_members(world.network, group, [bia], [])
    client.received()
    remove = node("remove", content=[node("participant", {"jid": bia.lid})])
    answer, others = ask_group(client, group.jid, remove)
    assert (answer.require("error").text("code"), others) == ("403", [])
    own = groups.create_group(world.network, world.bot, "Equipe", [world.ana, bia])
    client.received()
    rooms.write_to_group(world.network, world.ana, own, sending.text_message("um"))
    before = world.ana.sender_keys[str(own.jid)].id
    answer, _ = ask_group(client, own.jid, remove)
    assert [each.attrs.get("error") for each in answer.require("remove").children] == [None]
    assert own.members == [world.bot.phone, world.ana.phone]
    rooms.write_to_group(world.network, world.ana, own, sending.text_message("dois"))
    assert world.ana.sender_keys[str(own.jid)].id != before, "who left must not read on"


def test_a_member_leaves_and_is_refused_afterwards(world: World, client: MemoryClient, group: Group) -> None:
    leave = node("leave", content=[node("group", {"id": group.jid})])
    answer, (notice,) = ask_group(client, GROUP_SERVER_JID, leave)
    assert answer.text("type") == "result"
    assert notice.require("remove", "participant").jid("jid") == world.bot.lid
    assert group.members == [world.ana.phone]
    answer, others = ask_group(client, GROUP_SERVER_JID, leave)
    assert (answer.require("error").text("code"), others) == ("403", [])


def test_a_phone_asks_for_a_group_message_five_times(world: World, client: MemoryClient, group: Group) -> None:
    counts = []
    for count in range(7):
        enc = node("enc", {"v": "2", "type": "msg", "count": count}, b"\x33garbage-of-some-length")
        attrs: Attrs = {"to": group.jid, "participant": world.ana.lid, "id": "3EB0G", "type": "text"}
        client.send(node("message", attrs, [enc]))
        counts += [each.require("retry").text("count") for each in client.received() if each.tag == "receipt"]
    assert counts == ["1", "2", "3", "4", "5"]
