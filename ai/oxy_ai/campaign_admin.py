"""``python -m oxy_ai.admin campaign``: campaigns as files, from a draft to their results."""

from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Final, NamedTuple
from uuid import UUID

from pydantic import ValidationError

from oxy_ai.campaigns.approval import Approval, ApprovalOrder, approve, pace_of
from oxy_ai.campaigns.audience import Audience, Marketer
from oxy_ai.campaigns.campaign_table import (
    Draft,
    campaign_named,
    campaigns_of,
    cancel,
    keep_draft,
    pause,
    resume,
)
from oxy_ai.campaigns.document import CampaignFile, read_campaign, said_in
from oxy_ai.campaigns.offered import known_service, service_names
from oxy_ai.campaigns.plan import Campaign, CampaignState, Said, digest_of, objection_to_times
from oxy_ai.campaigns.preview import Preview, Shop, preview_of
from oxy_ai.campaigns.results import results_of
from oxy_ai.database import Connection, organization_transaction
from oxy_ai.engine.known_names import require_known
from oxy_ai.engine.send_orders import described, not_stored, outbound_file
from oxy_ai.engine.store import Engine
from oxy_ai.errors import AdministrationError, FileLostError, ProfileUnknownError
from oxy_ai.ids import instance_id, organization_id
from oxy_ai.media.library import FileLibrary
from oxy_ai.media.records import FileKey
from oxy_ai.reputation import Purpose, reputation_of
from oxy_ai.timezones import zone_or_default
from oxy_ai.verticals import Verticals
from oxy_core.campaign_command import (
    CampaignAnswer,
    CampaignExample,
    CampaignOrder,
    CampaignPreview,
    CampaignReport,
    CampaignsAnswer,
    CampaignVerb,
    CampaignWait,
)
from oxy_core.envelopes import InstanceSettings
from oxy_core.file_types import is_program
from oxy_core.outbound import FileContent, FileKind
from oxy_core.send_command import FileOrder

WHO: Final = "oxy campaign"
"""Who does it, in the audit log."""
LISTED: Final = 100
"""Campaigns that are listed."""
_READING: Final = {CampaignVerb.PREVIEW, CampaignVerb.REPORT, CampaignVerb.LIST}
"""They change nothing, and may take a while: the number goes on meanwhile."""
_KINDS: Final = {FileKind.IMAGE, FileKind.VIDEO, FileKind.DOCUMENT}
"""Of files that a text can go below."""


class ReceivedCampaign(NamedTuple):
    """An order with the bytes of its media."""

    order: CampaignOrder
    content: bytes


def read_campaign_order(stream: BinaryIO) -> ReceivedCampaign:
    """Read an order and its media; raises AdministrationError if they are incomplete."""
    try:
        order = CampaignOrder.model_validate_json(stream.readline())
    except ValidationError as error:
        fields = ", ".join(sorted({".".join(map(str, item["loc"])) for item in error.errors()}))
        message = f"standard input does not begin with a campaign order (check {fields or 'its form'})"
        raise AdministrationError(message) from None
    wanted = order.media.size if order.media is not None and order.media.follows else 0
    content = stream.read(wanted) if wanted else b""
    if len(content) < wanted:
        message = f"only {len(content)} of the file's {wanted} bytes arrived; try again"
        raise AdministrationError(message)
    return ReceivedCampaign(order, content)


@dataclass(frozen=True, slots=True)
class _Desk:
    """Where an order is carried out: in one transaction, which holds the instance if it changes anything."""

    connection: Connection
    organization: UUID
    instance: UUID
    settings: InstanceSettings
    audience: Audience
    order: CampaignOrder

    @property
    def shop(self) -> Shop:
        now = datetime.now(zone_or_default(self.settings.timezone))
        settings = self.settings
        return Shop(self.connection, self.organization, self.instance, settings.display_name, settings.limits, now)


async def carry_out_campaign(
    engine: Engine, library: FileLibrary, received: ReceivedCampaign
) -> CampaignAnswer | CampaignsAnswer:
    """Do what was ordered; raises AdministrationError, and then nothing was done."""
    order = received.order
    await require_known(engine, order.organization, order.instance)
    organization, instance = organization_id(order.organization), instance_id(order.organization, order.instance)
    async with organization_transaction(engine.pool, organization) as connection:
        if order.verb not in _READING:
            await connection.execute("select lock_instance($1)", instance)
        document: str = await connection.fetchval("select settings from instances where id = $1", instance)
        settings = InstanceSettings.decode(document.encode())
        desk = _Desk(connection, organization, instance, settings, _audience_of(settings), order)
        if order.verb is CampaignVerb.LIST:
            found = await campaigns_of(connection, instance, LISTED)
            return CampaignsAnswer(campaigns=tuple(_shown(desk, campaign, "listed") for campaign in found))
        if order.number:
            return await _resume_number(desk)
        if order.text is None:
            return await _named(desk, order)
        return await _of_file(desk, library, received)


def _audience_of(settings: InstanceSettings) -> Audience:
    try:
        vertical = Verticals().named(settings.ai.profile)
    except ProfileUnknownError as error:
        raise AdministrationError(str(error)) from error
    if not isinstance(vertical, Marketer):
        message = f"the profile {settings.ai.profile!r} has no campaigns"
        raise AdministrationError(message)
    return vertical.audience()


async def _resume_number(desk: _Desk) -> CampaignsAnswer:
    resumed = await desk.connection.fetchval(
        "select resume_proactive($1, $2, $3)", desk.organization, desk.instance, WHO
    )
    return CampaignsAnswer(resumed=bool(resumed))


async def _of_file(desk: _Desk, library: FileLibrary, received: ReceivedCampaign) -> CampaignAnswer:
    """Do what is ordered about a campaign that is there as a file."""
    order = desk.order
    file = read_campaign(order.text or "", desk.audience, order.file)
    stored = await campaign_named(desk.connection, desk.instance, file.name)
    said = await _said(desk, file, media_of(file, received, stored))
    if order.verb is CampaignVerb.PREVIEW:
        return _previewed(said.name, "draft", await preview_of(desk.shop, desk.audience, said))
    if order.verb is CampaignVerb.APPROVE:
        if stored is None or stored.digest != digest_of(said):
            message = (
                f"{order.file or 'the file'} is not what is kept as campaign {file.name!r}: run `oxy campaign create` "
                "with it, look at the preview, and approve then"
            )
            raise AdministrationError(message)
        return await _approve(desk, stored)
    return await _create(desk, library, said, received.content)


async def _said(desk: _Desk, file: CampaignFile, media: FileContent | None) -> Said:
    zone = zone_or_default(desk.settings.timezone)
    segment = await known_service(desk.connection, desk.organization, zone, file.segment)
    if segment is None:
        names = ", ".join(await service_names(desk.connection, desk.organization, zone)) or "none"
        message = f"segment.service: no service of the catalog alone is called {file.segment.servico!r}: {names}"
        raise AdministrationError(message)
    said = said_in(file, segment, media, zone)
    if (objection := objection_to_times(said, desk.shop.now, desk.settings.limits)) is not None:
        message = f"campaign {said.name!r}: {objection}"
        raise AdministrationError(message)
    return said


def media_of(file: CampaignFile, received: ReceivedCampaign, stored: Campaign | None) -> FileContent | None:
    """Return the media of a campaign: as it is stored, if it is the same, else as its bytes say."""
    order = received.order.media
    if file.media is None:
        return None
    if order is None:
        message = f"media: {file.media} did not come along; name it as it is called beside the campaign's file"
        raise AdministrationError(message)
    kept = None if stored is None else stored.media
    is_begun_anew = order.follows and stored is not None and stored.state is CampaignState.CANCELLED
    if kept is not None and kept.sha256 == order.sha256 and not is_begun_anew:  # whose file may be deleted
        return kept
    if not order.follows:
        return None
    media = described(FileOrder(name=order.name, size=order.size), received.content)
    if media.kind not in _KINDS:
        message = f"media: {order.name} is {media.kind.value}; a campaign's file is an image, a video or a document"
        raise AdministrationError(message)
    if is_program(order.name, received.content):
        message = f"media: {order.name} is a program, which phones do not open; send an image, a video or a document"
        raise AdministrationError(message)
    return media


async def _create(desk: _Desk, library: FileLibrary, said: Said, content: bytes) -> CampaignAnswer:
    preview = await preview_of(desk.shop, desk.audience, said)
    draft = Draft(said, preview.recipients, WHO)
    kept = await keep_draft(desk.connection, desk.organization, desk.instance, draft)
    if kept.outcome == "fixed":
        message = (
            f"campaign {said.name!r} is approved, or was, and cannot be changed: what its recipients get is fixed. "
            "Give this one another name; `oxy campaign cancel` ends the other"
        )
        raise AdministrationError(message)
    if said.media is not None and content and kept.outcome != "same":
        await _store(desk, library, said.media, content)
    state = await campaign_named(desk.connection, desk.instance, said.name)
    return _previewed(said.name, "draft" if state is None else state.state.value, preview, kept.outcome)


async def _store(desk: _Desk, library: FileLibrary, media: FileContent, content: bytes) -> None:
    key = FileKey(desk.organization, desk.instance, media.media_id)
    try:
        await library.add_with(desk.connection, key, outbound_file(media), memoryview(content))
    except FileLostError as error:
        raise not_stored(error) from error


def _previewed(name: str, state: str, preview: Preview, outcome: str = "previewed") -> CampaignAnswer:
    shown = CampaignPreview(
        **preview.model_dump(exclude={"examples"}),
        examples=tuple(CampaignExample(name=item.name, text=item.text) for item in preview.examples),
    )
    return CampaignAnswer(name=name, state=state, outcome=outcome, preview=shown)


async def _approve(desk: _Desk, campaign: Campaign) -> CampaignAnswer:
    pace = pace_of(desk.settings.limits.outbound_per_minute)
    wanted = ApprovalOrder(campaign.id, campaign.digest, WHO)
    approved = await approve(desk.shop, desk.audience, wanted, pace)
    if approved.outcome in _REFUSED:
        raise AdministrationError(_REFUSED[approved.outcome].format(name=campaign.name))
    return await _after(desk, campaign.name, approved.outcome.value)


_REFUSED: Final = {
    Approval.EMPTY: "nobody would get campaign {name!r} now; `oxy campaign preview` says who is left out",
    Approval.GONE: "campaign {name!r} was cancelled: give it another name, and create it under that",
    Approval.LATE: "campaign {name!r} has expired: give it later times and create it anew",
    Approval.SILENT: "campaign {name!r} would never leave: its hours lie within spec.limits.quietHours",
    Approval.CHANGED: "campaign {name!r} has been changed meanwhile: look at its preview, and approve then",
}


async def _named(desk: _Desk, order: CampaignOrder) -> CampaignAnswer:
    """Do what is ordered about a campaign by its name."""
    campaign = await campaign_named(desk.connection, desk.instance, order.name or "")
    if campaign is None:
        message = f"no campaign of {order.instance} is called {order.name!r}; `oxy campaign list` shows them"
        raise AdministrationError(message)
    match order.verb:
        case CampaignVerb.PREVIEW:
            shown = await preview_of(desk.shop, desk.audience, campaign)
            return _previewed(campaign.name, campaign.state.value, shown)
        case CampaignVerb.APPROVE:
            return await _approve(desk, campaign)
        case CampaignVerb.REPORT:
            return await _reported(desk, campaign, "reported")
        case _:
            return await _change(desk, campaign)


async def _change(desk: _Desk, campaign: Campaign) -> CampaignAnswer:
    """Pause, resume or cancel a campaign; raises AdministrationError if it is not in that state."""
    connection, organization, name = desk.connection, desk.organization, campaign.name
    match desk.order.verb:
        case CampaignVerb.PAUSE if await pause(connection, organization, campaign.id, WHO):
            return await _after(desk, name, "paused")
        case CampaignVerb.RESUME:
            pace = pace_of(desk.settings.limits.outbound_per_minute)
            if await resume(connection, organization, campaign.id, WHO, pace):
                return await _after(desk, name, "resumed")
        case CampaignVerb.CANCEL:
            withdrawn = await cancel(connection, organization, campaign.id, WHO)
            if withdrawn is not None:
                return (await _after(desk, name, "cancelled")).model_copy(update={"withdrawn": withdrawn})
    state = "a draft" if campaign.state is CampaignState.DRAFT else campaign.state.value
    message = f"campaign {name!r} is {state}: that cannot be done with it now"
    raise AdministrationError(message)


async def _after(desk: _Desk, name: str, outcome: str) -> CampaignAnswer:
    campaign = await campaign_named(desk.connection, desk.instance, name)
    if campaign is None:  # it is held by this transaction
        message = f"campaign {name!r} is gone"
        raise AdministrationError(message)
    return await _reported(desk, campaign, outcome)


async def _reported(desk: _Desk, campaign: Campaign, outcome: str) -> CampaignAnswer:
    results = await results_of(desk.connection, desk.organization, campaign.id)
    reputation = await reputation_of(desk.connection, desk.organization, desk.instance)
    waiting = [] if reputation is None or not results.waiting else reputation.waiting
    zone = zone_or_default(desk.settings.timezone)
    waits = tuple(
        CampaignWait(why=line.why, until=line.until and line.until.astimezone(zone))
        for line in waiting
        if line.purpose is Purpose.PROMOTION
    )
    report = CampaignReport(**results.model_dump(), waits=waits)
    return _shown(desk, campaign, outcome).model_copy(update={"report": report})


def _shown(desk: _Desk, campaign: Campaign, outcome: str) -> CampaignAnswer:
    zone = zone_or_default(desk.settings.timezone)
    return CampaignAnswer(
        name=campaign.name,
        state=campaign.state.value,
        outcome=outcome,
        approved_at=campaign.approved_at and campaign.approved_at.astimezone(zone),
        expires_at=campaign.expires_at and campaign.expires_at.astimezone(zone),
    )
