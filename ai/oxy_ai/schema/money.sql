-- What calls of models cost, and the budgets of instances. A call is a row of ai_interactions under an id that its worker
-- has made, so that it counts once however often it is stored. With a budget, its largest cost is reserved before the model
-- is asked; what nobody settles, because the worker died, counts in full.

-- Store a call, or settle it if it was reserved; `call` is oxy_ai.records.NewCall. What is stored already stays as it is.
create or replace function record_call(organization uuid, call jsonb) returns void
language plpgsql
as $$
declare
    c ai_interactions := jsonb_populate_record(null::ai_interactions, call);
begin
    if insert_call(organization, c) then
        perform count_call(organization, c, c.cost_microdollars, 0);
        return;
    end if;
    update ai_interactions i
    set model = c.model, prompt_tokens = c.prompt_tokens, cached_tokens = c.cached_tokens,
        completion_tokens = c.completion_tokens, audio_seconds = c.audio_seconds,
        cost_microdollars = c.cost_microdollars, price_source = c.price_source, latency_ms = c.latency_ms,
        tool_calls = c.tool_calls, outcome = c.outcome, intent = c.intent, intent_confidence = c.intent_confidence,
        intent_method = c.intent_method
    where i.organization_id = organization and i.id = c.id and i.outcome = 'reserved' returning i.* into c;
    if found then
        perform count_call(organization, c, c.cost_microdollars, -c.reserved_microdollars);
    end if;
end $$;

-- False: it is stored already.
create or replace function insert_call(organization uuid, c ai_interactions) returns boolean
language plpgsql
as $$
begin
    c.organization_id := organization;
    c.created_at := clock_timestamp();
    insert into ai_interactions select c.* on conflict do nothing;
    return found;
end $$;

-- Add to a call's month. Its row is the last that a transaction locks before the texts to send (organizations.sql).
create or replace function count_call(organization uuid, c ai_interactions, spent bigint, reserved bigint) returns void
language sql
as $$
    insert into ai_months as m (organization_id, instance_id, month, spent_microdollars, reserved_microdollars)
    values (organization, c.instance_id, c.month, coalesce(spent, 0), reserved)
    on conflict (instance_id, month) do update
    set spent_microdollars = m.spent_microdollars + excluded.spent_microdollars,
        reserved_microdollars = m.reserved_microdollars + excluded.reserved_microdollars
$$;

-- Reserve the largest cost of a call (oxy_ai.records.NewCall, its outcome is reserved) in its month. False: the budget has
-- no room for it, and the owner is told. He is warned once `share` of it is used: of each budget that the month is given.
create or replace function reserve_call(organization uuid, call jsonb, share double precision) returns boolean
language plpgsql
as $$
declare
    c ai_interactions := jsonb_populate_record(null::ai_interactions, call);
    budget bigint;
    used bigint;
    about text;
begin
    perform enter_org(organization);
    budget := budget_of(organization, c.instance_id);
    about := concat_ws(':', 'month', c.month, budget);
    perform count_call(organization, c, 0, 0);
    update ai_months m set reserved_microdollars = m.reserved_microdollars + c.reserved_microdollars
    where m.instance_id = c.instance_id and m.month = c.month
        and (m.spent_microdollars + m.reserved_microdollars + c.reserved_microdollars <= budget) is not false
    returning m.spent_microdollars + m.reserved_microdollars into used;
    if used is null then
        perform note_for_owner(organization, c.instance_id, 'budget_spent', about);
        return false;
    end if;
    perform insert_call(organization, c);
    if used >= share * budget and wants_warnings(organization, c.instance_id) then
        perform note_for_owner(organization, c.instance_id, 'budget_low', about);
    end if;
    return true;
end $$;

-- Whether an instance's owners want to be warned before something runs out; that it has, they hear in any case.
create or replace function wants_warnings(organization uuid, instance uuid) returns boolean
language plpgsql stable
as $$
begin
    return (
        select i.settings #>> '{ai,aurora,warnings,enabled}' is distinct from 'false' from instances i
        where i.organization_id = organization and i.id = instance
    );
end $$;

-- Forget a call that was reserved, because no endpoint took it.
create or replace function release_call(organization uuid, call uuid) returns void
language plpgsql
as $$
declare
    c ai_interactions;
begin
    delete from ai_interactions i where i.organization_id = organization and i.id = call and i.outcome = 'reserved'
    returning i.* into c;
    if found then
        perform count_call(organization, c, 0, -c.reserved_microdollars);
    end if;
end $$;

-- What an instance's calls may cost in a month; null: any amount, or its settings are damaged.
create or replace function budget_of(organization uuid, instance uuid) returns bigint
language plpgsql stable
as $$
begin
    return (
        select case when jsonb_typeof(i.settings #> '{ai,monthly_budget_microdollars}') = 'number'
                    then (i.settings #>> '{ai,monthly_budget_microdollars}')::numeric::bigint end
        from instances i where i.organization_id = organization and i.id = instance
    );
end $$;

-- What a call counts for: its cost, or what was reserved for it as long as nobody has settled it; null: nobody knows.
create or replace function charge_of(c ai_interactions) returns bigint
language sql immutable parallel safe
as $$ select coalesce(c.cost_microdollars, case when c.outcome = 'reserved' then c.reserved_microdollars end) $$;
