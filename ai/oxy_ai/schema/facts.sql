-- Versions of the facts that assistants know beside the conversation. A worker keeps what it has read of them as long as
-- the version is the same. Tables of facts are named in access.sql (counts_as_facts), those of verticals in theirs.

-- The versions as of this transaction's snapshot; enters the organization.
create or replace function facts_versions(
    organization uuid, contact bigint, out organization_version bigint, out contact_version bigint
)
language plpgsql
as $$
begin
    perform enter_org(organization);
    select o.facts_version, c.facts_version into organization_version, contact_version
    from organizations o join contacts c on c.organization_id = o.id and c.id = contact where o.id = organization;
end $$;

-- Count a change of the organizations' facts.
create or replace function count_organization_facts() returns trigger
language plpgsql
as $$
begin
    update organizations set facts_version = facts_version + 1
    where id in (select r.organization_id from changed r);
    return null;
end $$;

-- Count a change of the contacts' facts. Whoever changes them holds the conversation of the contact, so that nobody waits
-- for the contact while he holds what another needs.
create or replace function count_contact_facts() returns trigger
language plpgsql
as $$
begin
    update contacts set facts_version = facts_version + 1
    where (organization_id, id) in (select r.organization_id, r.contact_id from changed r);
    return null;
end $$;
