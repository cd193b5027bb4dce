-- The engine's current tables. Every row belongs to an organization and is visible only while the setting oxy.org names
-- it; a session that has not set it sees nothing (access.sql). Column names give the unit of money: cents of the
-- tenant's currency, or micro-dollars.

-- Where a message stands among all of its instance: the start of its journal, the journal, its position there. It comes
-- with the message, so it does not depend on when or by which worker a report is stored.
create type place as (
    started_at timestamptz,
    epoch uuid,
    sequence bigint
);

create table organizations (
    id uuid primary key,  -- derived from the name (oxy_ai.ids), so that no lookup crosses organizations
    name text not null unique,
    facts_version bigint not null default 0,  -- counts changes of what assistants know of it (facts.sql)
    created_at timestamptz not null default now()
);

create table instances (
    organization_id uuid not null references organizations,
    id uuid not null unique,
    name text not null,
    settings jsonb not null,  -- oxy_core.envelopes.InstanceSettings: what is in force
    applied jsonb not null default '{}',  -- what the custom resource says (setting_overlays.sql)
    owner_keys text[] not null default '{}',  -- oxy_core.identity.phone_key of each owner
    closed_at timestamptz,
    primary key (organization_id, id)
);

-- What owners have changed of an instance's settings by word, over its custom resource.
create table setting_overlays (
    organization_id uuid not null,
    id bigint generated always as identity,
    instance_id uuid not null,
    field text not null,  -- path in the settings, in dots
    value jsonb not null,
    replaced jsonb not null,  -- what the custom resource said when it was made
    made_by text not null,
    made_at timestamptz not null default clock_timestamp(),
    until timestamptz,  -- null: until somebody ends it
    ended_at timestamptz,
    ended text check (ended in ('changed', 'replaced', 'over')),  -- changed: in the custom resource
    primary key (organization_id, id),
    check ((ended is null) = (ended_at is null)),
    foreign key (organization_id, instance_id) references instances
);
create unique index setting_overlays_in_force on setting_overlays (organization_id, instance_id, field)
where ended_at is null;

-- The journals of an instance's pods: a new one starts whenever the volume begins anew.
create table journals (
    organization_id uuid not null,
    instance_id uuid not null,
    epoch uuid not null,
    started_at timestamptz not null,
    primary key (instance_id, epoch),
    foreign key (organization_id, instance_id) references instances
);

-- What the newest report of an instance's connection says.
create table connection_states (
    organization_id uuid not null,
    instance_id uuid not null,
    state text not null,  -- oxy_core.envelopes.ConnectionState
    reason text,
    since timestamptz not null,  -- by the pod's clock, as the next ones
    down_since timestamptz,  -- when it was lost; null: it is there, or has never been
    outage_since timestamptz,  -- when it was lost the last time that it has come back from
    outage_until timestamptz,
    primary key (organization_id, instance_id),
    foreign key (organization_id, instance_id) references instances
);

create table contacts (
    organization_id uuid not null,
    id bigint generated always as identity,
    instance_id uuid not null,
    phone text,
    phone_key text,  -- oxy_core.identity.phone_key of the phone: equal for two numbers of one phone
    name text,
    private boolean not null default false,  -- family and friends: never answered; see also private_numbers
    opt_out text check (opt_out in ('proactive', 'all')),  -- what the contact does not want; null: nothing
    opt_out_place place,  -- of the message that said so last, or took it back
    opt_out_unconfirmed boolean not null default false,  -- the contact has not been told of it yet
    facts_version bigint not null default 0,  -- likewise of the contact
    created_at timestamptz not null default now(),
    primary key (organization_id, id),
    foreign key (organization_id, instance_id) references instances
);

create index contacts_created on contacts (organization_id, created_at);
create index contacts_phone on contacts (instance_id, phone_key) where phone_key is not null;

-- Numbers of people whom no instance of the organization answers, as the business lists them.
create table private_numbers (
    organization_id uuid not null references organizations,
    phone_key text not null,  -- as in contacts
    primary key (organization_id, phone_key)
);

create table conversations (
    organization_id uuid not null,
    id bigint generated always as identity unique,
    instance_id uuid not null,
    contact_id bigint not null,
    chat text not null,  -- newest address of the chat: answers go there
    self_chat boolean not null default false,
    -- Of its newest message.
    place place not null default row('-infinity', '00000000-0000-0000-0000-000000000000', 0)::place,
    pending_since timestamptz,  -- when the first open message arrived; null: none is open
    media_until timestamptz,  -- how long files of open messages are waited for at most; null or past: none is
    last_inbound_at timestamptz,  -- when the newest message to answer arrived
    last_message_at timestamptz,  -- when the newest message of either side arrived, or was queued
    introduced_by uuid,  -- the text that told the contact that a virtual assistant answers
    human_until timestamptz,  -- until when people answer, and the assistant is silent (people.sql)
    human_since timestamptz,
    human_reason text,  -- oxy_ai.records.HumanReason
    human_span interval,  -- how long it lasts from its beginning, or from a person's newest message
    handed_back place,  -- a person's message up to there does not silence the assistant any more
    urgent place,  -- of the newest message that seems to be an emergency; null: no turn has to look at one
    turn_id bigint,  -- the open turn
    due_at timestamptz,  -- when a worker may claim it; while claimed, the end of the lease
    lease_until timestamptz,
    fence bigint not null default 0,
    claims integer not null default 0,  -- in a row, none of which has ended
    merged_into bigint,
    asked_at timestamptz,  -- when the customer was last asked to send again what was lost
    exchanges jsonb,  -- oxy_ai.records.Exchanges: how the last ones followed one another
    proposal_id bigint,  -- what its owner was asked about last (proposals.sql); null: nothing yet
    created_at timestamptz not null default now(),
    primary key (organization_id, id),
    foreign key (organization_id, instance_id) references instances,
    foreign key (organization_id, contact_id) references contacts
);
create index conversations_due on conversations (organization_id, due_at) where due_at is not null;
create index conversations_claimed on conversations (organization_id) where lease_until is not null;
create index conversations_contact on conversations (organization_id, contact_id);

-- What is known of a chat's numbering (MessageSeen.chat_sequence) in one journal, under whichever address.
create table chat_journals (
    organization_id uuid not null,
    conversation_id bigint not null,
    epoch uuid not null,
    seen int4multirange not null,
    lost int4multirange not null default '{}',  -- waited for in vain
    gap_until timestamptz,  -- how long to wait for the missing numbers; null: none is missing
    own_sequence bigint,  -- place in the journal of the newest message that a person of the business wrote
    own_sent_at timestamptz,  -- when a person of the business wrote last
    primary key (conversation_id, epoch),
    foreign key (organization_id, conversation_id) references conversations
);

create table chat_alias (
    organization_id uuid not null,
    instance_id uuid not null,
    jid text not null,
    conversation_id bigint not null,
    primary key (instance_id, jid),
    foreign key (organization_id, instance_id) references instances,
    foreign key (organization_id, conversation_id) references conversations
);
create index chat_alias_conversation on chat_alias (conversation_id);

-- Addresses that a contact has given up, and after which message of the journal.
create table number_changes (
    organization_id uuid not null,
    instance_id uuid not null,
    old text not null,
    place place not null,
    conversation_id bigint not null,
    primary key (instance_id, old, place),
    foreign key (organization_id, instance_id) references instances,
    foreign key (organization_id, conversation_id) references conversations
);

create table turns (
    organization_id uuid not null,
    id bigint generated always as identity,
    conversation_id bigint not null,
    instance_id uuid not null,
    place place not null,  -- of the newest message that it takes into account
    based_on integer,  -- number of that message in its chat
    based_on_epoch uuid,  -- the journal that counted it
    trace text,
    state text not null default 'open' check (state in ('open', 'answered', 'skipped', 'replaced', 'dead', 'dropped')),
    assistant text,
    reason text,
    attempts integer not null default 0,
    replayed boolean not null default false,  -- a person asked for it: it is answered whatever its age
    replay_asked text check (replay_asked in ('always', 'unless_answered')),  -- so once its conversation is free
    waits integer not null default 0,  -- for a model endpoint that was out
    waiting_since timestamptz,
    regenerations smallint not null default 0,  -- answers discarded because a message came meanwhile
    hand_over jsonb,  -- oxy_ai.records.HandOver: people are to take over when it ends
    attachments jsonb not null default '[]',  -- oxy_ai.records.Attachment, in their order: sent when it ends (attachments.sql)
    created_at timestamptz not null default now(),
    finished_at timestamptz,
    primary key (organization_id, id),
    foreign key (organization_id, instance_id) references instances,
    foreign key (organization_id, conversation_id) references conversations
);
create index turns_dead on turns (organization_id, finished_at, id) where state = 'dead';
create index turns_replay_asked on turns (organization_id, conversation_id, id) where replay_asked is not null;
create index turns_finished on turns (organization_id, finished_at);
create index turns_emergencies on turns (conversation_id, finished_at) where reason = 'emergency';
create index turns_answered on turns (conversation_id, finished_at) where state = 'answered' or reason = 'draft';

-- Customers who were promised that a person answers: one open row at most of a conversation.
create table hand_overs (
    organization_id uuid not null,
    id bigint generated always as identity,
    instance_id uuid not null,
    conversation_id bigint not null,
    turn_id bigint not null,  -- that promised it last
    place place not null,  -- of the newest message that it takes into account: a person answers with a later one
    reason text not null,  -- oxy_ai.records.HandOverReason
    urgency text not null check (urgency in ('normal', 'urgent')),
    summary text not null,  -- what the customer wants, for the owner
    silences boolean not null,  -- whether the assistant waits for a person too; if not, it answers what comes next
    created_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    ended text check (ended in ('answered', 'handed_back', 'timed_out', 'replayed', 'assistant', 'merged')),
    primary key (organization_id, id),
    check ((ended is null) = (ended_at is null)),
    foreign key (organization_id, instance_id) references instances,
    foreign key (organization_id, conversation_id) references conversations,
    foreign key (organization_id, turn_id) references turns
);
create index hand_overs_conversation on hand_overs (organization_id, conversation_id);
create index hand_overs_turn on hand_overs (organization_id, turn_id);
create unique index hand_overs_open on hand_overs (organization_id, conversation_id) where ended_at is null;

create table turn_steps (
    organization_id uuid not null,
    turn_id bigint not null,
    round smallint not null,  -- below 0: an answer that was discarded
    response jsonb not null,
    results jsonb not null default '{}',  -- by tool call id
    created_at timestamptz not null default now(),
    primary key (organization_id, turn_id, round),
    foreign key (organization_id, turn_id) references turns
);

-- Answers that the assistant would have given: spec.ai.mode is Draft.
create table drafts (
    organization_id uuid not null,
    turn_id bigint not null,
    conversation_id bigint not null,
    body text not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (organization_id, turn_id),
    foreign key (organization_id, turn_id) references turns,
    foreign key (organization_id, conversation_id) references conversations
);
create index drafts_conversation on drafts (organization_id, conversation_id);

create type lane as enum ('reply', 'automation', 'campaign');

create table outbox (
    organization_id uuid not null,
    id uuid not null unique,
    instance_id uuid not null,
    conversation_id bigint not null,
    turn_id bigint,  -- null: no turn queued it
    part smallint not null,  -- 0 the answer, 1 the apology, 2 a notice to the owner (owner_notices), 3 sent by a command,
                             -- 4 a request to send again what was lost, 5 what confirms an opt-out,
                             -- 6 what is said in an emergency, 7 an attachment of the answer (attachments.sql),
                             -- 8 what nobody asked for (proactive.sql)
    piece smallint not null default 0,  -- of a long text
    lane lane not null default 'reply',
    position bigint generated always as identity,
    chat text not null,
    body text,  -- a plain text
    content jsonb,  -- anything else: oxy_core.outbound.OutboundContent
    based_on integer,
    based_on_epoch uuid,  -- the journal in which based_on counts
    trace text,
    expires_at timestamptz,
    -- Of what nobody asked for (part 8). Anything else has no purpose, and never waits for a budget.
    purpose text check (purpose in ('promotion', 'booking', 'report')),
    reference text,  -- what it belongs to: campaign:<id>, automation:<occurrence> or schedule:<…>
    as_queued jsonb,  -- oxy_ai.reputation.ProactiveMessage: text, introduction and how it stands in its conversation
    request_id uuid,  -- of its send request; null: its own id, under which it was not sent before
    held_until timestamptz,  -- while it is held; null: it is ready, infinity: until somebody frees it
    held_for text,  -- why
    released_at timestamptz,  -- last
    released_until timestamptz,  -- when it expires, as released: its pod may send it until then; null: it was not sent
    state text not null default 'pending' check (state in (
        'held', 'pending', 'accepted', 'sent', 'delivered', 'read', 'failed', 'superseded', 'expired', 'ambiguous', 'withheld'
    )),  -- withheld: its contact does not want it
    accepted_epoch uuid,  -- the journal that holds it
    whatsapp_id text,
    whatsapp_at timestamptz,  -- when WhatsApp received it, by its own clock
    refusal text,  -- oxy_core.outbound.SendRefusal
    delivered_at timestamptz,  -- by WhatsApp's clock, as the next two
    read_at timestamptz,
    played_at timestamptz,
    error text,
    created_at timestamptz not null default now(),
    accepted_at timestamptz,
    closed_at timestamptz,
    primary key (organization_id, id),
    unique (organization_id, turn_id, part, piece),
    check ((body is null) = (content is not null)),
    check (state <> 'held' or purpose is not null),
    foreign key (organization_id, instance_id) references instances,
    foreign key (organization_id, conversation_id) references conversations,
    foreign key (organization_id, turn_id) references turns
);
create index outbox_pending on outbox (instance_id, lane, position) where state = 'pending';
create index outbox_whatsapp_id on outbox (instance_id, whatsapp_id) where whatsapp_id is not null;
create index outbox_unconfirmed on outbox (conversation_id) where state in ('pending', 'accepted');
create index outbox_promises on outbox (conversation_id, created_at) where part = 1;
create index outbox_unsent on outbox (organization_id) where state in ('failed', 'expired', 'ambiguous');
create index outbox_withheld on outbox (organization_id, closed_at) where state = 'withheld';
create index outbox_accepted on outbox (instance_id) where state = 'accepted';
create index outbox_ready on outbox (instance_id, (purpose = 'promotion'), lane, position)
where state = 'held' and held_until is null;
create index outbox_waiting on outbox (instance_id, held_until) where state = 'held' and held_until is not null;
create index outbox_held on outbox (instance_id, expires_at) where state = 'held';
create index outbox_released on outbox (instance_id, released_at) where released_at is not null;
create index outbox_promoted on outbox (conversation_id, released_at) where purpose = 'promotion';
create index outbox_reference on outbox (instance_id, reference) where reference is not null;
create unique index outbox_requests on outbox (request_id) where request_id is not null;

-- What the owners' assistant would do, and has asked an owner about (proposals.sql).
create table proposals (
    organization_id uuid not null,
    id bigint generated always as identity,
    instance_id uuid not null,
    conversation_id bigint not null,
    turn_id bigint not null,  -- that proposed it
    tool text not null,
    arguments jsonb not null,  -- of the act, everything that was meant resolved to its rows
    intent text not null,  -- what will happen, as the owner reads it
    more boolean not null default false,  -- the turn would have proposed something else, too
    question_id uuid,  -- the text that asks; null: not asked
    state text not null default 'prepared' check (state in (
        'prepared', 'open', 'done', 'undone', 'declined', 'set_aside', 'expired'
    )),
    answer_turn bigint,  -- the first turn after the question: no other may act on it
    outcome text,  -- what the owner was told in the end
    created_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    primary key (organization_id, id),
    unique (organization_id, turn_id),
    check ((ended_at is null) = (state in ('prepared', 'open'))),
    foreign key (organization_id, instance_id) references instances,
    foreign key (organization_id, conversation_id) references conversations,
    foreign key (organization_id, turn_id) references turns,
    foreign key (organization_id, question_id) references outbox
);
create index proposals_question on proposals (organization_id, question_id) where question_id is not null;
create index proposals_open on proposals (organization_id, id) where state = 'open';

-- What an instance's number has sent without being asked, and whether it may (reputation.sql).
create table reputation (
    organization_id uuid not null,
    instance_id uuid not null,
    phone text,  -- of the number: another one has its own reputation
    next_at timestamptz not null default '-infinity',  -- when the next text may leave
    promotion_days integer not null default 0,  -- on how many days it has sent promotions
    promoted_on date,  -- the last of them
    pauses integer not null default 0,  -- how often it was stopped
    paused_at timestamptz,  -- null: it is not
    paused_for text check (paused_for in (
        'reachout_locked', 'rate_limited', 'banned', 'failures', 'opt_outs', 'person'
    )),
    paused_by text,  -- who; null: WhatsApp, or figures
    resumed_at timestamptz not null default '-infinity',  -- what was sent before says nothing any more
    primary key (organization_id, instance_id),
    check ((paused_at is null) = (paused_for is null)),
    foreign key (organization_id, instance_id) references instances
);

-- The current, or last, outage of the model endpoint of an instance.
create table model_outages (
    organization_id uuid not null,
    instance_id uuid not null,
    id uuid not null default gen_random_uuid(),
    began_at timestamptz not null default now(),
    failed_at timestamptz not null default now(),  -- last time
    primary key (organization_id, instance_id),
    foreign key (organization_id, instance_id) references instances
);

create table owner_notices (
    organization_id uuid not null,
    id bigint generated always as identity unique,
    instance_id uuid not null,
    kind text not null,  -- oxy_ai.records.NoticeKind
    reference text not null,  -- the row that it is about: message:<id>, turn:<id>, outbox:<id>, conversation:<id>, hand_over:<id>, report:<id>, outage:<id>, pause:<n>, job:<id>, jobs:<kind>:<day>
    outbox_id uuid,  -- the text that tells it; null: not told
    failures integer not null default 0,  -- times that it could not be told
    created_at timestamptz not null default clock_timestamp(),
    primary key (organization_id, id),
    unique (organization_id, instance_id, kind, reference),
    foreign key (organization_id, instance_id) references instances,
    foreign key (organization_id, outbox_id) references outbox
);
create index owner_notices_untold on owner_notices (organization_id, instance_id, id) where outbox_id is null;
create index owner_notices_reference on owner_notices (organization_id, reference);
create index owner_notices_outbox on owner_notices (outbox_id) where outbox_id is not null;

-- What became of a customer's message. Open: waiting, or in the open turn turn_id.
create type message_state as enum ('open', 'answered', 'person', 'ignored', 'dead', 'lost');

create table messages (
    organization_id uuid not null,
    id bigint generated always as identity,
    instance_id uuid not null,
    conversation_id bigint not null,
    chat text not null,
    sender text not null,
    whatsapp_id text,
    placeholder boolean not null default false,  -- undecryptable: does not take the id of the real message
    author text not null check (author in ('customer', 'phone', 'assistant')),
    place place not null,  -- of an assistant's text: that of the newest message it takes into account
    state message_state,  -- null: not a customer's
    turn_id bigint,  -- the turn that takes it as input
    awaited_until timestamptz,  -- how long a turn leaves it open because its file is to be read (readings.sql); null: it does not
    reason text,  -- why it was ignored, or is dead or lost
    settled_at timestamptz,  -- when it got its final state
    kind text not null,  -- oxy_core.message_kinds.MessageKind
    body text,  -- what a person reads of it, as it was first written
    command boolean not null default false,  -- an instruction to the assistant (oxy_core.chat_commands.is_hand_back): nothing that was said
    content jsonb,  -- whatever else it contains: those fields of oxy_core.envelopes.MessageSeen that have no column here
    source text,  -- oxy_core.content.MessageSource
    quoted_id text,
    target_id text,  -- WhatsApp's id of the message that this one changes (changes.sql)
    sent_at timestamptz not null,
    arrived_at timestamptz not null default clock_timestamp(),
    age_seconds double precision not null default 0,  -- when it arrived
    trace text,
    outbox_id uuid,
    primary key (organization_id, id),
    unique (instance_id, whatsapp_id, chat, sender, placeholder),
    foreign key (organization_id, instance_id) references instances,
    foreign key (organization_id, conversation_id) references conversations,
    foreign key (organization_id, outbox_id) references outbox,
    check ((author = 'customer') = (state is not null)),
    check ((reason is not null) = coalesce(state in ('ignored', 'dead', 'lost'), false)),
    check (state not in ('answered', 'dead') or turn_id is not null)
);
create index messages_conversation on messages (conversation_id, place, id);
create index messages_open on messages (organization_id, conversation_id, place) where state = 'open';
create index messages_bad on messages (organization_id) where state in ('dead', 'lost') or reason = 'stale';
create index messages_outbox on messages (outbox_id) where outbox_id is not null;
create index messages_turn on messages (turn_id) where turn_id is not null;
create index messages_changes on messages (conversation_id, target_id) where target_id is not null;
create index messages_arrived on messages (organization_id, arrived_at);

-- Reports that could not be stored because of their data: the bus has them, as dead letters.
create table dead_reports (
    organization_id uuid not null,
    id bigint generated always as identity,
    instance_id uuid not null,
    account text not null,  -- that sent it
    whole text not null,  -- SHA-256 of the report
    reason text not null,
    error text,
    message_id text,  -- as the report claims, if it can be read
    chat text,  -- likewise
    stream_began timestamptz not null,  -- which stream of dead letters has it
    sequence bigint not null,  -- of its newest dead letter there
    died_at timestamptz not null default clock_timestamp(),
    discarded_at timestamptz,  -- when the bus no longer had it
    primary key (organization_id, id),
    unique (instance_id, whole),
    foreign key (organization_id, instance_id) references instances
);

-- Files of messages (media.sql): received ones, announced by their message, on their way from the pod, then stored; and
-- those to be sent. The pod chooses the ids of received ones, so they are unique within its instance only.
create table media (
    organization_id uuid not null,
    instance_id uuid not null,
    id uuid not null,
    direction text not null check (direction in ('in', 'out')),
    message_id bigint,  -- that it came with; null: not stored yet, or the file is to be sent
    kind text,  -- oxy_core.message_kinds.MessageKind of that message
    mime text,  -- as its sender calls it
    found_mime text,  -- by its content, as the pod sees it
    name text,
    size_bytes bigint,  -- announced, then counted
    sha256 text,  -- likewise, in hex
    chunks integer,  -- on the bus and in media_chunks
    state text not null check (state in ('announced', 'arriving', 'stored', 'failed', 'deleted')),
    reason text,  -- why it failed
    location text,  -- of a stored one: database, or its key in the object store
    created_at timestamptz not null default clock_timestamp(),
    settled_at timestamptz,  -- when it was stored, failed or was deleted
    expired_at timestamptz,  -- since when its bytes are to be deleted
    primary key (instance_id, id),
    foreign key (organization_id, instance_id) references instances,
    foreign key (organization_id, message_id) references messages,
    check ((reason is not null) = (state = 'failed')),
    check ((location is not null) = (state = 'stored'))
);
create index media_message on media (organization_id, message_id) where message_id is not null;
create index media_kept on media (instance_id, settled_at, id) where state = 'stored';
create index media_apart on media (instance_id, settled_at, id) where message_id is null;
create index media_in_database on media (organization_id) include (size_bytes) where location = 'database';

create table media_chunks (
    organization_id uuid not null,
    instance_id uuid not null,
    media_id uuid not null,
    number integer not null,  -- from 0; each but the last has oxy_core.jetstream.CHUNK_BYTES
    bytes bytea not null,
    primary key (instance_id, media_id, number),
    foreign key (instance_id, media_id) references media
);
-- WhatsApp's files are compressed already.
alter table media_chunks alter column bytes set storage external;

-- What models hear in voice notes and see in pictures (readings.sql). What nobody may hear, or has revoked, has no row.
create table readings (
    organization_id uuid not null,
    instance_id uuid not null,
    media_id uuid not null,
    message_id bigint not null,
    way text not null check (way in ('heard', 'seen')),
    text text,  -- the words that were spoken, or what the picture shows
    failure text,  -- oxy_ai.messages.ReadingFailure: why there is none; not the last word until it is settled
    attempts smallint not null default 0,  -- answers that could not be used
    created_at timestamptz not null default clock_timestamp(),
    settled_at timestamptz,
    primary key (instance_id, media_id),
    foreign key (instance_id, media_id) references media,
    foreign key (organization_id, message_id) references messages on delete cascade,
    check (text is null or failure is null and settled_at is not null),
    check (settled_at is null or text is not null or failure is not null)
);
create index readings_message on readings (organization_id, message_id);

-- Calls of models (money.sql), one row each: those of a turn's rounds, and those that heard or saw a message.
create table ai_interactions (
    organization_id uuid not null,
    id uuid not null,  -- made before the model is asked, so that no call counts twice
    instance_id uuid not null,
    conversation_id bigint not null,
    turn_id bigint,  -- null: no turn asked. It may be gone, as the message: what was spent is kept for its own time
    round smallint,
    message_id bigint,  -- that was heard or seen
    kind text not null check (kind in ('chat', 'transcription', 'vision')),
    assistant text not null,
    model text not null,  -- that answered, or was asked first
    prompt_hash text,  -- which version of the prompt it answers (oxy_ai.assistants.prompt_files)
    prompt_tokens bigint not null,
    cached_tokens bigint not null,
    completion_tokens bigint not null,
    audio_seconds double precision not null,
    cost_microdollars bigint,  -- null: nobody knows, or it is not settled
    price_source text,  -- where the price is from; null: nobody knows it
    latency_ms bigint not null,
    tool_calls text[] not null,  -- names
    outcome text not null,  -- oxy_ai.records.CallOutcome
    intent text,  -- what the customer wants (oxy_ai.assistants.intents)
    intent_confidence real,
    intent_method text,
    month date not null,  -- in which it counts: the first day, in the instance's time zone
    reserved_microdollars bigint,  -- before it was asked; null: there was no budget
    created_at timestamptz not null default now(),
    primary key (organization_id, id),
    foreign key (organization_id, instance_id) references instances,
    foreign key (organization_id, conversation_id) references conversations
);
create index ai_interactions_created on ai_interactions (organization_id, created_at);
create index ai_interactions_conversation on ai_interactions (organization_id, conversation_id);

-- What the calls of an instance cost in a month: the sum of its rows of ai_interactions, so that a budget needs one row.
create table ai_months (
    organization_id uuid not null,
    instance_id uuid not null,
    month date not null,
    spent_microdollars bigint not null default 0,
    reserved_microdollars bigint not null default 0,  -- for calls that are not settled: under way, or their worker died
    primary key (instance_id, month),
    foreign key (organization_id, instance_id) references instances
);

create table audit_log (
    organization_id uuid not null references organizations,
    id bigint generated always as identity,
    at timestamptz not null default now(),
    actor text not null,
    action text not null,
    turn_id bigint,
    detail text,
    primary key (organization_id, id)
);

-- Queues: ids and times only. Not under row-level security; only functions of oxy_scheduler use them.

-- The latest time that PostgreSQL's clock has shown (clock.sql), in one row.
create table database_clock (
    latest timestamptz not null
);
create unique index database_clock_row on database_clock ((true));
insert into database_clock values (clock_timestamp());

create table org_queue (
    organization_id uuid primary key references organizations,
    ready_at timestamptz not null default 'infinity',
    arrival_at timestamptz not null default '-infinity',  -- GCRA: the theoretical arrival time of the next turn
    open_at timestamptz not null default '-infinity',  -- earliest time at which the rate allows a turn
    concurrency integer,  -- turns of it at a time, over all workers; null: no limit, as of the rate
    per_second double precision
);
create index org_queue_ready on org_queue (ready_at) where ready_at < 'infinity';

-- Orders what workers see of the settings bucket and what they apply of it (instances.sql).
create sequence settings_order;

create table relay_queue (
    instance_id uuid primary key references instances (id),
    organization_id uuid not null references organizations,
    account text not null unique,
    closed boolean not null default false,
    settings_bucket timestamptz not null,  -- when the bucket began from which the settings were applied
    settings_revision bigint not null,  -- of their entry in that bucket
    settings_order bigint not null default nextval('settings_order'),  -- when they were applied
    ready_at timestamptz not null default 'infinity',
    holder uuid,
    held_until timestamptz not null default '-infinity',
    failures integer not null default 0,
    connection_place place,  -- of the newest report of the connection
    ended boolean not null default false,  -- what it said: the connection has ended, and there is no pod
    proactive_at timestamptz not null default 'infinity'  -- when its held texts are to be looked at (proactive.sql)
);
create index relay_queue_ready on relay_queue (ready_at) where ready_at < 'infinity';

-- Tells this database from one that begins anew, and from an older copy of itself (database_state.sql). One row, of no
-- organization.
create table database_state (
    one boolean primary key default true check (one),
    id uuid not null default gen_random_uuid(),
    mark bigint not null default 0,  -- counts up as long as workers run
    replaced uuid,  -- the id of the database that workers served before
    held_until timestamptz not null default '-infinity',  -- no turn is claimed before
    created_at timestamptz not null default clock_timestamp()
);

-- Files that are to be stored, deleted or given up at some time.
create table media_queue (
    instance_id uuid not null,
    media_id uuid not null,
    organization_id uuid not null references organizations,
    account text,  -- that published its chunks, as long as they are wanted
    due_at timestamptz not null default clock_timestamp(),  -- while a worker has it: the end of its lease
    claims integer not null default 0,  -- in a row
    primary key (instance_id, media_id)
);
create index media_queue_due on media_queue (due_at);

-- Stored files that are to be read.
create table reading_queue (
    instance_id uuid not null,
    media_id uuid not null,
    organization_id uuid not null references organizations,
    due_at timestamptz not null default clock_timestamp(),  -- while a worker has it: the end of its lease
    held boolean not null default false,  -- whether a worker has it
    claims integer not null default 0,  -- in a row, none of which has ended
    primary key (instance_id, media_id)
);
create index reading_queue_due on reading_queue (due_at);

create table notice_queue (
    notice_id bigint primary key,
    organization_id uuid not null references organizations,
    instance_id uuid not null,
    failures integer not null,  -- as in owner_notices
    urgent boolean not null default false,  -- it is not gathered with others first
    noted_at timestamptz not null default clock_timestamp()
);

-- Something that is open or ended badly (ledger.sql).
create type ledger_entry as (
    what text,  -- message (to the business), report (not stored), text (to send), notice (to the owner), person (promised)
    id text,
    conversation bigint,
    state text,
    reason text,
    since timestamptz,
    wrong text  -- what must not be; null: nothing
);

-- A turn that failed for good, as it is listed.
create type dead_turn as (
    turn bigint,
    organization text,
    instance text,
    reason text,
    attempts integer,
    at timestamptz,
    phone text,
    asked boolean  -- it is replayed once its conversation is free
);

-- The two addresses of a chat and the conversations that have them (conversations.sql).
create type chat_addresses as (
    hidden text,
    plain text,
    by_hidden bigint,
    by_plain bigint,
    spelled bigint  -- by_plain, unless only another spelling of the number is known
);

-- A message as a pod reports it: the body of a report (oxy_core.envelopes.MessageSeen).
create type inbound_message as (
    whatsapp_id text,
    chat text,
    chat_alias text,
    sender text,
    from_me boolean,
    self_chat boolean,
    push_name text,
    kind text,
    text text,
    quoted_id text,
    sent_at timestamptz,
    chat_sequence integer,
    source text,
    before_pairing boolean,
    details jsonb,
    content jsonb,  -- its fields beside those above and what only tells how it came
    command boolean  -- a person's instruction to the assistant
);
