-- Grants and policies of campaigns' tables (isolate_by_organization: ../../schema/access.sql).

select pg_temp.isolate_by_organization('campaigns', 'campaign_recipients');

do $$
begin
    if not exists (
        select from pg_trigger t where t.tgrelid = 'campaign_recipients'::regclass and t.tgname = 'recipients_joined'
    ) then
        create trigger recipients_joined before update of contact_id on campaign_recipients
        for each row when (old.contact_id is distinct from new.contact_id) execute function join_recipients();
    end if;
end $$;
