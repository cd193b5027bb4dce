"""Campaigns: what a file may say, when a text leaves, and who does not get it."""

import hashlib
from datetime import date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from oxy_ai.aurora.customers.campaign_results import caption_of, chart_of, reason_words
from oxy_ai.aurora.customers.named_campaigns import meant, state_words
from oxy_ai.automations.wording import people_of
from oxy_ai.campaign_admin import ReceivedCampaign, media_of, read_campaign_order
from oxy_ai.campaigns.allowance import allowance_of
from oxy_ai.campaigns.campaign_text import message_of
from oxy_ai.campaigns.criteria import condition_of
from oxy_ai.campaigns.delivery import (
    RecipientNow,
    Send,
    Skip,
    Step,
    Void,
    Wait,
    again_at,
    next_step,
    spread_of,
    words_for,
)
from oxy_ai.campaigns.document import read_campaign, said_in
from oxy_ai.campaigns.plan import Campaign, Said, digest_of, expiry_of, objection_to_times
from oxy_ai.campaigns.results import Results
from oxy_ai.errors import AdministrationError
from oxy_ai.petshop.segments import AUDIENCE, PetSegment, listed
from oxy_ai.records import Shown
from oxy_ai.reputation import Reputation
from oxy_ai.sanitize import called
from oxy_ai.text_templates import Filled, fill
from oxy_core.campaign_command import CampaignOrder, CampaignVerb, MediaOrder
from oxy_core.envelopes import Lane
from oxy_core.instance.settings import LimitsSettings
from oxy_core.outbound import FileContent, FileKind

ZONE = ZoneInfo("America/Sao_Paulo")
NOW = datetime(2026, 12, 1, 10, tzinfo=ZONE)
EXAMPLE = Path(__file__).parents[3] / "examples/campaign.yaml"
IMAGE = FileContent(kind=FileKind.IMAGE, media_id=UUID(int=1), mime="image/png", size=10, sha256="a" * 64)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def test_the_example_is_a_campaign() -> None:
    file = read_campaign(EXAMPLE.read_text(), AUDIENCE)
    assert isinstance(file.segment, PetSegment)
    said = said_in(file, file.segment, None, ZONE)
    assert said.segment == {"sem_vir_ha_dias": 60, "especie": "cachorro"}
    assert (said.hours, said.cap, said.expires_at) == ("09:00-18:00", 300, None)
    assert objection_to_times(said, NOW, LimitsSettings()) is None


GOOD = {
    "name": "x",
    "segment": "{}",
    "text": "Oi, {nome|tudo bem}!",
    "consent": "{basis: opted_in, source: formulário}",
}

WRONG: list[tuple[dict[str, str | None], str]] = [
    ({"text": "Oi {telefone}"}, "line 3, text: write a variable as {nome} or {nome|tudo bem}"),
    ({"text": "'Oi {nome'"}, "line 3, text: write a variable"),
    ({"text": "x" * 1001}, "line 3, text: String should have at most 1000 characters"),
    ({"text": None}, "line 1, text: is missing: write it"),
    ({"text": "'7'", "name": "7"}, "line 1, name: is 7: write text, in quotation marks"),
    ({"consent": None}, "line 1, consent: is missing: write it; there are: basis, source"),
    ({"consent": "[a]"}, "line 4, consent: is a list: write fields, each as `name: value` on a line; there are: basis"),
    ({"text": "x" * 801, "media": "a.png"}, "text: below a file it has at most 800 characters; shorten it"),
    ({"text": "a\\0b"}, "line 3, text: it has characters that no phone shows"),
    ({"name": '"\\ud83d"'}, "line 1, name: Input should be a valid string"),
    ({"media": "../a.png"}, "line 5, media: name a file beside this one, without a folder"),
    ({"media": ".."}, "line 5, media: name a file beside this one, without a folder"),
    ({"segment": "{especie: dragao}"}, "line 2, segment.especie: Input should be 'cachorro'"),
    ({"segment": "{species: dragao}"}, "line 2, segment.species: Input should be 'cachorro'"),
    ({"segment": "{absent_days: 0}"}, "line 2, segment.absent_days: Input should be greater than or equal to 1"),
    ({"segment": "{phone: 1}"}, "line 2, segment.phone: there is no such field; there are: service, absent_days"),
    (
        {"segment": "{absent_days: 30, came_within_days: 30}"},
        "line 2, segment: nobody fulfils absent_days and came_within_days together: correct them, or leave one out",
    ),
    (
        {"segment": "{idade_minima_anos: 9, idade_maxima_anos: 2}"},
        "line 2, segment: nobody fulfils min_age_years and max_age_years together",
    ),
    ({"segment": "[]"}, "line 2, segment: is a list: write fields, each as"),
    ({"consent": "{basis: because, source: abc}"}, "consent.basis: Input should be 'existing_customer' or 'opted_in'"),
    ({"consent": "{basis: opted_in}"}, "line 4, consent.source: is missing: write it"),
    ({"cap": "0"}, "line 5, cap: Input should be greater than or equal to 1"),
    ({"expires": "2026-02-30"}, "line 5, expires: write a day, 2026-12-01, or a time of it"),
    ({"expires": "9999-12-31"}, "line 5, expires: write a day, 2026-12-01, or a time of it"),
    ({"segment": '{breed: "a\\0b"}'}, "line 2, segment: it has characters that no phone shows"),
    ({"window": "{hours: 18:00-09:00}"}, "line 5, window.hours: closes at 09:00, which is not after 18:00"),
    ({"window": "{begins: soon}"}, "line 5, window.begins: write a day"),
    ({"nome": "x"}, "line 5, nome: there is no such field; there are: version, name, segment, text"),
    ({"name": "a\nname: b"}, "line 2, name: line 1 has it already; keep one of them"),
    ({"version": "2"}, "line 5, version: Input should be 1"),
]


def yaml_of(changes: dict[str, str | None]) -> str:
    fields: dict[str, str | None] = GOOD | changes
    return "\n".join(
        f"{key}: {value}" if key != "text" or value.startswith("'") else f'text: "{value}"'
        for key, value in fields.items()
        if value is not None
    )


@pytest.mark.parametrize("value", ["!!int ''", "!!bool maybe", "!!timestamp soon"])
def test_a_value_that_is_not_what_it_says_that_it_is(value: str) -> None:
    with pytest.raises(AdministrationError, match=r"campaign says of a value what it is, as !!int does"):
        read_campaign(yaml_of({"cap": value}), AUDIENCE, "promo.yaml")


@pytest.mark.parametrize(("changes", "mistake"), WRONG, ids=[mistake[:60] for _, mistake in WRONG])
def test_a_mistake_names_file_line_field_and_remedy(changes: dict[str, str | None], mistake: str) -> None:
    with pytest.raises(AdministrationError) as raised:
        read_campaign(yaml_of(changes), AUDIENCE, "promo.yaml")
    assert str(raised.value).startswith("promo.yaml: the campaign cannot be applied; correct:\n")
    assert mistake in str(raised.value)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "line 1, campaign: is empty: write fields, each as `name: value` on a line; there are: version, name"),
        ("null", "is empty"),
        ("- 1", "is a list: write fields"),
        ("soon", "is text: write fields"),
        ("[", "is not YAML"),
        ("a: &a [*a]", "line 1, a: there is no such field"),
        ("\x00", "is not YAML"),
        ("!!python/object:os.system {}", "is not YAML"),
    ],
)
def test_hostile_files_are_refused(text: str, mistake: str) -> None:
    with pytest.raises(AdministrationError) as raised:
        read_campaign(text, AUDIENCE)
    assert mistake in str(raised.value)


def test_each_mistake_is_told_at_once() -> None:
    with pytest.raises(AdministrationError) as raised:
        read_campaign(yaml_of({"text": "{x}", "cap": "0", "segment": "{especie: x}"}), AUDIENCE)
    assert len(str(raised.value).splitlines()) == 4


def said(**changes: Any) -> Said:  # noqa: ANN401 fields
    values = {"name": "x", "segment": {}, "body": "Oi", "basis": "opted_in", "source": "abc"}
    return Said.model_validate(values | changes)


def test_two_campaigns_say_the_same_or_not() -> None:
    same = said(begins_at=at("2026-12-01 09:00"), media=IMAGE)
    other = same.model_copy(
        update={
            "begins_at": same.begins_at and same.begins_at.astimezone(ZoneInfo("UTC")),
            "media": IMAGE.model_copy(update={"media_id": UUID(int=2)}),
            "name": "X",
        }
    )
    assert digest_of(same) == digest_of(other)
    for changes in ({"body": "Olá"}, {"cap": 1}, {"hours": "09:00-10:00"}, {"media": None}, {"segment": {"a": 1}}):
        assert digest_of(same.model_copy(update=changes)) != digest_of(same)


TIMES: list[tuple[dict[str, object], str | None]] = [
    ({}, None),
    ({"hours": "20:00-22:00"}, None),
    ({"hours": "22:00-23:00"}, "nothing leaves in quiet hours (21:00-08:00)"),
    ({"hours": "07:00-08:00"}, "nothing leaves in quiet hours"),
    ({"expires_at": at("2026-12-01 10:00")}, "it has expired"),
    ({"begins_at": at("2026-12-05"), "expires_at": at("2026-12-05")}, "it expires before it begins"),
    ({"begins_at": at("2027-02-01")}, "it expires in more than 60 days"),
    ({"begins_at": at("2026-12-20"), "expires_at": at("2026-12-21")}, None),
]


@pytest.mark.parametrize(("changes", "objection"), TIMES)
def test_a_campaign_has_time_to_be_sent(changes: dict[str, object], objection: str | None) -> None:
    found = objection_to_times(said(**changes), NOW, LimitsSettings())
    assert found is None if objection is None else (found or "").startswith(objection)


def test_a_campaign_lasts_a_week_unless_it_says_otherwise() -> None:
    assert expiry_of(said(), NOW) == NOW + timedelta(days=7)
    assert expiry_of(said(begins_at=at("2026-12-05")), NOW) == at("2026-12-12")
    day = read_campaign(yaml_of({"expires": "2026-12-05"}), AUDIENCE)
    assert said_in(day, day.segment, None, ZONE).expires_at == at("2026-12-06")
    moment = read_campaign(yaml_of({"expires": "2026-12-05 18:00"}), AUDIENCE)
    assert said_in(moment, moment.segment, None, ZONE).expires_at == at("2026-12-05 18:00")


def campaign(**changes: Any) -> Campaign:  # noqa: ANN401 fields
    values: dict[str, object] = said().model_dump() | {
        "id": 7,
        "instance_id": UUID(int=3),
        "state": "approved",
        "reach": 1,
        "digest": "",
        "made_by": "x",
        "created_at": NOW,
        "approved_at": NOW,
        "expires_at": at("2026-12-08"),
    }
    return Campaign.model_validate(values | changes)


def recipient(of: Campaign | None = None, **changes: object) -> RecipientNow:
    values: dict[str, object] = {
        "campaign": of or campaign(),
        "contact": 1,
        "state": "waiting",
        "round": 0,
        "opted_out": False,
        "private": False,
        "customer": True,
        "room": NOW,
    }
    return RecipientNow.model_validate(values | changes)


END = at("2026-12-08")
OUT_OF_HOURS = "room:promotion:hours"
STEPS: list[tuple[RecipientNow, datetime, Step]] = [
    (recipient(), NOW, Send(END)),
    (recipient(state="queued"), NOW, Void("Settled")),
    (recipient(round=1), NOW, Void("Settled")),
    (recipient(state="leaving"), NOW, Wait(NOW + timedelta(minutes=30), "Leaving")),
    (recipient(state="leaving", round=1), NOW, Void("Settled")),
    (recipient(campaign(state="paused")), NOW, Void("CampaignPaused")),
    (recipient(campaign(state="cancelled", ended_at=NOW)), NOW, Void("CampaignCancelled")),
    (recipient(), END, Skip("Expired")),
    (recipient(opted_out=True), NOW, Skip("OptedOut")),
    (recipient(private=True), NOW, Skip("Private")),
    (recipient(customer=False), NOW, Skip("NoCustomer")),
    (recipient(campaign(begins_at=at("2026-12-02"))), NOW, Wait(at("2026-12-02"), "room:promotion:not_before")),
    (recipient(campaign(hours="09:00-18:00")), NOW, Send(at("2026-12-01 18:00"))),
    (
        recipient(campaign(hours="09:00-18:00")),
        at("2026-12-01 08:59"),
        Wait(at("2026-12-01 09:00"), OUT_OF_HOURS),
    ),
    (
        recipient(campaign(hours="09:00-18:00")),
        at("2026-12-01 18:00"),
        Wait(at("2026-12-02 09:00"), OUT_OF_HOURS),
    ),
    (recipient(campaign(hours="09:00-18:00")), at("2026-12-07 18:00"), Wait(END, OUT_OF_HOURS)),
    (recipient(room=NOW + timedelta(minutes=1)), NOW, Send(END)),
    (recipient(room=at("2026-12-02 08:00"), shut="day"), NOW, Wait(at("2026-12-02 08:00"), "room:promotion:day")),
    (recipient(room=at("2026-12-20 08:00")), NOW, Wait(END, "room:promotion:turn")),
    (recipient(room=None, shut="paused"), NOW, Wait(NOW + timedelta(minutes=30), "room:promotion:paused")),
]


@pytest.mark.parametrize(("found", "now", "step"), STEPS)
def test_a_recipient_gets_it_now_later_or_not_at_all(found: RecipientNow, now: datetime, step: Step) -> None:
    assert next_step(found, 0, 0, now) == step


def test_those_who_wait_for_the_same_moment_come_back_one_after_the_other() -> None:
    moments = {next_step(recipient(room=at("2026-12-02")), 0, spread_of(number), NOW) for number in range(200)}
    assert len(moments) == 200
    assert all(0 <= spread_of(number) < 1 for number in (0, 1, 2**40))
    short = recipient(campaign(hours="09:00-09:20"))
    last = next_step(short, 0, 0.999, NOW)  # within the hours, or he would wait for the next day for ever
    assert isinstance(last, Wait)
    assert isinstance(next_step(short, 0, 0.999, last.until), Send)


@pytest.mark.parametrize(
    ("hours", "quiet", "now", "room", "ends"),
    [
        ("20:45-23:00", "21:00-08:00", "2026-12-01 10:00", "2026-12-01 10:00", "2026-12-01 21:00"),
        ("07:00-08:10", "21:00-08:00", "2026-12-01 07:05", "2026-12-01 08:00", "2026-12-01 08:10"),
        (None, "08:20-08:00", "2026-12-01 10:00", "2026-12-02 08:00", "2026-12-02 08:20"),
    ],
)
def test_nobody_comes_too_late_every_day_because_the_number_is_quiet(
    hours: str | None, quiet: str, now: str, room: str, ends: str
) -> None:
    last = next_step(
        recipient(campaign(hours=hours), room=at(room)), 0, 0.999, at(now), LimitsSettings(quiet_hours=quiet).quiet_span
    )
    assert isinstance(last, Wait)
    assert last.until < at(ends)


REPUTATION = Reputation(
    per_minute=20,
    this_minute=0,
    next_at=None,
    promotions_a_day=20,
    promotions_left=15,
    promotion_day=1,
    quiet_hours=None,
    quiet_until=None,
    timezone="America/Sao_Paulo",
    paused=None,
    waiting=(),
)


@pytest.mark.parametrize(
    ("day", "until", "room"),
    [
        (1, "2026-12-01 18:00", 15),
        (1, "2026-12-02 00:00", 15),
        (1, "2026-12-02 18:00", 15 + 50),
        (1, "2026-12-05 00:00", 15 + 50 + 100 + 200),
        (2, "2026-12-04 00:00", 15 + 100 + 200),
        (9, "2026-12-04 00:00", 15 + 200 + 200),
        (1, "2026-11-30 00:00", 15),
    ],
)
def test_a_number_has_room_for_so_many_before_a_campaign_expires(day: int, until: str, room: int) -> None:
    reputation = REPUTATION.model_copy(update={"promotion_day": day})
    assert allowance_of(reputation, LimitsSettings(), NOW, at(until)) == room
    assert allowance_of(None, LimitsSettings(), NOW, at(until)) == 0
    few = LimitsSettings(campaign_per_day=10, warm_up=())
    assert allowance_of(reputation, few, NOW, at("2026-12-03")) == 15 + 10


def test_nobody_gets_a_text_with_a_gap_or_one_that_does_not_fit() -> None:
    assert words_for(campaign(), Filled("", ("pet", "nome"))) == Skip("Missing:pet")
    long = Filled("x" * 1000)
    assert isinstance(words_for(campaign(), long), str)
    assert words_for(campaign(media=IMAGE), long) == Skip("TooLong")
    assert words_for(campaign(), Filled("Responda *SAIR*")) == "Responda *SAIR*"


def test_the_message_is_a_text_or_a_file_with_it() -> None:
    plain = message_of(campaign(), "Oi", END, NOW)
    assert (plain.text, plain.reference, plain.lane, plain.keep_seconds) == ("Oi", "campaign:7", Lane.CAMPAIGN, 568_800)
    below = message_of(campaign(media=IMAGE), "Oi", END, NOW)
    assert below.content == IMAGE.model_copy(update={"caption": "Oi"})
    assert below.shown == Shown(kind="image", text="Oi")
    assert again_at(campaign(), END) is None
    assert again_at(campaign(hours="09:00-18:00"), at("2026-12-01 18:00")) == at("2026-12-01 18:00")


@pytest.mark.parametrize(
    ("name", "spoken"),
    [
        ("Ana Souza", "Ana"),
        ("ana", "ana"),
        ("Ana, cliente", "Ana"),
        ("Ana,cliente", "Ana"),
        ("Ana - Banho!", "Ana"),
        (", Ana.", "Ana"),
        ("Dr. Paulo", "Dr. Paulo"),
        ("Dr. Paulo, cliente", "Dr. Paulo"),
        ("🐾", None),
        (", .", None),
        (None, None),
        ("R2 D2", "R2 D2"),
    ],
)
def test_people_are_called_by_their_first_names(name: str | None, spoken: str | None) -> None:
    assert called(name) == spoken
    assert people_of(name, None)["nome"] == (spoken or "")


def test_several_are_named_as_in_a_sentence() -> None:
    assert [listed(names) for names in ([], ["Rex"], ["Rex", "Mel"], ["Rex", "Mel", "Bob"])] == [
        "",
        "Rex",
        "Rex e Mel",
        "Rex, Mel e Bob",
    ]
    assert fill("{pet|seu pet}", {"pet": listed(["Rex", "Mel"])}).text == "Rex e Mel"


def results(**changes: Any) -> Results:  # noqa: ANN401 fields
    names = "recipients waiting sent delivered read answered booked opted_out cancelled"
    return Results.model_validate(dict.fromkeys(names.split(), 0) | {"failed": {}} | changes)


def test_an_owner_names_a_campaign_as_he_likes() -> None:
    known = [campaign(name="Saudade de dezembro"), campaign(name="Saudade"), campaign(name="Natal")]
    assert [item.name for item in meant(known, "SAUDADE")] == ["Saudade"]
    assert [item.name for item in meant(known, "dezembro")] == ["Saudade de dezembro"]
    assert [item.name for item in meant(known, None)] == ["Saudade de dezembro"]
    assert meant(known, "páscoa") == []
    assert len(meant(known, "a")) == 3


def test_how_a_campaign_is_doing() -> None:
    assert state_words(campaign(), results(waiting=1), NOW) == "enviando aos poucos"
    assert state_words(campaign(), results(), NOW) == "terminada"
    assert state_words(campaign(), results(waiting=1), END) == "terminada"
    assert state_words(campaign(state="paused"), results(waiting=1), NOW) == "em pausa"


def test_results_are_drawn_and_told() -> None:
    found = results(recipients=10, sent=8, read=3, failed={"OptedOut": 1, "Missing:pet": 1})
    bars = chart_of(campaign(name="Natal"), found, NOW).bars
    assert [(bar.name, bar.value) for bar in bars][:2] == [("Destinatários", 10), ("Enviadas", 8)]
    assert bars[-1].value == 2
    assert caption_of(campaign(name="Natal"), found) == (
        "Campanha Natal\nEnviadas: 8 de 10\nResponderam: 0\nAgendaram: 0"
    )
    assert reason_words("Missing:pet") == "falta pet no cadastro"
    assert reason_words("BLOCKED") == "o WhatsApp não aceitou"


def test_who_was_born_on_a_leap_day_is_as_old_as_it_says_on_that_day() -> None:
    leap = at("2028-02-29T10:00")
    exactly = condition_of(AUDIENCE.criteria, PetSegment(idade_minima_anos=4, idade_maxima_anos=4), leap, 5)
    assert exactly.parameters == (date(2024, 2, 29), date(2023, 2, 28))


def received(content: bytes, *, follows: bool = True) -> ReceivedCampaign:
    media = MediaOrder(name="a.bin", size=len(content), sha256=hashlib.sha256(content).hexdigest(), follows=follows)
    order = CampaignOrder(organization="o", instance="i", verb=CampaignVerb.CREATE, media=media)
    line = order.model_dump_json().encode() + b"\n"
    return read_campaign_order(BytesIO(line + content if follows else line))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n", FileKind.IMAGE),
        (b"\0\0\0\x18ftypisom" + bytes(20), FileKind.VIDEO),
        (b"%PDF-1.7\n", FileKind.DOCUMENT),
        (b"so what", FileKind.DOCUMENT),
    ],
)
def test_media_is_what_its_bytes_say(content: bytes, kind: FileKind) -> None:
    file = read_campaign(yaml_of({"media": "a.bin"}), AUDIENCE)
    found = media_of(file, received(content), None)
    assert found is not None
    assert (found.kind, found.size, found.caption) == (kind, len(content), None)
    stored = campaign(media=found)
    assert media_of(file, received(content, follows=False), stored) == found
    assert media_of(file, received(b"other", follows=False), stored) is None
    cancelled = campaign(media=found, state="cancelled")
    assert media_of(file, received(content, follows=False), cancelled) == found
    anew = media_of(file, received(content), cancelled)
    assert anew is not None
    assert anew.media_id != found.media_id, "the file of one that was cancelled may be deleted"
    assert media_of(read_campaign(yaml_of({}), AUDIENCE), received(content), None) is None


def test_media_that_cannot_be_sent_is_refused() -> None:
    file = read_campaign(yaml_of({"media": "a.bin"}), AUDIENCE)
    with pytest.raises(AdministrationError, match=r"a.bin is audio; a campaign's file is an image, a video or a doc"):
        media_of(file, received(b"ID3\x03" + bytes(20)), None)
    with pytest.raises(AdministrationError, match=r"a\.bin is a program, which phones do not open; send an image"):
        media_of(file, received(b"MZ\x90\0" + bytes(20)), None)
    order = CampaignOrder(organization="o", instance="i", verb=CampaignVerb.CREATE)
    with pytest.raises(AdministrationError, match=r"a\.bin did not come along"):
        media_of(file, ReceivedCampaign(order, b""), None)


CUT = (
    b'{"organization": "o", "instance": "i", "verb": "create", '
    b'"media": {"name": "a", "size": 9, "sha256": "x", "follows": true}}\nabc'
)


@pytest.mark.parametrize(
    ("stream", "part"),
    [
        (b"", "does not begin with a campaign order"),
        (b"{}\n", "check instance, organization, verb"),
        (CUT, "only 3 of the file's 9 bytes arrived"),
    ],
)
def test_an_order_that_is_cut_off_is_refused(stream: bytes, part: str) -> None:
    with pytest.raises(AdministrationError, match=part):
        read_campaign_order(BytesIO(stream))
