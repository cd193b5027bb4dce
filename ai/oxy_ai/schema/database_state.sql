-- Which database this is: workers compare it with what they have published on the bus (oxy_ai.engine.database_watch).

-- Count up and return the state. Whoever has read a mark on the bus before gets a greater one, unless commits are gone.
create or replace function mark_database() returns database_state
language sql security definer set search_path = public, pg_temp
as $$
    insert into database_state as d default values on conflict (one) do update set mark = d.mark + 1 returning d.*
$$;

-- Note, once, that this database replaces `former`, or is an older copy of it, which gets an id of its own. Turns wait
-- for `hold`: pods publish meanwhile what this database does not know.
create or replace function replace_database(known uuid, former uuid, hold interval) returns void
language sql security definer set search_path = public, pg_temp
as $$
    update database_state
    set id = case when id = former then gen_random_uuid() else id end, replaced = former,
        held_until = clock_timestamp() + hold
    where id = known and replaced is distinct from former
$$;

-- Whether this is the database that a worker knows, with all that it has seen committed, and turns need not wait.
create or replace function may_claim(known uuid, seen bigint) returns boolean
language sql stable security definer set search_path = public, pg_temp
as $$
    select coalesce(bool_and(
        (known is null or d.id = known and d.mark >= seen) and d.held_until <= clock_timestamp()
    ), true)
    from database_state d
$$;

-- Until when no turn is claimed, because this database replaces another or is an older copy; null: nobody has counted.
create or replace function turns_held_until() returns timestamptz
language sql stable security definer set search_path = public, pg_temp
as $$ select d.held_until from database_state d $$;
