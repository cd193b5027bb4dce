import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from unit.tenant.test_classification import ENVELOPES, jid

from oxy_core.identity import Jid
from oxy_tenant.links.events import CallMissed
from oxy_tenant.links.neonize.calls import CALL_EVENTS, Calls
from oxy_tenant.own_account import OwnAccount

OFFER, ACCEPT, NOTICE, TERMINATE = 36, 37, 40, 42
MOMENT = 1_772_366_400


def calls() -> Calls:
    return Calls(OwnAccount(frozenset({"999"})).owns)


def meta(call_id: str = "C1", caller: str = "111@lid", alias: str = "5511911111111@s.whatsapp.net") -> Message:
    return ENVELOPES.BasicCallMeta(
        **{"from": jid(caller)}, timestamp=MOMENT, callCreator=jid(caller), callCreatorAlt=jid(alias), callID=call_id
    )


def take(
    known: Calls, number: int, call_id: str = "C1", reason: str = "", caller: str = "111@lid"
) -> CallMissed | None:
    about, remote = meta(call_id, caller), ENVELOPES.CallRemoteMeta(remotePlatform="", remoteVersion="")
    data = ENVELOPES.Node(Tag="call", Nil=False, Nodes=[ENVELOPES.Node(Tag="video", Nil=True)])
    events = {
        OFFER: ENVELOPES.CallOffer(basicCallMeta=about, callRemoteMeta=remote, data=data),
        ACCEPT: ENVELOPES.CallAccept(basicCallMeta=about, callRemoteMeta=remote, data=data),
        NOTICE: ENVELOPES.CallOfferNotice(basicCallMeta=about, media="audio", type="group", data=data),
        TERMINATE: ENVELOPES.CallTerminate(basicCallMeta=about, reason=reason, data=data),
    }
    return known.missed(ENVELOPES, number, events[number].SerializeToString())


@pytest.mark.parametrize("reason", ["timeout", "", "whatever is new"])
def test_a_call_that_nobody_answers_is_missed_once(reason: str) -> None:
    known = calls()
    assert take(known, OFFER) is None
    missed = take(known, TERMINATE, reason=reason)
    assert missed is not None
    assert (missed.call_id, missed.chat, missed.video, missed.group) == ("C1", Jid.parse("111@lid"), True, False)
    assert missed.chat_alias == Jid.parse("5511911111111@s.whatsapp.net")
    assert take(known, TERMINATE) is None


@pytest.mark.parametrize("reason", ["accepted_elsewhere", "rejected_elsewhere"])
def test_a_call_that_the_phone_took_or_declined_is_not_missed(reason: str) -> None:
    known = calls()
    take(known, OFFER)
    assert take(known, TERMINATE, reason=reason) is None


def test_an_accepted_call_is_not_missed() -> None:
    known = calls()
    take(known, OFFER)
    take(known, ACCEPT)
    assert take(known, TERMINATE) is None


def test_a_call_that_rang_before_we_started_is_missed_only_if_it_rang_in_vain() -> None:
    assert take(calls(), TERMINATE) is None
    assert take(calls(), TERMINATE, reason="timeout") is not None


def test_a_missed_call_in_a_group_says_so() -> None:
    known = calls()
    take(known, NOTICE)
    missed = take(known, TERMINATE)
    assert missed is not None
    assert missed.group


def test_own_calls_are_not_missed() -> None:
    known = calls()
    take(known, OFFER, caller="999@lid")
    assert take(known, TERMINATE, caller="999@lid", reason="timeout") is None


def test_only_so_many_ringing_calls_are_remembered() -> None:
    known = calls()
    for number in range(101):
        take(known, OFFER, f"C{number}")
    assert take(known, TERMINATE, "C0") is None
    assert take(known, TERMINATE, "C1") is not None


@given(number=st.sampled_from(sorted(CALL_EVENTS)), data=st.binary(max_size=80))
def test_no_event_about_a_call_raises(number: int, data: bytes) -> None:
    calls().missed(ENVELOPES, number, data)
