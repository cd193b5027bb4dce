"""One document of each format that outlives a process, with every field set, and one with only what is required."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from oxy_core.content import (
    ChatType,
    Details,
    FileOffered,
    LinkPreview,
    MessageSource,
    PlaceholderReason,
    Poll,
    Quote,
)
from oxy_core.database_mark import DatabaseMark
from oxy_core.envelopes import (
    Accepted,
    ConnectionChanged,
    ConnectionState,
    Envelope,
    EraseRequest,
    FreezeRequest,
    InstanceSettings,
    Lane,
    LiveState,
    MessageSeen,
    Report,
    ReportBody,
    ResumeRequest,
    SendOutcome,
    SendRequest,
    SendResult,
)
from oxy_core.files import FileArrived, FileFailed, FileFailure
from oxy_core.freeze import Freeze, Hold
from oxy_core.identity import Jid
from oxy_core.instance.pairing_offer import PairingMethod, PairingOffer
from oxy_core.instance.pairing_proof import PairingProof
from oxy_core.instance.session_states import (
    BackupOutcome,
    BackupState,
    LeaveState,
    LeaveStep,
    RestoreOutcome,
    RestoreState,
)
from oxy_core.instance.settings import (
    AiSettings,
    AuroraSettings,
    AutomationQueueSettings,
    CampaignQueueSettings,
    DailySummarySettings,
    EmptyAgendaSettings,
    InboundSettings,
    LimitsSettings,
    MessageQueueSettings,
    ModelPrice,
    OpportunitiesSettings,
    QueuesSettings,
    ReconnectSettings,
    RetentionSettings,
    TranscriptionSettings,
    VisionSettings,
    WarningsSettings,
    WeeklyReportSettings,
)
from oxy_core.instance.stored_session import SessionFacts, VolumeProblem
from oxy_core.message_kinds import MessageKind
from oxy_core.outbound import FileContent, FileKind, Quoted, SendRefusal
from oxy_core.report_bodies import ContactErased, InstanceEvent, MessageLost, NumberChanged, ReceiptKind, ReceiptsSeen
from oxy_core.session_backups import BackupManifest, BackupPlan, LeaveWish, RestoreWish
from oxy_core.tenant import TenantSettings, TerminationMessage

MOMENT: Final = datetime(2026, 11, 28, 12, 30, tzinfo=UTC)
ID: Final = UUID("01940000-0000-7000-8000-000000000001")
LID: Final = Jid.parse("123456789@lid")
PHONE: Final = Jid.parse("5511987651111@s.whatsapp.net")
OTHER: Final = Jid.parse("5511987653333@s.whatsapp.net")
TRACE: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

FREEZE: Final = Freeze(revision=7, hold=Hold(since=MOMENT, by="ana@example.com", reason="wrong prices"))


def report(body: ReportBody, **optional: object) -> Report:
    return Report.model_validate(
        {
            "id": ID,
            "organization": "flor",
            "instance": "petshop",
            "journal_epoch": ID,
            "journal_sequence": 7,
            "occurred_at": MOMENT,
            "trace": TRACE,
            "body": body,
        }
        | optional
    )


MESSAGE: Final = MessageSeen(
    whatsapp_id="3EB0C431C26A1916E07A",
    chat=LID,
    chat_alias=PHONE,
    sender=LID,
    from_me=False,
    push_name="Ana",
    kind=MessageKind.POLL,
    text="Banho ou tosa?",
    quoted_id="3EB0AAAA",
    sent_at=MOMENT,
    delay_seconds=0.5,
    chat_sequence=4,
    chat_type=ChatType.DIRECT,
    source=MessageSource.CONTACT,
    business_name="Flor Ltda.",
    details=Poll(options=("Banho", "Tosa"), total=2, selectable=1),
    quote=Quote(whatsapp_id="3EB0AAAA", sender=LID, from_me=True, kind=MessageKind.TEXT, text="Olá"),
    mentions=(PHONE,),
    preview=LinkPreview(url="https://flor.example", title="Flor", description="Pet shop"),
    file=FileOffered(
        id=ID, mime="image/jpeg", size=1_024, sha256="ab" * 32, name="rex.jpg", seconds=3, width=640, height=480
    ),
    view_once=True,
    ephemeral_seconds=86_400,
    forwarded=True,
    offline=True,
    before_pairing=True,
    original_length=70_000,
    placeholder_reason=PlaceholderReason.TOO_LARGE,
)
"""Has what readers of version 1 do not know."""


TEXT_MESSAGE: Final = MessageSeen(
    whatsapp_id="3EB0C431C26A1916E07A",
    chat=LID,
    chat_alias=PHONE,
    sender=LID,
    from_me=False,
    self_chat=False,
    push_name="Ana",
    kind=MessageKind.TEXT,
    text="Quanto custa o banho? 🐶",
    quoted_id="3EB0AAAA",
    sent_at=MOMENT,
    delay_seconds=0.5,
    chat_sequence=3,
    source=MessageSource.CONTACT,
    business_name="Flor Ltda.",
    quote=Quote(whatsapp_id="3EB0AAAA", sender=LID, from_me=True, kind=MessageKind.TEXT, text="Olá"),
    mentions=(PHONE,),
    preview=LinkPreview(url="https://flor.example", title="Flor", description="Pet shop"),
    ephemeral_seconds=86_400,
    forwarded=True,
    offline=True,
    original_length=70_000,
    placeholder_reason=PlaceholderReason.TOO_LARGE,
)
"""Has what readers of version 1 know, and what they may overlook."""

MANIFEST: Final = BackupManifest(
    id=ID,
    organization="flor",
    instance="petshop",
    number="ab" * 12,
    device="ab" * 32,
    epoch=2,
    journal_epoch=ID,
    made_at=MOMENT,
    linked_at=MOMENT,
    request="4f1c",
    database_bytes=4_000_000,
    compressed_bytes=1_000_000,
    sha256="ab" * 32,
    chunks=4,
    key_id="ab" * 8,
    library="neonize 0.5.2",
    volume="0b1c7a52-0000-4000-8000-000000000003",
    leaving=True,
)

SEND_REQUEST: Final = SendRequest(
    id=ID,
    organization="flor",
    instance="petshop",
    chat=LID,
    content=FileContent(
        kind=FileKind.DOCUMENT,
        media_id=ID,
        mime="application/pdf",
        size=4_096,
        sha256="ab" * 32,
        name="orçamento.pdf",
        caption="O orçamento",
        seconds=1,
        quote=Quoted(whatsapp_id="3EB0AAAA", sender=LID, text="Quanto custa?"),
    ),
    lane=Lane.REPLY,
    based_on=3,
    based_on_epoch=ID,
    created_at=MOMENT,
    expires_at=MOMENT,
    valid_seconds=21_600,
    resumption=1_930_000_000_000_000,
    trace=TRACE,
)


FULL: Final[Mapping[str, Envelope]] = {
    "report-message": report(
        TEXT_MESSAGE,
        journal_started_at=MOMENT,
    ),
    "report-message-content": report(MESSAGE),
    "report-receipts": report(
        ReceiptsSeen(kind=ReceiptKind.READ, request_ids=(ID,), whatsapp_ids=("3EB0BBBB",), chat=LID, at=MOMENT)
    ),
    "report-message-lost": report(
        MessageLost(whatsapp_id="3EB0CCCC", chat=LID, sender=LID, from_me=False, sent_at=MOMENT, found_by="store")
    ),
    "report-number-changed": report(NumberChanged(old=PHONE, new=OTHER, old_lid=LID, new_lid=LID, at=MOMENT)),
    "report-file-arrived": report(
        FileArrived(media_id=ID, chunks=2, size=300_000, sha256="ab" * 32, mime="image/jpeg")
    ),
    "report-file-failed": report(FileFailed(media_id=ID, reason=FileFailure.EXPIRED)),
    "report-send-result": report(
        SendResult(
            request_id=ID,
            outcome=SendOutcome.FAILED,
            whatsapp_id="3EB0BBBB",
            error="WhatsApp refused it",
            whatsapp_timestamp=MOMENT,
            refusal=SendRefusal.RATE_LIMITED,
            retry_after_seconds=60,
            resumption=1_930_000_000_000_000,
        )
    ),
    "report-connection": report(
        ConnectionChanged(state=ConnectionState.RECONNECTING, reason="ConnectionLost", detail="EOF", jid=PHONE)
    ),
    "send-request": SendRequest(
        id=ID,
        organization="flor",
        instance="petshop",
        chat=LID,
        text="O banho custa R$ 60,00.",
        lane=Lane.REPLY,
        based_on=3,
        based_on_epoch=ID,
        created_at=MOMENT,
        expires_at=MOMENT,
        valid_seconds=21_600,
        resumption=1_930_000_000_000_000,
        trace=TRACE,
    ),
    "send-request-content": SEND_REQUEST,
    "report-contact-erased": report(ContactErased(request_id=ID, left=("session.bad-20261128T123000Z.db",))),
    "report-event": report(InstanceEvent(name="whatsapp:phone_offline", at=MOMENT, facts={"days": 10})),
    "erase-request": EraseRequest(
        id=ID, organization="flor", instance="petshop", salt=ID, digests=("ab" * 32,), seconds_ago=3_600, trace=TRACE
    ),
    "freeze-request": FreezeRequest(organization="flor", instance="petshop", freeze=FREEZE),
    "resume-request": ResumeRequest(organization="flor", instance="petshop", resumption=1_930_000_000_000_000),
    "accepted": Accepted(request_id=ID, journal_epoch=ID, journal_sequence=2),
    "live-state": LiveState(
        organization="flor",
        instance="petshop",
        pod_uid="5f0c",
        epoch=2,
        heartbeat_at=MOMENT,
        connection=ConnectionState.PAIRING,
        jid=PHONE,
        attempts=1,
        next_attempt_at=MOMENT,
        last_reason="ConnectionLost",
        last_error="EOF",
        receiving=False,
        last_frame_at=MOMENT,
        pairing=PairingOffer(method=PairingMethod.PHONE_CODE, code="ABCD1234", qr="2@x", expires_at=MOMENT),
        publish_refusal="maximum messages exceeded",
        last_activity_at=MOMENT,
        session_bytes=4096,
        messages_lost=2,
        reachout_locked_since=MOMENT,
        frozen=FREEZE,
        session=SessionFacts(
            linked_at=MOMENT,
            device=3,
            library_version="0.5.2",
            messages=7,
            peers=4,
            set_aside_bytes=4096,
            others_aside=True,
            regained_by="4f1c",
            checked_at=MOMENT,
            restored_at=MOMENT,
        ),
        volume_problem=VolumeProblem.VOLUME_FULL,
        volume_bytes=1 << 30,
        volume_free_bytes=1 << 20,
        journal_bytes=1 << 20,
        backup=BackupState(
            outcome=BackupOutcome.DONE,
            at=MOMENT,
            request="4f1c",
            reason="Verified",
            detail="Restored in a test.",
            last_id=ID,
            last_at=MOMENT,
        ),
        restore=RestoreState(
            wish="0194-3", outcome=RestoreOutcome.REFUSED, at=MOMENT, reason="SessionNewer", detail="Set force."
        ),
        leaving=LeaveState(
            wish="0b52", step=LeaveStep.FAILED, at=MOMENT, backup=ID, reason="NotConnected", detail="No connection."
        ),
        client_version="2.3000.1047769893",
        client_published_on=MOMENT.date(),
        pairing_proof=PairingProof.CONFIRMED,
        phone_offline_days=10,
    ),
    "instance-settings": InstanceSettings(
        organization="flor",
        instance="petshop",
        account="ACCOUNT",
        generation=4,
        uid="0b52",
        created_at=MOMENT,
        display_name="Pet Shop da Flor",
        phone_number="+5511987651111",
        timezone="America/Sao_Paulo",
        owners=("+5511987652222",),
        owner_lids=("123456789012345@lid",),
        max_answer_age_seconds=3_600,
        ask_to_repeat=True,
        ai=AiSettings(
            paused=True,
            base_url="https://model.example/v1",
            fallback_models=("gpt-4o",),
            timeout_seconds=12,
            monthly_budget_microdollars=25_000_000,
            prices=(
                ModelPrice(
                    model="own",
                    input=Decimal("0.15"),
                    cached_input=Decimal("0.075"),
                    output=Decimal("0.6"),
                    audio_minute=Decimal("0.003"),
                ),
            ),
            transcription=TranscriptionSettings(base_url="https://hearing.example/v1", max_seconds=60),
            vision=VisionSettings(base_url="https://seeing.example/v1", max_bytes=1_048_576),
            profile="barber",
            mode="Only",
            only_phones=("+5511987653333",),
            handover_minutes=60,
            late_message="FollowUp",
            tone="Formal.",
            allowed_links=("flor.example",),
            system_prompt_extra="Seja breve.",
            aurora=AuroraSettings(
                enabled=False,
                daily_summary=DailySummarySettings(enabled=False, at="19:30"),
                weekly_report=WeeklyReportSettings(enabled=False, weekday=5, at="17:00"),
                empty_agenda=EmptyAgendaSettings(enabled=False),
                opportunities=OpportunitiesSettings(enabled=False),
                warnings=WarningsSettings(enabled=False),
            ),
        ),
        limits=LimitsSettings(
            contact_turns_per_hour=12,
            outbound_per_minute=10,
            campaign_per_day=80,
            warm_up=(10, 40),
            proactive_interval_days=14,
            quiet_hours="20:00-09:30",
            pause_failure_percent=10,
            pause_opt_out_percent=3,
            pause_sample=30,
        ),
        queues=QueuesSettings(
            message=MessageQueueSettings(concurrency=4, per_second=8, attempts=4, backoff_seconds=1),
            automation=AutomationQueueSettings(concurrency=2, attempts=5, backoff_seconds=3),
            campaign=CampaignQueueSettings(concurrency=1, attempts=1, backoff_seconds=9),
        ),
        retention=RetentionSettings(
            messages=365,
            media=30,
            readings=60,
            turn_steps=45,
            ai_interactions=200,
            jobs=20,
            campaigns=100,
            audit=900,
            dead_letters=70,
            backups=14,
        ),
        suspended=True,
        frozen=FREEZE,
    ),
    "tenant-settings": TenantSettings(
        organization="flor",
        instance="petshop",
        phone_number="+5511987651111",
        pairing_method=PairingMethod.QR_CODE,
        pairing_until=MOMENT,
        confirm_pairing=True,
        reconnect=ReconnectSettings(max_attempts=3),
        pacing="None",
        browser="Debian",
        mark_online=True,
        journal_percent=40,
        volume_bytes=1 << 30,
        inbound=InboundSettings(groups=True, statuses=True, max_file_bytes=1_048_576),
        inbound_per_second=5,
        frozen=FREEZE,
        bus_state="2026-11-28T12:30:00Z",
        backup=BackupPlan(enabled=True, every_hours=12, request="4f1c"),
        restore=RestoreWish(id="0194-3", manifest=MANIFEST, force=True),
        leave=LeaveWish(id="0b52"),
    ),
    "termination-message": TerminationMessage(
        epoch=2,
        pod_uid="5f0c",
        exit_code=66,
        reason="TemporaryBan",
        message="WhatsApp has temporarily banned this number.",
        ended_at=MOMENT,
        ban_expires_at=MOMENT,
        client_version="2.3000.1047769893",
    ),
    "database-mark": DatabaseMark(id=ID, mark=7, began_anew="0af7651916cd43dd"),
}
"""By name of the golden file. A test fails if a field of a format is missing here."""


def of_message(kind: MessageKind, details: Details) -> Report:
    """Return the report of a message with this content."""
    return report(MESSAGE.model_copy(update={"kind": kind, "details": details}))


def minimal(document: Envelope) -> Envelope:
    """Return the document with only what its format requires."""
    required = {name for name, field in type(document).model_fields.items() if field.is_required()}
    if isinstance(document, SendRequest):  # which needs one of the two
        required.add("text" if document.content is None else "content")
    return type(document).model_validate({name: getattr(document, name) for name in required})
