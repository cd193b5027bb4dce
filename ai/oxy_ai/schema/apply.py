"""Apply this version's schema to a database, in the caller's transaction."""

from collections.abc import Sequence
from typing import Final

import psycopg
import structlog

from oxy_ai.schema.parts import SchemaPart

Connection = psycopg.Connection[tuple[object, ...]]

_PARTS: Final = """
create table if not exists schema_parts (
    name text primary key,  -- the package whose tables.sql was run
    created_at timestamptz not null default now()
)
"""

_SETTLE: Final = """
do $$
declare
    f record;
begin
    for f in
        select p.oid, p.oid::regprocedure as name, p.prosecdef, v.oid::regproc as validator,
            p.xmin = pg_current_xact_id()::xid as defined, d.description = 'oxy' as ours
        from pg_proc p join pg_language l on l.oid = p.prolang join pg_proc v on v.oid = l.lanvalidator
        left join pg_description d on d.objoid = p.oid and d.classoid = 'pg_proc'::regclass
        where p.pronamespace = 'public'::regnamespace
    loop
        if f.defined then
            execute format('select %s(%s)', f.validator, f.oid);
            execute format('comment on function %s is %L', f.name, 'oxy');
            execute format('revoke all on function %s from public, oxy_app, oxy_scheduler', f.name);
            execute format('grant execute on function %s to oxy_app, oxy_scheduler', f.name);
            execute format('alter function %s owner to %I', f.name,
                case when f.prosecdef then 'oxy_scheduler' else current_user end);
        elsif f.ours then
            execute format('drop function %s', f.name);
        end if;
    end loop;
end $$
"""
"""Finishes all functions alike.

Functions defined by this transaction (`xmin`) are validated, now that all exist, marked as ours by the comment `oxy`,
and made executable by our roles only; oxy_scheduler owns the `security definer` ones. A marked function that this
transaction did not define is a leftover of another version and is dropped.
"""

log = structlog.get_logger()


def create_tables(connection: Connection, parts: Sequence[SchemaPart]) -> None:
    """Create the tables of the parts that this database does not have yet."""
    connection.execute(_PARTS)
    known = {name for (name,) in connection.execute("select name from schema_parts").fetchall()}
    for part in parts:
        if part.name not in known:
            connection.execute(part.tables.encode())
            connection.execute("insert into schema_parts (name) values (%s)", [part.name])
            log.info("tables_created", part=part.name)


def apply_functions(connection: Connection, parts: Sequence[SchemaPart]) -> None:
    """Replace functions, grants and policies by those of the files; needs the tables."""
    # A function may call one of a later file, so _SETTLE validates the bodies at the end.
    connection.execute("set local check_function_bodies = off")
    for text in (text for part in parts for text in part.functions):
        connection.execute(text.encode())
    for part in parts:
        connection.execute(part.access.encode())
    connection.execute("set local check_function_bodies = on")
    connection.execute(_SETTLE)
