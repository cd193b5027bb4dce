"""The rows of what nobody asked for, as lines for PostgreSQL's COPY in text format. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from oxy_dev.seed.agenda import Booking
from oxy_dev.seed.outreach import Campaign, Fate, Told
from oxy_dev.seed.rows import NULL, OwnText, Rows, copy_line, joined, seeded_id

OUTREACH_TABLES: Final[Mapping[str, str]] = {
    "campaigns": (
        "organization_id id instance_id name segment body begins_at expires_at basis source digest state reach made_by "
        "created_at approved_by approved_at"
    ),
    "campaign_recipients": ("organization_id id campaign_id contact_id state why outbox_id wrote_first_at settled_at"),
    "automation_occurrences": (
        "organization_id id instance_id automation subject occurrence contact_id booking_id starts_at due_at state "
        "outbox_id created_at ended_at"
    ),
    "jobs": (
        "organization_id id instance_id kind key lane contact_id payload state planned_at due_at created_at finished_at"
    ),
}
"""Columns of the tables that grow with what nobody asked for."""

_JOBS_KEPT: Final = timedelta(days=90)
"""Jobs that ended earlier were deleted since (spec.retention.jobs)."""
_ABOVE_ANSWERS: Final = 1 << 40
"""Numbers the texts, so that none has the id of an answer."""
_WORTH: Final = timedelta(days=7)
"""How long a text is worth to be sent."""
_FREE_AT: Final = timedelta(hours=30)
"""When held texts are looked at again."""


@dataclass(slots=True)
class OutreachRows:
    """Makes rows beside those of the conversations; `lines` holds those that were not taken yet."""

    rows: Rows
    now: datetime
    ids: dict[str, int]
    """The newest id of each table, before the first row is made."""
    lines: dict[str, list[str]] = field(default_factory=lambda: {table: [] for table in OUTREACH_TABLES})
    _campaigns: dict[tuple[UUID, str], int] = field(default_factory=dict)

    def take(self) -> dict[str, bytes]:
        """Return the lines by table, as COPY reads them, and begin anew."""
        taken = joined(self.lines)
        for lines in self.lines.values():
            lines.clear()
        return taken

    def add_campaign(self, campaign: Campaign, reach: int) -> None:
        """Make the row of a campaign, whose texts are added later."""
        number, shop, draft = self._next("campaigns"), campaign.shop, campaign.state == "draft"
        self._campaigns[shop.instance, campaign.name] = number
        text = ('{"sem_vir_ha_dias": 30}', "Oi, {nome}! O banho do {pet} está com 10% de desconto. Quer marcar?")
        made_at = min(campaign.begins_at, self.now) - timedelta(hours=1)
        approved = (NULL, NULL) if draft else ("Marina", made_at)
        self._line(
            "campaigns", shop.organization, number, shop.instance, campaign.name, *text, campaign.begins_at,
            campaign.expires_at, "existing_customer", "Clientes da loja", f"digest {number}", campaign.state, reach,
            "Marina", made_at, *approved,
        )  # fmt: skip

    def add(self, told: Told) -> None:
        """Make the rows of a text, of its job, and of what they belong to."""
        outbox = NULL
        if told.fate not in {Fate.WAITING, Fate.SKIPPED}:
            outbox = seeded_id(told.at, _ABOVE_ANSWERS + self.rows.ids.position)
        if isinstance(told.about, Campaign):
            reference = self._recipient(told, told.about, outbox)
        else:
            reference = self._occurrence(told, told.about, outbox)
        if outbox != NULL:
            self._text(told, outbox, reference)

    def _text(self, told: Told, outbox: str, reference: str) -> None:
        campaign = isinstance(told.about, Campaign)
        purpose = "promotion" if campaign or told.automation == "agradecimento" else "booking"
        held = told.fate is Fate.HELD
        text = OwnText(
            id=outbox,
            at=self.now + _FREE_AT if held else told.at,
            made_at=told.at,
            expires_at=(self.now if held else told.at) + _WORTH,
            body=told.text.replace("\n", r"\n"),
            state=told.fate.value,
            lane="campaign" if campaign else "automation",
            purpose=purpose,
            reference=reference,
        )
        self.rows.add_told(told.customer, text)

    def _recipient(self, told: Told, campaign: Campaign, outbox: str) -> str:
        shop, number = campaign.shop, self._next("campaign_recipients")
        of = self._campaigns[shop.instance, campaign.name]
        state = {Fate.WAITING: "waiting", Fate.SKIPPED: "skipped"}.get(told.fate, "queued")
        why = "OptedOut" if told.fate is Fate.SKIPPED else NULL
        settled = NULL if told.fate is Fate.WAITING else told.at
        contact = self.rows.contact(told.customer)
        self._line(
            "campaign_recipients", shop.organization, number, of, contact, state, why, outbox, told.planned_at, settled
        )
        self._job(told, "campaign_text", f"{of}:{number}:0", f'{{"recipient": {number}, "round": 0}}')
        return f"campaign:{of}"

    def _occurrence(self, told: Told, booking: Booking, outbox: str) -> str:
        shop, number, contact = (
            told.customer.shop,
            self._next("automation_occurrences"),
            self.rows.contact(told.customer),
        )
        subject, occurrence = f"booking:{told.booking}", f"{booking.starts_at:%Y-%m-%dT%H:%M}"
        state = "planned" if told.fate is Fate.WAITING else "told"
        what = (told.automation, subject, occurrence, contact, told.booking, booking.starts_at, told.at, state)
        times = (told.planned_at, NULL if told.fate is Fate.WAITING else told.at)
        self._line("automation_occurrences", shop.organization, number, shop.instance, *what, outbox, *times)
        payload = f'{{"occurrence": {number}, "contact": {contact}}}'
        self._job(told, "automation", f"{told.automation}:{subject}:{occurrence}", payload)
        return f"automation:{number}"

    def _job(self, told: Told, kind: str, key: str, payload: str) -> None:
        waits = told.fate is Fate.WAITING
        if not waits and told.at < self.now - _JOBS_KEPT:
            return
        shop, number = told.customer.shop, self._next("jobs")
        lane = "campaign" if isinstance(told.about, Campaign) else "automation"
        state = "waiting" if waits else "cancelled" if told.fate is Fate.SKIPPED else "done"
        what = (kind, key, lane, self.rows.contact(told.customer), payload, state)
        self._line(
            "jobs",
            shop.organization,
            number,
            shop.instance,
            *what,
            told.at,
            told.at,
            told.planned_at,
            NULL if waits else told.at,
        )

    def _next(self, table: str) -> int:
        self.ids[table] += 1
        return self.ids[table]

    def _line(self, table: str, *values: object) -> None:
        self.lines[table].append(copy_line(*values))
