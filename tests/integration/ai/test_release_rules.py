"""Rules of what a number may send without being asked, one by one: in a transaction that is rolled back."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from integration.ai.engine_database import EPOCH, INSTANCE, ORGANIZATION, RELAY, Database, Row, lasting
from integration.ai.open_days import calm_zones
from psycopg.types.json import Jsonb

from oxy_ai.timezones import DEFAULT_ZONE

ZONE, _ = calm_zones()
"""Where no day ends, for which a number has a budget, between two lines of a test."""
LIMITS: Row = {
    "outbound_per_minute": 60_000_000,
    "campaign_per_day": 200,
    "warm_up": [],
    "proactive_interval_days": 7,
    "quiet_hours": "",
    "pause_failure_percent": 20,
    "pause_opt_out_percent": 5,
    "pause_sample": 20,
}
PACING = {
    "batch": 50,
    "valid": "10 minutes",
    "least_valid": "1 minute",
    "most_under_way": 1000,
    "jitter": 0,
    "pause": "2 seconds",
    "look_again": "5 minutes",
    "look_at_held_again": "1 hour",
}
STEP = "relay_step(%s, %s, %s, '4 seconds', %s::uuid[], %s::uuid[], false, 20, '1 second', '10 seconds', %s)"
ROOM = "(proactive_room(%s, %s, %s, %s)).at"


class Number:
    """An instance's number, with contacts who have chats."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.value, self.rows = database.value, database.rows
        self.set(timezone=ZONE, phone_number="+5511999990000")
        self.limit()

    def set(self, **settings: object) -> None:
        self.rows("update instances set settings = settings || %s", Jsonb(settings))

    def limit(self, **limits: object) -> None:
        self.set(limits=LIMITS | limits)

    def contact(self) -> int:
        """A new contact; returns its conversation."""
        number = self.value("count(*) from contacts")
        phone = f"+55119{number:08d}"
        found: int = self.value(
            "conversation_of(%s, %s, %s, null, %s, %s, 'Ana', false, null)",
            ORGANIZATION,
            INSTANCE,
            f"{phone[1:]}@s.whatsapp.net",
            phone,
            phone,
        )
        return found

    def contact_of(self, conversation: int) -> int:
        found: int = self.value("contact_id from conversations where id = %s", conversation)
        return found

    def queue(self, conversation: int | None = None, purpose: str = "promotion", **changes: object) -> str:
        """Queue a text, to a new contact if to none that is known; returns its id."""
        text = {"id": str(uuid4()), "text": "Promoção", "purpose": purpose, "reference": f"campaign:{uuid4()}"}
        text |= {"lane": "campaign" if purpose == "promotion" else "automation", "keep_seconds": 3 * 86_400}
        contact = self.contact_of(self.contact() if conversation is None else conversation)
        return str(
            self.value("queue_proactive(%s, %s, %s, %s)", ORGANIZATION, INSTANCE, contact, Jsonb(text | changes))
        )

    def step(self, accepted: tuple[str, ...] = (), **pacing: object) -> list[Row]:
        """Let a relay do one step after its pod has accepted these requests; returns what it offers next."""
        self.rows("update relay_queue set holder = null, held_until = '-infinity'")
        values = (ORGANIZATION, INSTANCE, RELAY, list(accepted), [EPOCH] * len(accepted), Jsonb(PACING | pacing))
        offered: list[Row] = self.value(STEP, *values)["rows"]
        return offered

    def leaves(self, **pacing: object) -> list[str]:
        """Let relays release all that they may now; returns the requests that they offer, which the pod accepts."""
        offered: list[str] = []
        for _ in range(100):
            self.rows("update relay_queue set proactive_at = '-infinity' where proactive_at < 'infinity'")
            rows = self.step(tuple(offered), **pacing)
            if not rows:
                return offered
            offered += [row["id"] for row in rows]
        pytest.fail("it never ends")

    def state(self, text: str) -> tuple[str, str | None]:
        """A text's state, and why it waits or was closed."""
        return self.rows("select state, coalesce(held_for, error) from outbox where id = %s", text)[0]  # type: ignore[return-value]  # two columns

    def days_pass(self, days: int = 1) -> None:
        """What happened is this much longer ago."""
        ago = lasting(days * 86_400)
        self.rows("update outbox set released_at = released_at - %s, released_until = released_until - %s", ago, ago)
        self.rows("update reputation set promoted_on = promoted_on - %s, next_at = next_at - %s", days, ago)

    def ends(self, request: str, outcome: str = "sent", **result: object) -> str:
        """The pod reports what became of a request."""
        body = {"type": "send_result", "request_id": request, "outcome": outcome} | result
        outcome_of: str = self.value("close_request(%s, %s, %s)", ORGANIZATION, INSTANCE, Jsonb(body))
        self.value("judge_report(%s, %s, %s)", ORGANIZATION, INSTANCE, Jsonb(body))
        return outcome_of

    def reputation(self) -> dict[str, Any]:
        found: dict[str, Any] = self.value("reputation_of(%s, %s)", ORGANIZATION, INSTANCE)
        return found


@pytest.fixture
def number(engine: Database) -> Number:
    return Number(engine)


# -- quiet hours


@pytest.mark.parametrize(
    ("at", "hours", "quiet"),
    [
        ("20:59:59", "21:00-08:00", False),
        ("21:00", "21:00-08:00", True),
        ("00:00", "21:00-08:00", True),
        ("07:59:59", "21:00-08:00", True),
        ("08:00", "21:00-08:00", False),
        ("12:00", "12:00-14:00", True),
        ("14:00", "12:00-14:00", False),
        ("23:59", "12:00-14:00", False),
        ("00:00", "00:00-06:00", True),
        ("23:00", "22:00-00:00", True),
        ("00:00", "22:00-00:00", False),
        ("03:00", "", False),
        ("03:00", None, False),
    ],
)
def test_when_it_is_quiet(engine: Database, at: str, hours: str | None, quiet: bool) -> None:  # noqa: FBT001 the columns of the table
    assert engine.value("is_quiet(%s, %s)", at, hours) is quiet


NIGHT = "21:00-08:00"


@pytest.mark.parametrize(
    ("zone", "local", "hours", "until"),
    [
        ("America/Sao_Paulo", "2026-11-28 23:00", NIGHT, "2026-11-29 08:00"),
        ("America/Sao_Paulo", "2026-11-29 02:00", NIGHT, "2026-11-29 08:00"),
        ("America/Sao_Paulo", "2026-11-29 12:00", NIGHT, None),
        ("Asia/Tokyo", "2026-11-28 23:00", NIGHT, "2026-11-29 08:00"),
        ("Pacific/Kiritimati", "2026-11-28 21:00", NIGHT, "2026-11-29 08:00"),
        ("Asia/Kathmandu", "2026-11-28 03:00", NIGHT, "2026-11-28 08:00"),
        ("Europe/Lisbon", "2026-03-28 23:00", NIGHT, "2026-03-29 08:00"),  # an hour is skipped: 8 hours of quiet
        ("Europe/Lisbon", "2026-10-24 23:00", NIGHT, "2026-10-25 08:00"),  # an hour comes twice: 10
        ("America/Sao_Paulo", "2018-11-03 23:00", NIGHT, "2018-11-04 08:00"),  # midnight is skipped
        ("America/Sao_Paulo", "2018-11-03 23:00", "22:00-00:00", "2018-11-04 01:00"),  # so is the end
        ("America/Sao_Paulo", "2019-02-16 23:30", NIGHT, "2019-02-17 08:00"),  # 23:30 comes twice
        ("Europe/Lisbon", "2026-03-29 03:00", "01:30-05:00", "2026-03-29 05:00"),
        ("Europe/Lisbon", "2026-10-25 00:30", "00:00-01:30", "2026-10-25 01:30"),
    ],
)
def test_when_quiet_hours_end(engine: Database, zone: str, local: str, hours: str, until: str | None) -> None:
    found = engine.value("quiet_until(%s, %s, %s)", _instant(local, zone), zone, hours)
    assert (found and found.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")) == until


@pytest.mark.parametrize(
    ("zone", "local", "hours", "begin"),
    [
        ("America/Sao_Paulo", "2026-11-29 12:00", NIGHT, "2026-11-29 21:00"),
        ("America/Sao_Paulo", "2026-11-29 21:00", NIGHT, "2026-11-30 21:00"),
        ("America/Sao_Paulo", "2018-11-03 20:00", "00:00-06:00", "2018-11-04 01:00"),
        ("Europe/Lisbon", "2026-03-29 00:30", "01:30-05:00", "2026-03-29 02:30"),
        ("America/Sao_Paulo", "2026-11-29 12:00", "", None),
    ],
)
def test_when_quiet_hours_begin(engine: Database, zone: str, local: str, hours: str, begin: str | None) -> None:
    found = engine.value("quiet_from(%s, %s, %s)", _instant(local, zone), zone, hours)
    assert (found and found.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")) == begin


def _instant(local: str, zone: str) -> datetime:
    return datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def around(minutes: int, zone: str = ZONE) -> str:
    """Local time of day, so many minutes from now."""
    return (datetime.now(ZoneInfo(zone)) + timedelta(minutes=minutes)).strftime("%H:%M")


@pytest.mark.parametrize("zone", ["America/Sao_Paulo", "Asia/Tokyo", "America/Noronha", "Europe/Lisbon"])
def test_nothing_leaves_in_the_quiet_hours_of_the_tenants_zone(number: Number, zone: str) -> None:
    number.set(timezone=zone)
    number.limit(quiet_hours=f"{around(-60, zone)}-{around(60, zone)}")
    for purpose in ("promotion", "booking", "report"):
        number.queue(purpose=purpose)
    assert number.leaves() == []
    assert {(line["purpose"], line["why"]) for line in number.reputation()["waiting"]} == {
        ("promotion", "quiet_hours"),
        ("booking", "quiet_hours"),
        ("report", "quiet_hours"),
    }
    number.limit(quiet_hours=f"{around(120, zone)}-{around(240, zone)}")
    assert len(number.leaves()) == 3


@pytest.mark.parametrize(
    ("at", "why"),
    [
        ("20:58:59", None),
        ("20:59:01", "quiet_hours"),
        ("03:00", "quiet_hours"),
        ("07:59:30", "quiet_hours"),
        ("08:00", None),
    ],
)
def test_nothing_begins_in_the_quiet_hours_until_their_end_nor_right_before_them(
    number: Number, at: str, why: str | None
) -> None:
    number.set(timezone="UTC")
    number.limit(quiet_hours=NIGHT)
    shut = "why_shut((select i from instances i), lock_reputation(%s, %s), 'report', %s, '1 minute')"
    moment = datetime.fromisoformat(f"2026-03-04T{at}+00:00")
    assert number.database.value(f"({shut}).why", ORGANIZATION, INSTANCE, moment) == why


def test_what_leaves_before_the_quiet_hours_is_not_valid_into_them(number: Number) -> None:
    number.limit(quiet_hours=f"{around(5)}-{around(65)}")
    number.queue()
    [offered] = number.step()
    assert 3 * 60 < offered["valid_seconds"] <= 5 * 60  # whole minutes, less what a busy machine takes
    number.step((offered["id"],))
    number.limit(quiet_hours=f"{around(1)}-{around(65)}")
    number.queue()
    assert number.leaves() == []


def test_a_time_zone_that_only_python_knows_is_the_default_one(number: Number) -> None:
    number.set(timezone="America/Sao_Paolo")
    number.limit(quiet_hours=f"{around(-60, DEFAULT_ZONE)}-{around(60, DEFAULT_ZONE)}")
    number.queue()
    assert number.leaves() == []
    assert number.reputation()["timezone"] == DEFAULT_ZONE
    number.limit()
    assert len(number.leaves()) == 1


# -- the budget


def test_a_day_has_as_many_promotions_as_it_may_and_warms_up(number: Number) -> None:
    number.limit(campaign_per_day=5, warm_up=[1, 3, 9])
    texts = [number.queue() for _ in range(20)]
    for most in (1, 3, 5, 5):
        assert number.reputation()["promotions_a_day"] == most
        assert number.leaves() == texts[:most]
        texts = texts[most:]
        assert number.reputation()["promotions_left"] == 0
        number.days_pass()
    assert number.reputation()["promotion_day"] == 5


def test_a_day_without_promotions_warms_nothing_up(number: Number) -> None:
    number.limit(warm_up=[1, 3])
    for _ in range(4):
        number.queue()
    assert len(number.leaves()) == 1
    number.days_pass(10)
    assert len(number.leaves()) == 3


def test_another_number_warms_up_anew(number: Number) -> None:
    number.limit(warm_up=[1], campaign_per_day=3)
    texts = [number.queue() for _ in range(9)]
    assert number.leaves() == texts[:1]
    number.days_pass()
    assert number.leaves() == texts[1:4]
    number.set(phone_number="+5511999990001")
    number.days_pass()
    assert number.leaves() == texts[4:5]


def test_what_came_of_a_second_release_before_a_person_resumed_stops_nothing(number: Number) -> None:
    """Its first request is forgotten by then, and its second one as soon as the result is stored."""
    refused = {"outcome": "expired", "refusal": "reachout_locked"}
    number.queue()
    resume, resumption = "resume_proactive(%s, %s, 'cli')", "resumption_at(resumed_at) from reputation"
    for _ in range(2):
        [request] = number.leaves()
        known = number.value(resumption)
        number.ends(request, **refused, resumption=known)
        assert number.value("paused_for from reputation") == "reachout_locked"
        assert number.value(resume, ORGANIZATION, INSTANCE)
    [request] = number.leaves()
    number.value("pause_proactive(%s, %s, 'reachout_locked', null)", ORGANIZATION, INSTANCE)
    known = number.value(resumption)
    assert number.value(resume, ORGANIZATION, INSTANCE)
    number.ends(request, **refused, resumption=known)
    assert number.value("paused_for from reputation") is None


def test_a_number_that_another_instance_had_goes_on_as_that_has_left_it(number: Number) -> None:
    number.limit(warm_up=[1, 2], campaign_per_day=3)
    texts = [number.queue() for _ in range(5)]
    assert number.leaves() == texts[:1]
    number.value("pause_proactive(%s, %s, 'banned', null)", ORGANIZATION, INSTANCE)
    number.rows(
        "insert into instances (organization_id, id, name, settings) values (%s, %s, 'old', '{}')",
        ORGANIZATION,
        EPOCH,
    )
    number.rows("update reputation set instance_id = %s", EPOCH)
    number.days_pass()
    assert number.leaves() == []
    assert number.value("resume_proactive(%s, %s, 'cli')", ORGANIZATION, INSTANCE)
    assert number.leaves() == texts[1:3]


def test_a_spent_day_holds_neither_bookings_nor_reports(number: Number) -> None:
    number.limit(campaign_per_day=0)
    promotion, booking, report = (number.queue(purpose=purpose) for purpose in ("promotion", "booking", "report"))
    assert number.leaves() == [booking, report]
    assert number.state(promotion) == ("held", None)
    assert [line["why"] for line in number.reputation()["waiting"]] == ["day"]


def test_no_minute_has_more_than_it_may(number: Number) -> None:
    number.limit(outbound_per_minute=2)
    texts = [number.queue(purpose="booking") for _ in range(3)]
    assert number.leaves() == texts[:1]
    number.rows("update reputation set next_at = next_at - interval '1 second'")
    assert number.leaves() == []
    number.rows("update reputation set next_at = next_at - interval '29 seconds'")
    assert number.leaves() == texts[1:2]
    began = number.value("max(released_at) from outbox")
    assert number.value("next_at from reputation") >= began + lasting(30)
    assert number.value("proactive_at from relay_queue") >= began + lasting(30)


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_the_pause_is_never_shorter_than_a_minutes_share(number: Number, chance: float) -> None:
    number.limit(outbound_per_minute=6)
    number.queue()
    number.leaves(jitter=chance)
    pause = number.value("next_at - released_at from reputation, outbox")
    assert lasting(10) <= pause <= lasting(10 * (1 + chance))


def test_a_contact_gets_one_promotion_in_seven_days(number: Number) -> None:
    ana = number.contact()
    first, second = number.queue(ana), number.queue(ana)
    booking = number.queue(ana, "booking")
    assert set(number.leaves()) == {first, booking}
    assert number.state(second) == ("held", "interval")
    number.days_pass(6)
    number.rows("update outbox set held_until = null where id = %s", second)
    assert number.leaves() == []
    number.days_pass()
    number.rows("update outbox set held_until = null where id = %s", second)
    assert number.leaves() == [second]


def test_a_promotion_that_was_not_sent_is_none(number: Number) -> None:
    ana = number.contact()
    first, second = number.queue(ana), number.queue(ana)
    [request] = number.leaves()
    number.ends(request, "failed")
    number.rows("update outbox set held_until = null where id = %s", second)
    assert number.leaves() == [second]
    assert number.state(first)[0] == "failed"


def test_two_chats_of_one_contact_share_the_days_between_promotions(number: Number) -> None:
    of_phone, of_hidden = (
        number.contact(),
        number.value(
            "conversation_of(%s, %s, '98765@lid', null, null, null, null, false, null)", ORGANIZATION, INSTANCE
        ),
    )
    first, second = number.queue(of_phone), number.queue(of_hidden)
    number.value("merge_conversations(%s, %s, %s)", ORGANIZATION, of_hidden, of_phone)
    assert number.leaves() == [first]
    assert number.state(second) == ("held", "interval")
    [(chat,)] = number.rows("select chat from outbox where id = %s", first)
    assert chat == number.value("chat from conversations where id = %s", of_hidden)


# -- contacts


@pytest.mark.parametrize("wish", ["proactive", "all"])
@pytest.mark.parametrize("purpose", ["promotion", "booking"])
def test_a_contact_who_opts_out_before_the_release_hears_nothing(number: Number, wish: str, purpose: str) -> None:
    text = number.queue(purpose=purpose)
    number.rows("update contacts set opt_out = %s", wish)
    assert number.leaves() == []
    assert number.state(text) == ("withheld", "OptedOut")


def test_a_contact_who_opts_out_before_the_pod_accepts_hears_nothing(number: Number) -> None:
    text = number.queue()
    assert len(number.step()) == 1
    number.rows("update contacts set opt_out = 'proactive'")
    assert number.step() == []
    assert number.state(text) == ("withheld", "OptedOut")
    assert number.ends(text, "expired") == "duplicate"
    assert number.ends(text, whatsapp_id="W") == "stored", "the pod had accepted it, and nobody heard of that"
    assert number.state(text) == ("sent", None)


def test_family_and_friends_hear_nothing(number: Number) -> None:
    text = number.queue(purpose="booking")
    number.rows("update contacts set private = true")
    assert number.leaves() == []
    assert number.state(text) == ("withheld", "Private")


def test_nobody_writes_into_a_takeover(number: Number) -> None:
    ana, bia = number.contact(), number.contact()
    number.rows("update conversations set human_until = now() + interval '1 hour' where id = %s", ana)
    waiting, leaving = number.queue(ana, "booking"), number.queue(bia, "booking")
    assert number.leaves() == [leaving]
    assert number.state(waiting) == ("held", "human")
    number.rows("update conversations set human_until = null")
    number.rows("update outbox set held_until = now() where held_until > now()")
    assert number.leaves() == [waiting]


def test_a_takeover_before_the_pod_accepts_holds_a_text_again(number: Number) -> None:
    ana = number.contact()
    text = number.queue(ana)
    assert len(number.step()) == 1
    number.rows("update conversations set human_until = now() + interval '1 hour' where id = %s", ana)
    assert (number.leaves(), number.leaves()) == ([], [])
    assert number.state(text) == ("held", "human")
    number.rows("update conversations set human_until = null")
    number.rows("update outbox set held_until = now() where held_until > now()")
    assert number.leaves() == [text]


@pytest.mark.parametrize(
    ("ai", "leaving"),
    [
        ({"mode": "Live"}, {"promotion", "booking", "report"}),
        ({"mode": "Draft"}, {"report"}),
        ({"paused": True}, {"report"}),
        ({"enabled": False}, {"report"}),
        ({"mode": "Only", "only_phones": []}, {"report"}),
        ({"mode": "Only", "only_phones": ["+5511900000000"]}, {"promotion", "report"}),
    ],
)
def test_what_leaves_while_not_everybody_is_answered(number: Number, ai: Row, leaving: set[str]) -> None:
    number.set(ai=ai)
    for purpose in ("promotion", "booking", "report"):
        number.queue(purpose=purpose)
    number.leaves()
    assert {purpose for (purpose,) in number.rows("select purpose from outbox where state = 'accepted'")} == leaving


def test_somebody_who_holds_a_contact_is_not_waited_for(number: Number) -> None:
    text = number.queue(not_before=(datetime.now(UTC) + lasting(60)).isoformat())
    assert number.leaves() == []
    assert number.state(text) == ("held", "not_before")
    number.rows("update outbox set held_until = now()")
    assert number.leaves() == [text]


# -- on its way


def test_a_text_that_its_pod_reports_expired_is_sent_again_under_another_request_and_counts_once(
    number: Number,
) -> None:
    number.limit(campaign_per_day=1)
    text = number.queue()
    other = number.queue()
    assert number.leaves() == [text]
    assert number.reputation()["promotions_left"] == 0
    number.ends(text, "expired")
    assert number.state(text)[0] == "held"
    assert number.value("count(*) from messages") == 0
    assert number.reputation()["promotions_left"] == 1
    [request] = number.leaves()
    assert request != text
    assert number.state(text)[0] == "accepted"
    assert number.state(other)[0] == "held"
    assert number.ends(text, "sent") == "duplicate"
    assert number.ends(request, whatsapp_id="W") == "stored"
    assert number.state(text)[0] == "sent"
    assert number.value("count(*) from messages where outbox_id = %s", text) == 1
    assert number.reputation()["promotions_left"] == 0


def test_a_text_that_its_pod_reports_expired_with_its_own_time_was_never_sent(number: Number) -> None:
    number.limit(campaign_per_day=1)
    ana = number.contact()
    text = number.queue(ana)
    assert number.leaves() == [text]
    number.rows("update outbox set expires_at = now()")
    number.ends(text, "expired")
    assert number.state(text)[0] == "expired"
    assert number.reputation()["promotions_left"] == 1
    assert len(number.queue(ana)) == len(number.leaves()[0])  # the contact has got none within seven days


def test_an_acceptance_of_a_request_that_has_ended_says_nothing(number: Number) -> None:
    text = number.queue()
    [offered] = number.step()
    number.ends(offered["id"], "expired")
    number.limit(quiet_hours=f"{around(-60)}-{around(60)}")
    assert number.step((text,)) == []
    assert number.state(text)[0] == "held"


def test_a_text_that_no_pod_accepted_is_offered_again_as_the_same_request(number: Number) -> None:
    number.limit(campaign_per_day=1)
    text = number.queue()
    assert len(number.step()) == 1
    number.rows("update outbox set released_until = now()")
    number.limit(campaign_per_day=1, quiet_hours=f"{around(-60)}-{around(60)}")
    assert number.step() == []
    assert number.state(text)[0] == "held"
    assert number.reputation()["promotions_left"] == 0  # a pod may have it
    number.limit(campaign_per_day=2)
    assert number.leaves() == [text]
    assert number.value("count(*) from messages") == 1


def test_a_text_that_was_sent_although_nobody_heard_of_it_is_not_sent_again(number: Number) -> None:
    text = number.queue()
    number.step()
    number.rows("update outbox set released_until = now()")
    number.limit(quiet_hours=f"{around(-60)}-{around(60)}")
    number.step()
    number.ends(text, whatsapp_id="W")
    number.limit()
    assert number.leaves() == []
    assert number.state(text)[0] == "sent"


def test_a_text_whose_own_time_has_passed_expires(number: Number) -> None:
    number.limit(campaign_per_day=0)
    number.queue()
    booking = number.queue(purpose="booking", not_before="2999-01-01T00:00:00Z")
    number.rows("update outbox set expires_at = now()")
    assert number.leaves() == []
    assert number.rows("select state, error from outbox") == [("expired", "NotReleased")] * 2
    assert number.rows("select reference from owner_notices") == [(f"outbox:{booking}",)]
    assert number.value("proactive_at = 'infinity' from relay_queue")


def test_the_introduction_follows_the_text_once(number: Number) -> None:
    text = number.queue(introduction="Sou a assistente virtual.")
    [request] = number.leaves()
    number.ends(request, "expired")
    number.leaves()
    body = number.value("body from outbox where id = %s", text)
    assert body == "Promoção\n\nSou a assistente virtual."


def test_bookings_go_before_campaigns(number: Number) -> None:
    promotion, booking = number.queue(), number.queue(purpose="booking")
    assert number.leaves() == [booking, promotion]


def test_the_same_text_is_queued_once_and_nobody_without_a_chat_gets_one(number: Number) -> None:
    text = number.queue()
    assert number.queue(id=text) == text
    assert number.value("count(*) from outbox") == 1
    assert number.value("queue_proactive(%s, %s, 999, '{}')", ORGANIZATION, INSTANCE) is None


def test_held_texts_are_withdrawn_held_and_freed_by_their_reference(number: Number) -> None:
    one, two, three = (number.queue(reference=f"campaign:{name}") for name in ("1", "1", "2"))
    assert number.value("hold_proactive(%s, %s, 'campaign:1', 'paused')", ORGANIZATION, INSTANCE) == 2
    assert number.leaves() == [three]
    assert {line["why"] for line in number.reputation()["waiting"]} == {"paused"}
    assert number.value("free_proactive(%s, %s, 'campaign:1')", ORGANIZATION, INSTANCE) == 2
    [left] = number.leaves(most_under_way=2)
    assert left == one
    assert number.value("withdraw_proactive(%s, %s, 'campaign:1', 'cancelled')", ORGANIZATION, INSTANCE) == 1
    assert number.state(two) == ("withheld", "cancelled")


def test_what_was_under_way_when_it_was_stopped_does_not_leave_again(number: Number) -> None:
    text = number.queue(reference="campaign:1")
    assert number.leaves() == [text]
    about = (ORGANIZATION, INSTANCE, "campaign:1")
    number.value("hold_proactive(%s, %s, %s, 'paused')", *about)
    number.ends(text, "expired")
    assert (number.leaves(), number.state(text)) == ([], ("held", "paused"))
    number.value("free_proactive(%s, %s, %s)", *about)
    [request] = number.leaves()
    assert number.value("withdraw_proactive(%s, %s, %s, 'cancelled')", *about) == 0
    number.ends(request, "expired")
    assert (number.leaves(), number.state(text)[0]) == ([], "expired")
    assert number.value("count(*) from owner_notices") == 0


@pytest.mark.parametrize(
    ("stop", "state"),
    [
        ("hold_proactive(%s, %s, 'campaign:1', 'paused')", "held"),
        ("withdraw_proactive(%s, %s, 'campaign:1', 'cancelled')", "expired"),
        ("pause_proactive(%s, %s, 'person', 'cli')", "held"),
    ],
)
def test_what_no_pod_has_accepted_when_it_is_stopped_is_not_offered_again(
    number: Number, stop: str, state: str
) -> None:
    text, report = number.queue(reference="campaign:1"), number.queue(purpose="report")
    assert {row["id"] for row in (*number.step(), *number.step())} == {text, report}
    number.value(stop, ORGANIZATION, INSTANCE)
    assert number.leaves() == [report]
    assert number.state(text)[0] == state


def test_who_is_forgotten_while_a_text_is_under_way_is_not_written_to_again(number: Number) -> None:
    text = number.queue()
    assert number.leaves() == [text]
    [(chat, phone)] = number.rows("select chat, phone from conversations v join contacts c on c.id = v.contact_id")
    person = Jsonb({"chat": chat, "phone": phone, "phone_key": phone})
    erased = number.value("erase_contact(%s, %s, %s, %s, 'test')", ORGANIZATION, INSTANCE, person, str(uuid4()))
    assert "erasure" in erased
    number.ends(text, "expired")
    assert (number.leaves(), number.state(text)[0]) == ([], "expired")


def test_what_belongs_together_leaves_in_its_order_and_soon(number: Number) -> None:
    ana = number.contact()
    picture, words = (number.queue(ana, "report", reference="schedule:1") for _ in range(2))
    number.rows("update outbox set held_until = clock_timestamp() + interval '1 minute' where id = %s", picture)
    assert (number.leaves(), number.state(words)) == ([], ("held", "turn"))
    assert number.value("held_until < clock_timestamp() + interval '3 seconds' from outbox where id = %s", words)
    number.rows("update outbox set held_until = null")
    assert number.leaves() == [picture, words]


@pytest.mark.parametrize("gate", ["connection", "suspended", "closed"])
def test_nothing_leaves_while_there_is_no_connection(number: Number, gate: str) -> None:
    number.queue(purpose="report")
    match gate:
        case "connection":
            number.rows(
                "insert into connection_states values (%s, %s, 'reconnecting', null, now())", ORGANIZATION, INSTANCE
            )
        case "suspended":
            number.set(suspended=True)
        case _:
            number.rows("update instances set closed_at = now()")
    assert number.leaves() == []
    assert [line["why"] for line in number.reputation()["waiting"]] == ["connection"]


def test_a_fault_among_held_texts_holds_up_no_answer(number: Number) -> None:
    text, answer = number.queue(), str(uuid4())
    number.limit(quiet_hours="any time")
    number.rows(
        "insert into outbox (organization_id, id, instance_id, conversation_id, part, chat, body)"
        " select organization_id, %s, instance_id, conversation_id, 0, chat, 'Oi' from outbox",
        answer,
    )
    assert [offered["id"] for offered in number.step()] == [answer]
    assert number.state(text)[0] == "held"
    assert number.value("proactive_at > clock_timestamp() + interval '4 minutes' from relay_queue")
    number.limit()
    assert number.leaves() == [answer, text]


# -- stopped


@pytest.mark.parametrize(
    ("outcome", "refusal", "stopped"),
    [
        ("expired", "reachout_locked", "reachout_locked"),
        ("failed", "reachout_locked", "reachout_locked"),
        ("expired", "rate_limited", "rate_limited"),
        ("expired", "server_error", None),
        ("failed", "not_on_whatsapp", None),
        ("sent", None, None),
    ],
)
def test_what_whatsapp_says_of_a_text_stops_the_number(
    number: Number, outcome: str, refusal: str | None, stopped: str | None
) -> None:
    number.queue()
    [request] = number.leaves()
    number.ends(request, outcome, refusal=refusal)
    paused = number.reputation()["paused"]
    assert (paused and paused["why"]) == stopped
    assert number.value("count(*) from owner_notices where kind like 'stopped_%%'") == (stopped is not None)


@pytest.mark.parametrize(
    ("why", "leaving"),
    [
        ("reachout_locked", {"report"}),
        ("banned", {"report"}),
        ("rate_limited", {"booking", "report"}),
        ("failures", {"booking", "report"}),
        ("opt_outs", {"booking", "report"}),
        ("person", {"booking", "report"}),
    ],
)
def test_what_a_stopped_number_still_sends_and_that_a_person_lets_it_go_on(
    number: Number, why: str, leaving: set[str]
) -> None:
    texts = {purpose: number.queue(purpose=purpose) for purpose in ("promotion", "booking", "report")}
    pause = "pause_proactive(%s, %s, %s, %s)"
    who = "cli" if why == "person" else None
    assert number.value(pause, ORGANIZATION, INSTANCE, why, who) is True
    assert number.value(pause, ORGANIZATION, INSTANCE, why, who) is False
    assert set(number.leaves()) == {texts[purpose] for purpose in leaving}
    assert number.value("count(*) from owner_notices") == (why != "person")
    assert number.value("resume_proactive(%s, %s, 'cli')", ORGANIZATION, INSTANCE) is True
    assert number.value("resume_proactive(%s, %s, 'cli')", ORGANIZATION, INSTANCE) is False
    assert set(number.leaves()) == {texts[purpose] for purpose in texts.keys() - leaving}
    actions = [action for (action,) in number.rows("select action from audit_log order by id")]
    assert actions == ["proactive_paused"] * (why == "person") + ["proactive_resumed"]


def test_a_ban_stops_more_than_a_share(number: Number) -> None:
    for why in ("failures", "banned", "opt_outs"):
        number.value("pause_proactive(%s, %s, %s, null)", ORGANIZATION, INSTANCE, why)
    assert number.reputation()["paused"]["why"] == "banned"


@pytest.mark.parametrize(
    ("failed", "unwanted", "stopped"), [(3, 0, None), (4, 0, "failures"), (0, 0, None), (0, 1, "opt_outs")]
)
def test_too_large_a_share_stops_the_number(number: Number, failed: int, unwanted: int, stopped: str | None) -> None:
    for _ in range(25):
        number.queue()
    requests = number.leaves()[:20]
    for place, request in enumerate(requests):
        if place < unwanted:
            number.rows(
                "update contacts c set opt_out = 'all' from outbox o, conversations v "
                "where o.id = %s and v.id = o.conversation_id and c.id = v.contact_id",
                request,
            )
        number.ends(request, "failed" if place >= 20 - failed else "sent")
    number.queue()
    left = number.leaves()
    paused = number.reputation()["paused"]
    assert (paused and paused["why"], len(left)) == (stopped, 0 if stopped else 1)
    if stopped:
        number.value("resume_proactive(%s, %s, 'cli')", ORGANIZATION, INSTANCE)
        assert len(number.leaves()) == 1, "what was sent before says nothing any more"


def test_what_was_on_its_way_when_a_person_resumed_stops_nothing(number: Number) -> None:
    for _ in range(2):
        number.queue()
    first, second = number.leaves()
    number.ends(first, "expired", refusal="rate_limited")
    number.value("resume_proactive(%s, %s, 'cli')", ORGANIZATION, INSTANCE)
    number.ends(second, "expired", refusal="rate_limited")
    assert number.reputation()["paused"] is None


# -- room for one more


def room(number: Number, conversation: int, purpose: str = "promotion") -> timedelta | None:
    found = number.value(ROOM, ORGANIZATION, INSTANCE, number.contact_of(conversation), purpose)
    return None if found is None else found - datetime.now(UTC)


def test_when_there_is_room_for_one_more(number: Number) -> None:
    ana, now = number.contact(), lasting(0)
    assert abs(room(number, ana) or SLOW) < SLOW
    number.queue(ana)
    number.leaves()
    assert lasting(7 * 86_400) - SLOW < (room(number, ana) or now) <= lasting(7 * 86_400)
    assert abs(room(number, ana, "booking") or SLOW) < SLOW
    number.limit(campaign_per_day=1)
    bia = number.contact()
    assert now < (room(number, bia) or now) <= lasting(86_400)
    number.queue()
    number.queue()
    assert lasting(2 * 86_400) < (room(number, bia) or now) <= lasting(3 * 86_400)
    number.limit(quiet_hours=f"{around(-60)}-{around(60)}")
    assert lasting(59 * 60) - SLOW < (room(number, bia) or now) <= lasting(60 * 60) + SLOW


SLOW = timedelta(minutes=1)
"""What a busy machine may take between two lines of a test."""


@pytest.mark.parametrize(
    "shut", [{"limits": LIMITS | {"campaign_per_day": 0}}, {"ai": {"paused": True}}, {"suspended": True}]
)
def test_nobody_knows_when_there_is_room(number: Number, shut: Row) -> None:
    number.set(**shut)
    assert room(number, number.contact()) is None
