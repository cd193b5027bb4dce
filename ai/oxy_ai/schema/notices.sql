-- What an instance's owner must hear of: noted where it happens, told in groups by a worker.

-- Note something for the owner, once per kind and reference. `reference` names a row: message:<id>, turn:<id>,
-- outbox:<id>, conversation:<id> or outage:<id>. It locks no row that another transaction may want, so any
-- transaction of the organization may call it.
create or replace function note_for_owner(organization uuid, instance uuid, kind text, reference text) returns void
language plpgsql
as $$
declare
    notice bigint;
begin
    insert into owner_notices (organization_id, instance_id, kind, reference)
    values (organization, instance, kind, reference) on conflict do nothing returning id into notice;
    if notice is not null then
        perform queue_notice(organization, instance, notice, 0);
    end if;
end $$;

create or replace function queue_notice(organization uuid, instance uuid, notice bigint, told integer) returns void
language sql security definer set search_path = public, pg_temp
as $$
    insert into notice_queue (notice_id, organization_id, instance_id, tells)
    values (notice, organization, instance, told)
$$;
