"""Our schema in a database's catalog, as comparable lines: everything but the order of columns."""

import psycopg

_QUERIES = {
    "column": """
        select format('%s.%s %s default %s generated %s identity %s not null %s acl %s', c.relname, a.attname,
            format_type(a.atttypid, a.atttypmod), coalesce(pg_get_expr(d.adbin, d.adrelid), '-'), a.attgenerated,
            a.attidentity, a.attnotnull, a.attacl)
        from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'c')
    """,
    "relation": """
        select format('%s %s owner %s acl %s row security %s %s', c.relkind, c.relname, c.relowner::regrole, (
                select array_agg(entry::text order by entry::text) from unnest(c.relacl) entry
            ), c.relrowsecurity, c.relforcerowsecurity)
        from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'S', 'c')
    """,
    "constraint": """
        select format('%s %s: %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
        from pg_constraint where connamespace = 'public'::regnamespace
    """,
    "index": "select indexdef from pg_indexes where schemaname = 'public'",
    "trigger": "select pg_get_triggerdef(oid) from pg_trigger where not tgisinternal",
    "enum": """
        select format('%s: %s', t.typname, string_agg(e.enumlabel, ', ' order by e.enumsortorder))
        from pg_type t join pg_enum e on e.enumtypid = t.oid group by t.typname
    """,
    "policy": """
        select format(
            '%s %s %s %s %s using %s check %s', tablename, policyname, permissive, cmd, roles, qual, with_check
        )
        from pg_policies where schemaname = 'public'
    """,
    "function": """
        select format('%s owner %s acl %s comment %s: %s', p.oid::regprocedure, p.proowner::regrole, (
                select array_agg(entry::text order by entry::text) from unnest(p.proacl) entry
            ), obj_description(p.oid, 'pg_proc'), pg_get_functiondef(p.oid))
        from pg_proc p where p.pronamespace = 'public'::regnamespace
    """,
    "part": "select name from schema_parts",
    "revision": "select version_num from alembic_version",
}


def schema_of(url: str) -> set[str]:
    """Everything that the schema consists of, a line each."""
    with psycopg.connect(url) as connection:
        return {
            f"{kind} {row[0]}"
            for kind, query in _QUERIES.items()
            for row in connection.execute(query.encode()).fetchall()
        }
