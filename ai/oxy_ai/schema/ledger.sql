-- The ledger: what is open or went wrong, in and out. Checks of the tables hold that each message and each text has
-- exactly one state, and which columns go with it. What follows shows whether each that is not final is on its way to a final
-- state, and whether people were told of each that ended badly.

-- An organization's messages by state and reason; `since`: when the oldest of them got there.
create or replace function message_counts(organization uuid)
returns table (state message_state, reason text, messages bigint, since timestamptz)
language plpgsql stable
as $$
begin
    return query
    select m.state, m.reason, count(*), min(coalesce(m.settled_at, m.arrived_at))
    from messages m where m.organization_id = organization and m.state is not null
    group by m.state, m.reason;
end $$;

-- Why nothing will happen to an open message; null: it waits for its conversation's due time, or its turn is open.
create or replace function stranded(m messages, v conversations, t turns) returns text
language sql immutable parallel safe
as $$
    select case
        when v.merged_into is not null then 'its conversation was merged into another'
        when v.pending_since is null then 'its conversation does not count it'
        when v.due_at is null then 'its conversation is not due'
        when m.turn_id is not null and t.state is distinct from 'open' then 'its turn has ended'
        when m.turn_id is not null and m.turn_id is distinct from v.turn_id then 'its turn was forgotten'
    end
$$;

-- An organization's open messages to which nothing will happen. None, unless the engine has a fault.
create or replace function stranded_messages(organization uuid)
returns table (message bigint, conversation bigint, wrong text, since timestamptz)
language plpgsql stable
as $$
begin
    return query
    select (o.m).id, (o.v).id, stranded(o.m, o.v, o.t), (o.m).arrived_at
    from messages_with_turns(organization) o where stranded(o.m, o.v, o.t) is not null;
end $$;

-- An organization's open messages, each with its conversation and turn. Those are read for each of the few messages:
-- row-level security keeps the planner from knowing that few are open, and it would read all of the organization's.
create or replace function messages_with_turns(organization uuid)
returns table (m messages, v conversations, t turns)
language plpgsql stable
as $$
begin
    return query
    select o, (
        select c from conversations c where c.organization_id = organization and c.id = o.conversation_id
    ), (select n from turns n where n.organization_id = organization and n.id = o.turn_id)
    from messages o where o.organization_id = organization and o.state = 'open';
end $$;

-- Why a message is still open.
create or replace function why_open(m messages, v conversations, t turns) returns text
language sql stable parallel safe
as $$
    select case
        when m.turn_id is null and v.turn_id is not null then 'waits for the turn before it'
        when v.lease_until > clock_timestamp() then 'is being answered'
        when m.turn_id is not null and t.reason = 'closed' then 'its instance was deleted'
        when m.turn_id is not null and t.reason = 'suspended' then 'its instance is suspended'
        when m.turn_id is not null and t.reason = 'paused' then 'an owner has the assistant pause'
        when m.turn_id is not null and t.reason = 'rate'
        then 'its contact was answered as often as the settings allow within an hour'
        when m.turn_id is not null and t.waiting_since is not null then 'waits for the model: ' || t.reason
        when m.turn_id is not null and t.attempts > 0 then 'is tried again: ' || t.reason
        when v.human_until > clock_timestamp() and v.human_reason = 'hand_over' then 'a person is to answer'
        when v.human_until > clock_timestamp() then 'a person has taken over'
        when is_awaited(m) then 'waits for its file to be read'
        when v.due_at > clock_timestamp() then 'waits for more messages'
        else 'is due'
    end
$$;

-- Why an open message waits although its conversation is due, or will be before `held_until` (turns_held_until); null: for
-- no such reason.
create or replace function why_held(v conversations, held_until timestamptz) returns text
language sql stable parallel safe
as $$
    select case
        when v.lease_until > clock_timestamp() then null
        when held_until > greatest(clock_timestamp(), v.due_at)
        then to_char(held_until at time zone 'UTC', '"waits until "YYYY-MM-DD HH24:MI:SS" UTC: the database "')
            || 'began anew or was set back'
    end
$$;

-- An organization's entries that are open or ended badly, each with the time since when it is so. `wrong` says what
-- must not be; null: nothing. What happens within `grace` is not wrong yet.
create or replace function ledger(organization uuid, grace interval) returns setof ledger_entry
language plpgsql
as $$
begin
    perform enter_org(organization);
    return query
    select * from open_messages(organization)
    union all select * from bad_messages(organization)
    union all select * from bad_reports(organization)
    union all select * from open_texts(organization, clock_timestamp() - grace)
    union all select * from bad_texts(organization)
    union all select * from untold_notices(organization)
    union all select * from open_hand_overs(organization);
end $$;

create or replace function open_messages(organization uuid) returns setof ledger_entry
language plpgsql stable
as $$
declare
    held_until timestamptz := turns_held_until();
begin
    return query
    select 'message', (o.m).id::text, (o.v).id, (o.m).state::text,
        coalesce(why_held(o.v, held_until), why_open(o.m, o.v, o.t)), (o.m).arrived_at, stranded(o.m, o.v, o.t)
    from messages_with_turns(organization) o;
end $$;

-- Messages that ended without an answer of anybody, as far as we know.
create or replace function bad_messages(organization uuid) returns setof ledger_entry
language plpgsql stable
as $$
begin
    return query
    select 'message', m.id::text, m.conversation_id, m.state::text, m.reason, m.settled_at,
        case when t.assistant = 'customer' and not is_noted(organization, 'turn:' || t.id)
             then 'the owner was not told' end
    from messages m left join turns t on t.organization_id = organization and t.id = m.turn_id
    where m.organization_id = organization and is_bad(m.state, m.reason) and t.state is distinct from 'dropped';
end $$;

create or replace function is_bad(state message_state, reason text) returns boolean
language sql immutable parallel safe
as $$ select state in ('dead', 'lost') or reason = 'stale' $$;

-- Texts that are still to be sent or reported. After `earliest` nothing is wrong yet. By instance and state, because
-- indices tell these apart.
create or replace function open_texts(organization uuid, earliest timestamptz) returns setof ledger_entry
language plpgsql stable
as $$
begin
    return query
    select 'text', o.id::text, o.conversation_id, o.state,
        case o.state when 'pending' then 'no pod has accepted it' when 'accepted' then 'no result is reported'
                     else coalesce(o.held_for, 'its number may not send it yet') end,
        coalesce(o.accepted_at, o.created_at),
        case
            when o.state = 'held' and o.held_until < 'infinity' is not false and is_forgotten(o.instance_id)
            then 'nobody will release it'
            when o.state in ('held', 'pending') and o.expires_at < earliest then 'it has expired'
            when o.state = 'accepted' and is_superseded(o.instance_id, o.accepted_epoch) then 'its journal is gone'
        end
    from instances i cross join lateral (
        select h.* from outbox h where h.organization_id = organization and h.instance_id = i.id and h.state = 'held'
        union all
        select p.* from outbox p where p.organization_id = organization and p.instance_id = i.id and p.state = 'pending'
        union all
        select a.* from outbox a where a.organization_id = organization and a.instance_id = i.id and a.state = 'accepted'
    ) o where i.organization_id = organization;
end $$;

-- Whether no relay will ever look at the held texts of an open instance. None is, unless the engine has a fault.
create or replace function is_forgotten(instance uuid) returns boolean
language sql stable security definer set search_path = public, pg_temp
as $$ select exists (select from relay_queue q where q.instance_id = instance and not q.closed and q.proactive_at = 'infinity') $$;

-- Whether a newer journal of the instance is known.
create or replace function is_superseded(instance uuid, journal uuid) returns boolean
language plpgsql stable
as $$
begin
    return exists (
        select from journals old join journals newer on newer.instance_id = instance
            and newer.started_at > old.started_at
        where old.instance_id = instance and old.epoch = journal
    );
end $$;

-- Texts that were not sent, or perhaps not. Those that told the owner something are told again (untold_notices).
create or replace function bad_texts(organization uuid) returns setof ledger_entry
language plpgsql stable
as $$
begin
    return query
    select 'text', o.id::text, o.conversation_id, o.state, nullif(concat_ws(': ', o.refusal, o.error), ''), o.closed_at,
        case when o.error is distinct from 'InstanceDeleted' and o.purpose is distinct from 'promotion'
                and not is_noted(organization, 'outbox:' || o.id)
             then 'the owner was not told' end
    from outbox o
    where o.organization_id = organization and o.state in ('failed', 'expired', 'ambiguous')
        and o.part <> 2;
end $$;

create or replace function is_noted(organization uuid, about text) returns boolean
language plpgsql stable
as $$
begin
    return exists (select from owner_notices n where n.organization_id = organization and n.reference = about);
end $$;

create or replace function untold_notices(organization uuid) returns setof ledger_entry
language plpgsql stable
as $$
begin
    return query
    select 'notice', n.id::text, conversation_about(organization, n.reference), 'untold',
        notice_sentence(n.kind) || '; ' || why_untold(n, i), n.created_at,
        case when not is_queued(n.id) then 'nobody will tell it' end
    from owner_notices n join instances i on i.organization_id = organization and i.id = n.instance_id
    where n.organization_id = organization and n.outbox_id is null;
end $$;

-- Customers who were promised a person and have not heard from one.
create or replace function open_hand_overs(organization uuid) returns setof ledger_entry
language plpgsql stable
as $$
begin
    return query
    select 'person', h.id::text, h.conversation_id, 'awaited', h.reason || case h.urgency when 'urgent' then ', urgent' else '' end,
        h.created_at, case when not is_told(h) then 'the owner was not told' end
    from hand_overs h where h.organization_id = organization and h.ended_at is null;
end $$;

-- Whether the owner was, or will be, told that a customer waits for a person. Of an outage he is told once in all.
create or replace function is_told(h hand_overs) returns boolean
language plpgsql stable
as $$
begin
    return h.reason = 'model_outage' or is_noted(h.organization_id, 'hand_over:' || h.id)
        or is_noted(h.organization_id, 'turn:' || h.turn_id);
end $$;

-- What a kind of notice (oxy_ai.records.NoticeKind) says; one of a newer version is named.
create or replace function notice_sentence(kind text) returns text
language sql immutable parallel safe
as $$
    select case kind
        when 'turn_invalid' then 'the model gave an invalid answer'
        when 'turn_refused' then 'the model refused to answer'
        when 'turn_rejected' then 'the model endpoint rejected the request'
        when 'turn_unreadable' then 'the data stored for an answer could not be read'
        when 'turn_abandoned' then 'an answer was interrupted too many times'
        when 'turn_profile' then 'the profile in the settings is not installed'
        when 'turn_unanswered' then 'the assistant did not arrive at an answer'
        when 'turn_failed' then 'an answer failed with an internal error'
        when 'model_outage' then 'the model endpoint does not respond'
        when 'model_unauthorized' then 'the model endpoint refused the API key or the account has no credit'
        when 'hand_over' then 'a customer was promised a person'
        when 'hand_over_urgent' then 'a customer was promised a person, and it is urgent'
        when 'hand_over_unanswered' then 'nobody has answered a customer who was promised a person'
        when 'loop' then 'the assistant stopped answering what seems to be a machine'
        when 'stale' then 'a message became too old to be answered'
        when 'undecryptable' then 'a message could not be decrypted'
        when 'lost' then 'messages are missing from a chat'
        when 'file_lost' then 'a file of a message cannot be had any more'
        when 'failed' then 'WhatsApp did not accept a text'
        when 'expired' then 'a text was not sent in time'
        when 'ambiguous' then 'it is unknown whether a text was sent'
        when 'cancelled_late' then 'a customer who was reminded has cancelled at the last moment'
        when 'budget_low' then 'most of the month''s budget for models is used'
        when 'budget_spent' then 'the month''s budget for models has no room for another answer'
        when 'contact_job_dead' then 'a message that a contact should have got could not be made'
        when 'job_dead' then 'something that was to be done at some time could not be done'
        when 'campaign_job_dead' then 'messages of a campaign could not be made'
        when 'price_unknown' then 'there is a budget, but nobody knows what the model costs'
        when 'dead_report' then 'a report from WhatsApp could not be stored'
        when 'discarded_report' then 'a report that could not be stored was discarded'
        else coalesce(stop_sentence(kind), 'unknown kind of notice: ' || kind)
    end
$$;

-- Likewise why a number writes to nobody unasked any more.
create or replace function stop_sentence(kind text) returns text
language sql immutable parallel safe
as $$
    select case kind
        when 'stopped_reachout_locked' then 'WhatsApp lets the number write to nobody first'
        when 'stopped_rate_limited' then 'WhatsApp has asked the number to send less'
        when 'stopped_banned' then 'WhatsApp has banned the number'
        when 'stopped_failures' then 'too many promotions were not accepted'
        when 'stopped_opt_outs' then 'too many contacts wanted no more promotions'
    end
$$;

create or replace function why_untold(n owner_notices, i instances) returns text
language sql immutable parallel safe
as $$
    select case
        when i.closed_at is not null then 'its instance was deleted, so it waits until that is created again'
        when owners_of(i.settings) = '[]' and own_phone_of(i.settings) is null then 'the settings name nobody to tell'
        when n.failures = 0 then 'will be told soon'
        when n.failures = 1 then 'not told in 1 attempt'
        else 'not told in ' || n.failures || ' attempts'
    end
$$;

create or replace function is_queued(notice bigint) returns boolean
language sql stable security definer set search_path = public, pg_temp
as $$ select exists (select from notice_queue q where q.notice_id = notice) $$;

create or replace function known_organizations() returns setof uuid
language sql stable security definer set search_path = public, pg_temp
as $$ select q.organization_id from org_queue q $$;

-- The number of wrong entries of all organizations.
create or replace function ledger_violations(grace interval) returns bigint
language plpgsql
as $$
declare
    organization uuid;
    wrong bigint := 0;
begin
    for organization in select * from known_organizations() loop
        wrong := wrong + (select count(*) from ledger(organization, grace) l where l.wrong is not null);
    end loop;
    return wrong;
end $$;

-- An organization's ledger in short (oxy_ai.engine.ledger.OrganizationLedger): how many of what, and the `oldest`
-- entries, the wrong ones first; and what rules decided for the last `memory`.
create or replace function ledger_page(organization uuid, grace interval, memory interval, oldest integer)
returns jsonb
language plpgsql
as $$
declare
    entries ledger_entry[] := array(select l from ledger(organization, grace) l);
begin
    return jsonb_build_object(
        'violations', (select count(*) from unnest(entries) l where l.wrong is not null),
        'counts', ledger_counts(organization, entries),
        'rules', ledger_rules(organization, clock_timestamp() - memory), 'oldest', (
            select coalesce(jsonb_agg(ledger_line(organization, f.l) order by (f.l).since), '[]') from (
                select l from unnest(entries) l order by l.wrong is null, l.since limit oldest
            ) f
        )
    );
end $$;

-- What rules have decided since then instead of a model, or of a release: turns by their reason, and texts that were
-- withheld. The assistant does not die by a rule: what died has its own entries.
create or replace function ledger_rules(organization uuid, since timestamptz) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select coalesce(jsonb_agg(to_jsonb(r) order by r.what, r.state, r.reason), '[]') from (
            select 'turn' as what, t.state, t.reason, count(*) as entries, max(t.finished_at) as newest
            from turns t
            where t.organization_id = organization and t.finished_at >= since and t.reason is not null
                and t.state in ('answered', 'skipped')
            group by t.state, t.reason
            union all
            select 'text', o.state, o.error, count(*), max(o.closed_at) from outbox o
            where o.organization_id = organization and o.state = 'withheld' and o.closed_at >= since
            group by o.state, o.error
        ) r
    );
end $$;

create or replace function ledger_counts(organization uuid, entries ledger_entry[]) returns jsonb
language sql stable
as $$
    select coalesce(jsonb_agg(to_jsonb(c) order by c.what, c.state, c.reason), '[]') from (
        select l.what, l.state, l.reason, count(*) as entries, min(l.since) as since,
            count(*) filter (where l.wrong is not null) as wrong
        from unnest(entries) l group by l.what, l.state, l.reason
    ) c
$$;

-- An entry with the instance and the contact that it concerns.
create or replace function ledger_line(organization uuid, entry ledger_entry) returns jsonb
language plpgsql stable
as $$
begin
    return to_jsonb(entry) || coalesce((
        select jsonb_build_object('instance', i.name, 'phone', c.phone)
        from conversations v
        join instances i on i.organization_id = organization and i.id = v.instance_id
        join contacts c on c.organization_id = organization and c.id = v.contact_id
        where v.organization_id = organization and v.id = entry.conversation
    ), '{}');
end $$;
