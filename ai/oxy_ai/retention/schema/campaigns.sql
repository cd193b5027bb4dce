-- Campaigns that have ended, with their recipients.

-- One campaign at a time: its recipients, a batch of them, and once none is left, itself.
create or replace function expire_campaigns(
    organization uuid, instance uuid, older timestamptz, after text, how_many integer
) returns retention_step
language plpgsql
as $$
declare
    step retention_step;
    c campaigns;
begin
    select * into c from campaigns k
    where k.organization_id = organization and k.instance_id = instance and k.id > position_number(after)
        and campaign_may_go(k, older)
    order by k.id limit 1 for update skip locked;
    if c.id is null then
        return (0, after, false)::retention_step;
    end if;
    delete from campaign_recipients r
    where r.organization_id = organization and r.id in (
        select g.id from campaign_recipients g
        where g.organization_id = organization and g.campaign_id = c.id order by g.id limit how_many
    );
    get diagnostics step.deleted = row_count;
    step.more := true;
    if step.deleted < how_many then
        delete from campaigns k where k.organization_id = organization and k.id = c.id;
        step.deleted := step.deleted + 1;
        step.position := '|' || c.id;
    else
        step.position := after;
    end if;
    return step;
end $$;

-- Whether a campaign ended, or was drafted, before `older`, and nothing of it is on its way or a dead letter.
create or replace function campaign_may_go(c campaigns, older timestamptz) returns boolean
language plpgsql stable
as $$
begin
    return case
            when c.state = 'draft' then coalesce(c.changed_at, c.created_at)
            else least(c.ended_at, c.expires_at)
        end < older
        and not exists (
            select from jobs j
            where j.organization_id = c.organization_id and j.instance_id = c.instance_id and j.kind = 'campaign_text'
                and j.key >= c.id || ':' and j.key < c.id || ';' and j.state in ('waiting', 'dead')
        )
        and not exists (
            select from campaign_recipients r join outbox o
                on o.organization_id = r.organization_id and o.id = r.outbox_id
            where r.organization_id = c.organization_id and r.campaign_id = c.id
                and o.state in ('held', 'pending', 'accepted')
        );
end $$;

-- Whether a text belongs to a campaign that has not ended, which counts what became of it.
create or replace function is_of_open_campaign(o outbox) returns boolean
language plpgsql stable
as $$
begin
    return o.reference like 'campaign:%' and exists (
        select from campaigns c
        where c.organization_id = o.organization_id and c.id = split_part(o.reference, ':', 2)::bigint
            and c.ended_at is null and c.expires_at > clock_timestamp()
    );
end $$;
