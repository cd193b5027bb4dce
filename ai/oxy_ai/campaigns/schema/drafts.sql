-- What a campaign says, before anybody approves it.

-- Keep what a campaign says: `plan` is oxy_ai.campaigns.plan.Said. A draft of the same name gives way, so does one that was
-- cancelled before anybody had approved it. Returns {campaign, outcome}: created, changed, same (it said that before), or
-- fixed (it is approved and says something else, or was approved and cancelled).
create or replace function keep_campaign(organization uuid, instance uuid, turn bigint, who text, plan jsonb) returns jsonb
language plpgsql
as $$
declare
    kept campaigns;
begin
    insert into campaigns as c (
        organization_id, instance_id, turn_id, made_by, name, segment, body, media, begins_at, hours, expires_at, cap,
        basis, source, digest, reach
    )
    select organization, instance, turn, who, p.*
    from jsonb_to_record(plan) as p (
        name text, segment jsonb, body text, media jsonb, begins_at timestamptz, hours text, expires_at timestamptz,
        cap integer, basis text, source text, digest text, reach integer
    )
    on conflict (instance_id, lower(name)) do update
    set (turn_id, made_by, segment, body, media, begins_at, hours, expires_at, cap, basis, source, digest, reach) = (
            excluded.turn_id, excluded.made_by, excluded.segment, excluded.body, excluded.media, excluded.begins_at,
            excluded.hours, excluded.expires_at, excluded.cap, excluded.basis, excluded.source, excluded.digest,
            excluded.reach
        ), state = 'draft', ended_at = null, changed_at = clock_timestamp()
    where c.approved_at is null and (c.digest <> excluded.digest or c.state = 'cancelled')
    returning * into kept;
    if kept.id is not null then
        return jsonb_build_object(
            'campaign', kept.id, 'outcome', case when kept.changed_at is null then 'created' else 'changed' end
        );
    end if;
    select * into kept from campaigns c where c.instance_id = instance and lower(c.name) = lower(plan ->> 'name');
    return jsonb_build_object(
        'campaign', kept.id, 'outcome', case
            when kept.digest = plan ->> 'digest' and kept.state <> 'cancelled' then 'same' else 'fixed' end
    );
end $$;

-- A campaign of an instance by its name, however it is written; null: there is none. oxy_ai.campaigns.plan.Campaign.
create or replace function campaign_named(instance uuid, called text) returns jsonb
language sql stable
as $$ select campaign_document(c) from campaigns c where c.instance_id = instance and lower(c.name) = lower(called) $$;

-- A campaign as oxy_ai.campaigns.plan.Campaign.
create or replace function campaign_document(c campaigns) returns jsonb
language sql stable
as $$
    select jsonb_strip_nulls(to_jsonb(c) - 'organization_id' - 'turn_id')
$$;

-- The campaigns of an instance, the newest first: oxy_ai.campaigns.plan.Campaign.
create or replace function campaigns_of(instance uuid, how_many integer) returns setof jsonb
language sql stable
as $$
    select campaign_document(c) from campaigns c where c.instance_id = instance order by c.id desc limit how_many
$$;
