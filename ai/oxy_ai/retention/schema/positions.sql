-- Each kind of data is walked through oldest first, a batch at a time, in the order of an index. Whoever is interrupted
-- begins at the oldest again: what was deleted is gone, and what is still needed is little. The position of a row is text
-- that sorts as the rows do: a time and a number, or an id.

create or replace function retention_position(at timestamptz, id bigint) returns text
language sql immutable parallel safe
as $$ select to_char(at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || numbered_position(id) $$;

create or replace function numbered_position(id bigint) returns text
language sql immutable parallel safe
as $$ select '|' || lpad(id::text, 20, '0') $$;

create or replace function position_time(after text) returns timestamptz
language sql immutable parallel safe
as $$ select coalesce(nullif(split_part(after, '|', 1), '')::timestamp at time zone 'UTC', '-infinity') $$;

create or replace function position_number(after text) returns bigint
language sql immutable parallel safe
as $$ select coalesce(nullif(split_part(after, '|', 2), '')::bigint, 0) $$;

create or replace function position_id(after text) returns uuid
language sql immutable parallel safe
as $$ select coalesce(nullif(after, ''), rpad('', 32, '0'))::uuid $$;

-- The smallest id of version 7 that was made then: its first 48 bits are the milliseconds (oxy_core.identity.new_id).
create or replace function first_id_at(moment timestamptz) returns uuid
language sql immutable parallel safe
as $$
    select rpad(lpad(to_hex(greatest(0, floor(extract(epoch from moment) * 1000))::bigint), 12, '0'), 32, '0')::uuid
$$;

-- Look through one batch of a kind (oxy_ai.retention.rules.Walk) for rows that were kept for longer than `kept`. `now` is
-- the worker's clock: where it and the database's differ, the earlier one counts, because what is deleted does not come back.
create or replace function expire(
    what text, organization uuid, instance uuid, kept interval, now timestamptz, after text, how_many integer
) returns retention_step
language plpgsql
as $$
declare
    older timestamptz := least(clock_timestamp(), now) - kept;
begin
    return case what
        when 'dead_turns' then drop_old_turns(organization, instance, older, after, how_many)
        when 'dead_reports' then expire_dead_reports(organization, instance, older, after, how_many)
        when 'dead_jobs' then drop_old_jobs(organization, instance, older, after, how_many)
        when 'files' then expire_files(organization, instance, older, after, how_many)
        when 'readings' then expire_readings(organization, instance, older, after, how_many)
        when 'turn_steps' then expire_turn_steps(organization, instance, older, after, how_many)
        when 'messages' then expire_messages(organization, instance, older, after, how_many)
        when 'lone_files' then expire_lone_files(organization, instance, older, after, how_many)
        when 'notices' then expire_notices(organization, instance, older, after, how_many)
        when 'proposals' then expire_proposals(organization, instance, older, after, how_many)
        when 'texts' then expire_texts(organization, instance, older, after, how_many)
        when 'turns' then expire_turns(organization, instance, older, after, how_many)
        when 'calls' then expire_calls(organization, instance, older, after, how_many)
        when 'occurrences' then expire_occurrences(organization, instance, older, after, how_many)
        when 'campaigns' then expire_campaigns(organization, instance, older, after, how_many)
        when 'jobs' then expire_jobs(organization, instance, older, after, how_many)
        when 'audit' then expire_audit(organization, older, after, how_many)
    end;
end $$;
