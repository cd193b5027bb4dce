-- What owners have changed of an instance's settings by word, over what its custom resource says. instances.applied has
-- the resource's settings, instances.settings what is in force: nobody else need know of the difference.

-- A document's value at a path in dots; json's null where it has none.
create or replace function setting_in(document jsonb, field text) returns jsonb
language sql immutable parallel safe
as $$ select coalesce(document #> string_to_array(field, '.'), 'null') $$;

-- Whether two values of a setting say the same. What a document of an older version does not have yet is off.
create or replace function same_setting(one jsonb, other jsonb) returns boolean
language sql immutable parallel safe
as $$ select coalesce(nullif(one, 'null'), 'false') = coalesce(nullif(other, 'null'), 'false') $$;

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
        if not same_setting(setting_in(document, o.field), o.replaced) then
            perform end_overlay(o, 'changed');
        elsif o.until <= clock_timestamp() then
            perform end_overlay(o, 'over');
        else
            document := jsonb_set(document, string_to_array(o.field, '.'), o.value);
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

-- Bring an instance's settings in force up to date with its overlays; false: they were.
create or replace function refresh_settings(organization uuid, instance uuid) returns boolean
language plpgsql
as $$
declare
    document jsonb;
begin
    select i.applied into document from instances i
    where i.organization_id = organization and i.id = instance for no key update;
    document := settings_in_force(organization, instance, document);
    update instances i set settings = document
    where i.organization_id = organization and i.id = instance and i.settings is distinct from document;
    return found;
end $$;

-- Set a field over the custom resource, until then (null: without end), because `who` says so. Where that is what the
-- resource says itself, only an earlier overlay ends. False: nothing changed.
create or replace function overlay_setting(
    organization uuid, instance uuid, field text, value jsonb, who text, until timestamptz
) returns boolean
language plpgsql
as $$
declare
    replaced jsonb;
begin
    perform enter_org(organization);
    select setting_in(i.applied, overlay_setting.field) into replaced from instances i
    where i.organization_id = organization and i.id = instance for no key update;
    perform end_overlay(o, 'replaced') from setting_overlays o
    where o.organization_id = organization and o.instance_id = instance and o.field = overlay_setting.field
        and o.ended_at is null;
    if not same_setting(replaced, value) then
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
