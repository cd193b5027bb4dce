"""A contact who changes the number stays one customer; strangers are never taken for one."""

from collections.abc import Sequence

import pytest
from integration.ai.engine_database import ORGANIZATION, Database, Row, at, ingest, item

OLD, NEW, NEWEST = (f"551191234000{number}@s.whatsapp.net" for number in (1, 2, 3))
LID, OTHER_LID = "7001@lid", "7002@lid"
CONVERSATIONS = """
select v.chat, c.phone, array(select m.whatsapp_id from messages m where m.conversation_id = v.id order by m.place)
from conversations v join contacts c on c.id = v.contact_id where v.merged_into is null order by v.id
"""


def phone(jid: str) -> str:
    return "+" + jid.partition("@")[0]


def said(number: int, chat: str, alias: str | None = None, **changes: object) -> Row:
    plain = chat if "lid" not in chat else alias
    addresses = {"chat": chat, "sender": chat, "chat_alias": alias}
    report = item(number, whatsapp_id=f"C{number}", sent_at=str(at(number)), **addresses | changes)
    return report | ({} if plain is None else {"phone": phone(plain), "phone_key": phone(plain)})


def changed(number: int, old: str = OLD, new: str = NEW, **lids: str) -> Row:
    report = item(number)
    body = {"type": "number_changed", "old": old, "new": new, "at": str(at(number))} | lids
    key = {"phone": phone(new), "phone_key": phone(new)}
    return report | key | {"report": report["report"] | {"body": body}}


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 1, 3), (2, 3, 1)], ids=str)
@pytest.mark.parametrize(
    "lids", [{}, {"old_lid": LID, "new_lid": LID}, {"old_lid": LID, "new_lid": OTHER_LID}], ids=str
)
def test_the_customer_keeps_history_and_is_reached_under_the_new_number(
    engine: Database, order: Sequence[int], lids: dict[str, str]
) -> None:
    old = said(1, LID, OLD) if lids else said(1, OLD)
    late = said(2, LID, OLD) if lids else said(2, OLD)
    new = said(4, lids["new_lid"], NEW) if lids else said(4, NEW)
    ingest(engine, old)
    for index in order:
        ingest(engine, [late, changed(3, **lids), new][index - 1])
    reached = lids.get("new_lid", NEW)
    assert engine.rows(CONVERSATIONS) == [(reached, phone(NEW), ["C1", "C2", "C4"])]
    addresses = {jid for (jid,) in engine.rows("select jid from chat_alias")}
    assert addresses == {NEW, *([lids["new_lid"]] if lids else [])}
    assert engine.value("count(*) from ledger(%s, '0 s') where wrong is not null", ORGANIZATION) == 0


def test_a_number_that_is_given_to_somebody_else_is_another_customers(engine: Database) -> None:
    ingest(engine, said(1, OLD), changed(2), said(3, OLD), said(4, NEW))
    assert engine.rows(CONVERSATIONS) == [(NEW, phone(NEW), ["C1", "C4"]), (OLD, phone(OLD), ["C3"])]


def test_an_alias_that_lags_behind_does_not_bring_the_old_number_back(engine: Database) -> None:
    ingest(engine, said(1, LID, OLD), changed(2), said(3, LID, OLD), said(4, LID, NEW))
    assert engine.rows(CONVERSATIONS) == [(LID, phone(NEW), ["C1", "C3", "C4"])]


def test_numbers_may_change_again_and_back(engine: Database) -> None:
    ingest(engine, said(1, OLD), changed(2), said(3, NEW), changed(4, NEW, NEWEST), changed(5, NEWEST, OLD))
    ingest(engine, said(6, OLD))
    assert engine.rows(CONVERSATIONS) == [(OLD, phone(OLD), ["C1", "C3", "C6"])]


SEPARATE: dict[str, list[Row]] = {
    "the new number has a history": [said(1, OLD), said(2, NEW), changed(3)],
    "both have a hidden address": [said(1, LID, OLD), changed(3), said(4, OTHER_LID, NEW)],
    "the new hidden address is another than the old": [said(1, LID, OLD), said(4, OTHER_LID, NEW), changed(3)],
    "nothing is known of the old one": [changed(3), said(4, NEW), said(5, OLD)],
}


@pytest.mark.parametrize("case", SEPARATE)
def test_strangers_are_never_merged(engine: Database, case: str) -> None:
    ingest(engine, *SEPARATE[case])
    found = engine.rows(CONVERSATIONS)
    assert len(found) == 2
    assert all(len(names) == 1 for _, _, names in found)


@pytest.mark.parametrize("owner", [OLD, NEW])
def test_an_owner_of_the_business_stays_as_the_settings_say(engine: Database, owner: str) -> None:
    engine.rows("update instances set owner_keys = array[%s]", phone(owner))
    ingest(engine, said(1, OLD), changed(2), said(3, NEW))
    assert [names for _, _, names in engine.rows(CONVERSATIONS)] == [["C1"], ["C3"]]


def test_what_is_still_to_be_sent_goes_to_the_new_number(engine: Database) -> None:
    ingest(engine, said(1, OLD))
    engine.rows("""
        insert into outbox (organization_id, id, instance_id, conversation_id, part, chat, body)
        select organization_id, organization_id, instance_id, id, 3, chat, 'Olá' from conversations
    """)
    ingest(engine, changed(2))
    assert engine.rows("select chat from outbox") == [(NEW,)]
