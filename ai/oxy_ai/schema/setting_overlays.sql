-- What owners have changed of an instance's settings by word, over what its custom resource says. instances.applied has
-- the resource's settings, instances.settings what is in force: nobody else need know of the difference.

-- A document's value at a path in dots; json's null where it has none.
create or replace function setting_in(document jsonb, field text) returns jsonb
language sql immutable parallel safe
as $$ select coalesce(document #> string_to_array(field, '.'), 'null') $$;

-- Whether a document still says what an overlay replaced. One of an older version, which does not have the field yet, has
-- not changed it.
create or replace function still_says(document jsonb, field text, replaced jsonb) returns boolean
language sql immutable parallel safe
as $$ select setting_in(document, field) in ('null', replaced) $$;

-- The document with a value at a path, whose objects it may not have either.
create or replace function with_setting(document jsonb, path text[], value jsonb) returns jsonb
language plpgsql immutable parallel safe
as $$
begin
    if cardinality(path) = 0 then
        return value;
    end if;
    return coalesce(nullif(document, 'null'), '{}')
        || jsonb_build_object(path[1], with_setting(document -> path[1], path[2:], value));
end $$;

-- The settings in force if the custom resource says `document`. Ends the overlays of what it has changed since they were
-- made, and those whose time is over.
create or replace function settings_in_force(organization uuid, instance uuid, document jsonb) returns jsonb
language plpgsql
as $$
declare
    o setting_overlays;
begin
    for o in
        select * from setting_overlays s
        where s.organization_id = organization and s.instance_id = instance and s.ended_at is null for no key update
    loop
        if not still_says(document, o.field, o.replaced) then
            perform end_overlay(o, 'changed');
        elsif o.until <= clock_timestamp() then
            perform end_overlay(o, 'over');
        else
            document := with_setting(document, string_to_array(o.field, '.'), o.value);
        end if;
    end loop;
    return document;
end $$;

create or replace function end_overlay(o setting_overlays, how text) returns void
language sql
as $$
    update setting_overlays set ended_at = clock_timestamp(), ended = how
    where organization_id = o.organization_id and id = o.id and ended_at is null
$$;

-- Bring an instance's settings in force up to date with its overlays; false: they were. What its number may not send under
-- others is looked at: the relay's row is locked first, as by apply_instance.
create or replace function refresh_settings(organization uuid, instance uuid) returns boolean
language plpgsql
as $$
declare
    document jsonb;
begin
    perform wake_proactive(instance);
    select i.applied into document from instances i
    where i.organization_id = organization and i.id = instance for no key update;
    document := settings_in_force(organization, instance, document);
    update instances i set settings = document
    where i.organization_id = organization and i.id = instance and i.settings is distinct from document;
    return found;
end $$;

-- Set a field over the custom resource, until then (null: without end), because `who` says so. Where that is what the
-- resource says itself, only an earlier overlay ends. `otherwise` is what a resource that does not have the field means.
-- False: nothing changed.
create or replace function overlay_setting(
    organization uuid, instance uuid, field text, value jsonb, otherwise jsonb, who text, until timestamptz
) returns boolean
language plpgsql
as $$
declare
    replaced jsonb;
begin
    perform enter_org(organization);
    perform wake_proactive(instance);  -- as refresh_settings does, before the instance's row is locked
    select coalesce(nullif(setting_in(i.applied, overlay_setting.field), 'null'), otherwise) into replaced from instances i
    where i.organization_id = organization and i.id = instance for no key update;
    perform end_overlay(o, 'replaced') from setting_overlays o
    where o.organization_id = organization and o.instance_id = instance and o.field = overlay_setting.field
        and o.ended_at is null;
    if replaced <> value then
        insert into setting_overlays (organization_id, instance_id, field, value, replaced, made_by, until)
        values (organization, instance, field, value, replaced, who, until);
    end if;
    return refresh_settings(organization, instance);
end $$;

-- Instances with an overlay whose time is over.
create or replace function instances_with_overdue_overlays() returns table (organization uuid, instance uuid)
language plpgsql
as $$
begin
    for organization in select * from known_organizations() loop
        perform enter_org(organization);
        return query
        select distinct o.organization_id, o.instance_id from setting_overlays o
        where o.organization_id = organization and o.ended_at is null and o.until <= clock_timestamp();
    end loop;
end $$;

-- The overlays of an instance that are in force: oxy_ai.setting_overlays.OverlaidSetting.
create or replace function overlaid_settings(organization uuid, instance uuid) returns setof jsonb
language plpgsql stable
as $$
begin
    return query
    select jsonb_build_object(
        'field', o.field, 'resource', o.replaced, 'in_force', o.value, 'made_by', o.made_by, 'made_at', o.made_at,
        'until', o.until
    )
    from setting_overlays o
    where o.organization_id = organization and o.instance_id = instance and o.ended_at is null
    order by o.field;
end $$;
