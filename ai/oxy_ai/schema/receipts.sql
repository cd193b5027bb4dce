-- Receipts of what was sent. A message goes on from sent to delivered to read, and never back, in whatever order results and
-- receipts are stored: a receipt proves that it was sent, whatever was assumed or reported before.

-- How far a message has come by its receipts; null: there are none.
create or replace function state_by_receipts(o outbox) returns text
language sql immutable parallel safe
as $$
    select case when coalesce(o.read_at, o.played_at) is not null then 'read'
                when o.delivered_at is not null then 'delivered' end
$$;

-- Whether WhatsApp has a message.
create or replace function was_sent(o outbox) returns boolean
language sql immutable parallel safe
as $$ select o.state in ('sent', 'delivered', 'read') $$;

-- Take note of all receipts of a batch, in one statement for each organization.
create or replace function note_receipts(batch jsonb, outcomes text[]) returns void
language plpgsql
as $$
declare
    organization uuid;
    items jsonb;
begin
    for organization, items in
        select (b.item ->> 'organization')::uuid, jsonb_agg(b.item)
        from jsonb_array_elements(batch) with ordinality b (item, n)
        where b.item -> 'report' -> 'body' ->> 'type' = 'receipts' and outcomes[b.n] = 'stored'
        group by 1 order by 1
    loop
        perform enter_org(organization);
        perform apply_receipts(organization, items);
    end loop;
end $$;

-- The first of each kind counts. `items` are oxy_ai.records.InboundReport with oxy_core.report_bodies.ReceiptsSeen.
create or replace function apply_receipts(organization uuid, items jsonb) returns void
language sql
as $$
    with seen as (
        select (i.item ->> 'instance')::uuid as instance,
            coalesce((select o.id from outbox o where o.request_id = r.request::uuid), r.request::uuid) as request,
            min(b.at) filter (where b.kind = 'delivered') as delivered,
            min(b.at) filter (where b.kind = 'read') as read, min(b.at) filter (where b.kind = 'played') as played
        from jsonb_array_elements(items) i (item)
        cross join lateral jsonb_to_record(i.item -> 'report' -> 'body') b (kind text, at timestamptz, request_ids jsonb)
        cross join lateral jsonb_array_elements_text(b.request_ids) r (request)
        group by 1, 2
    ), told as (
        update outbox o
        set delivered_at = least(o.delivered_at, s.delivered), read_at = least(o.read_at, s.read),
            played_at = least(o.played_at, s.played), error = null, refusal = null,
            state = case when coalesce(s.read, s.played) is not null or o.state = 'read' then 'read' else 'delivered' end,
            closed_at = coalesce(o.closed_at, clock_timestamp())
        from seen s
        where o.organization_id = organization and o.instance_id = s.instance and o.id = s.request
        returning o.instance_id, o.id
    )
    select withdraw_notice(organization, t.instance_id, n.kind, 'outbox:' || t.id)
    from told t cross join unnest('{failed,expired,ambiguous}'::text[]) n (kind)
    where exists (
        select from owner_notices w where w.organization_id = organization and w.reference = 'outbox:' || t.id
    )
$$;
