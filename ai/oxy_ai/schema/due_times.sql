-- When a conversation is due: pure functions of plain values.

-- When to answer after a message at `moment`: `debounce` after it, but at most `debounce_max` after the first pending
-- one; plus `gap_wait`, in which missing messages may still arrive; during a takeover, when that ends.
create or replace function due_after_message(
    moment timestamptz, pending_since timestamptz, human_until timestamptz, debounce interval, debounce_max interval,
    gap_wait interval
) returns timestamptz
language sql immutable parallel safe
as $$
    select case
        when human_until > moment then human_until
        else least(moment + debounce, pending_since + debounce_max) + gap_wait
    end
$$;

-- When a conversation is due after a turn that answered up to `answered`: after the debounce, or when the takeover
-- ends; null: everything is answered.
create or replace function due_after_turn(
    inbound bigint, answered bigint, moment timestamptz, last_inbound_at timestamptz, human_until timestamptz,
    debounce interval
) returns timestamptz
language sql immutable parallel safe
as $$
    select case
        when inbound <= answered then null
        when human_until > moment then human_until
        else last_inbound_at + debounce
    end
$$;
