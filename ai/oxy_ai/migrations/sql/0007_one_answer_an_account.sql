-- Settings may be stored while a batch is: an account that was unknown at its first report of a batch stays unknown to
-- the end of it, or its later reports would overtake the earlier ones, which are kept for the next batch.
create or replace function ingest(batch jsonb) returns text[]
language plpgsql
as $$
declare
    item record;
    destination record;
    result record;
    outcomes text[] := '{}';
    unknown text[] := '{}';
    woken jsonb := '{}';
    key uuid;
begin
    for key in select distinct (t ->> 'instance')::uuid from jsonb_array_elements(batch) t order by 1 loop
        perform lock_instance(key);
    end loop;
    for item in
        select t ->> 'account' as account, (t ->> 'organization')::uuid as organization,
            (t ->> 'instance')::uuid as instance, t -> 'report' as report
        from jsonb_array_elements(batch) with ordinality as b (t, n) order by n
    loop
        if item.account = any (unknown) then
            outcomes := outcomes || 'unknown'::text;
            continue;
        end if;
        select * into destination from route(item.account);
        if destination.instance is null then
            unknown := unknown || item.account;
            outcomes := outcomes || 'unknown'::text;
            continue;
        elsif destination.instance <> item.instance then
            outcomes := outcomes || 'foreign'::text;
            continue;
        elsif destination.closed then
            outcomes := outcomes || 'closed'::text;
            continue;
        end if;
        perform enter_org(item.organization);
        case item.report -> 'body' ->> 'type'
        when 'message' then
            select * into result from ingest_message(item.organization, item.instance, item.report);
            if result.due < coalesce((woken ->> item.organization::text)::timestamptz, 'infinity') then
                woken := woken || jsonb_build_object(item.organization, result.due);
            end if;
            outcomes := outcomes || result.outcome;
        when 'send_result' then
            update outbox
            set state = item.report -> 'body' ->> 'outcome', whatsapp_id = item.report -> 'body' ->> 'whatsapp_id',
                error = item.report -> 'body' ->> 'error', closed_at = clock_timestamp()
            where organization_id = item.organization and instance_id = item.instance
                and id = (item.report -> 'body' ->> 'request_id')::uuid and closed_at is null;
            outcomes := outcomes || case when found then 'stored' else 'duplicate' end;
        else
            update instances
            set connection = item.report -> 'body' ->> 'state', connection_reason = item.report -> 'body' ->> 'reason',
                connection_at = (item.report ->> 'occurred_at')::timestamptz
            where organization_id = item.organization and id = item.instance
                and coalesce(connection_at, '-infinity') <= (item.report ->> 'occurred_at')::timestamptz;
            outcomes := outcomes || case when found then 'stored' else 'duplicate' end;
        end case;
    end loop;
    for item in select k::uuid as organization, at::timestamptz as at from jsonb_each_text(woken) as w (k, at) order by 1 loop
        perform wake_org(item.organization, item.at);
    end loop;
    for key in select distinct (t ->> 'instance')::uuid from jsonb_array_elements(batch) t order by 1 loop
        perform retry_relay(key);
    end loop;
    return outcomes;
end $$;
