-- Messages to many customers.

-- Drafts, which nobody has approved and of which nothing is sent; and those that an owner or administrator has approved.
-- What one says is fixed from then on, and its name is never given to another, so that nobody gets it twice.
create table campaigns (
    organization_id uuid not null references organizations,
    id bigint generated always as identity,
    instance_id uuid not null,  -- that sends it
    name text not null,
    segment jsonb not null,  -- what its recipients have in common: criteria by name (oxy_ai.campaigns.criteria)
    body text not null,  -- with variables in braces (oxy_ai.text_templates)
    media jsonb,  -- a file that its text goes below: oxy_core.outbound.FileContent
    begins_at timestamptz,  -- null: once it is approved
    hours text,  -- of each day in which its texts may leave, HH:MM-HH:MM; null: whenever the number may write
    expires_at timestamptz,  -- of a draft, null: some days after it is approved
    cap integer check (cap > 0),  -- most recipients
    basis text not null check (basis in ('existing_customer', 'opted_in')),  -- why they may be written to
    source text not null,  -- where that is known from
    digest text not null,  -- of all that above: tells whether a file says the same
    state text not null default 'draft' check (state in ('draft', 'approved', 'paused', 'cancelled')),
    reach integer not null check (reach >= 0),  -- recipients, as counted when it was drafted or approved
    turn_id bigint,  -- in which it was thought of; null: it came as a file
    made_by text not null,
    created_at timestamptz not null default clock_timestamp(),
    changed_at timestamptz,
    approved_by text,
    approved_at timestamptz,
    ended_at timestamptz,  -- when it was cancelled
    primary key (organization_id, id),
    check (state = 'draft' or (approved_at is not null and expires_at is not null) or ended_at is not null),
    check ((ended_at is not null) = (state = 'cancelled')),
    foreign key (organization_id, instance_id) references instances
);
create unique index campaigns_name on campaigns (instance_id, lower(name));

-- Who gets a campaign: frozen when it was approved, each contact once, whichever of them turn out to be one person.
create table campaign_recipients (
    organization_id uuid not null,
    id bigint generated always as identity,
    campaign_id bigint not null,
    contact_id bigint not null,
    state text not null default 'waiting' check (state in ('waiting', 'queued', 'skipped', 'cancelled', 'merged')),
    why text,  -- why it was skipped (oxy_ai.campaigns.delivery)
    round integer not null default 0,  -- counts up when the campaign is resumed: earlier jobs are void
    outbox_id uuid,  -- the text, once it is queued; kept when the text is deleted
    wrote_first_at timestamptz,  -- what proves that he may be written to: he wrote to the business first,
    last_visit_at timestamptz,  -- or he came
    settled_at timestamptz,  -- when it was queued, skipped, cancelled or merged
    primary key (organization_id, id),
    check ((outbox_id is not null) = (state = 'queued') or state = 'merged'),
    check ((why is not null) = (state = 'skipped')),
    foreign key (organization_id, campaign_id) references campaigns,
    foreign key (organization_id, contact_id) references contacts
);
create unique index campaign_recipients_once on campaign_recipients (organization_id, campaign_id, contact_id)
where state <> 'merged';
create index campaign_recipients_contact on campaign_recipients (organization_id, contact_id);
create index campaign_recipients_campaign on campaign_recipients (organization_id, campaign_id, id);
