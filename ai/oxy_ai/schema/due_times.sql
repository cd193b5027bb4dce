-- When a conversation is due: pure decisions of plain values.

-- When a conversation is to be answered after a message at `moment`: once no further message has come for `debounce`,
-- but at most `debounce_max` after the first that waits; later by `gap_wait` (missing messages may still come); and not
-- while a person has the conversation.
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

-- When a conversation is due after a turn that answered up to `answered`: null, all is answered; else after the
-- debounce, or when the takeover ends.
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
