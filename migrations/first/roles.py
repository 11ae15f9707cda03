"""Three roles, made if the connected user may: a writer for the service, a migrator, and a reader who sees only views.

Roles belong to the whole cluster, so that another database may have made them already, or may be doing so at this instant.
Where they do not exist and may not be made, the schema works for its owner, and the grants are left to the administrator.
"""

ROLES = """
do $$
declare
    role text;
begin
    foreach role in array array['fairdrift_writer', 'fairdrift_migrator', 'fairdrift_reader'] loop
        begin
            if not exists (select from pg_roles where rolname = role) then
                execute format('create role %I nologin', role);
            end if;
        exception when insufficient_privilege or duplicate_object or unique_violation then
            null;
        end;
    end loop;
    if exists (select from pg_roles where rolname = 'fairdrift_writer') then
        grant usage on schema fairdrift to fairdrift_writer;
        grant select, insert, update, delete on all tables in schema fairdrift to fairdrift_writer;
        grant usage on all sequences in schema fairdrift to fairdrift_writer;
        grant execute on all functions in schema fairdrift to fairdrift_writer;
        alter default privileges in schema fairdrift grant select, insert, update, delete on tables to fairdrift_writer;
        grant select on public.fairness_group, public.fairness_disparity, public.fairness_evidence, public.alert_history,
            public.control_history, public.stream_health to fairdrift_writer;
    end if;
    if exists (select from pg_roles where rolname = 'fairdrift_migrator') then
        grant all on schema fairdrift, public to fairdrift_migrator;
        grant all on all tables in schema fairdrift to fairdrift_migrator;
        grant all on all sequences in schema fairdrift to fairdrift_migrator;
        grant execute on all functions in schema fairdrift to fairdrift_migrator;
    end if;
    if exists (select from pg_roles where rolname = 'fairdrift_reader') then
        grant usage on schema fairdrift, public to fairdrift_reader;
        grant select on public.fairness_group, public.fairness_disparity, public.fairness_evidence, public.alert_history,
            public.control_history, public.stream_health to fairdrift_reader;
        grant select on fairdrift.group_revisions, fairdrift.disparity_revisions, fairdrift.evidence_revisions,
            fairdrift.series_names to fairdrift_reader;
    end if;
end $$;
"""
