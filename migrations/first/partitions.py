"""Partitions: made on demand, dropped by retention, through functions that the service may call and does not own.

A partition is built beside its parent and then attached: that takes a lock which neither readers nor writers of the
other partitions notice (`create table ... partition of` would wait for all of them, and all of them for it).
Panes: a week each. Points: a day each of the minute tier, four weeks of the hour tier, about a year of the day tier, and
one for all that an alert cites.
"""

PARTITIONS = """
create table fairdrift.points_minute partition of fairdrift.points for values in ('minute') partition by range (window_end);
create table fairdrift.points_hour partition of fairdrift.points for values in ('hour') partition by range (window_end);
create table fairdrift.points_day partition of fairdrift.points for values in ('day') partition by range (window_end);
create table fairdrift.points_kept partition of fairdrift.points for values in ('kept');

create function fairdrift.add_panes_partition(at_ms bigint) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    width constant bigint := 604800000;
    low bigint := floor(at_ms::numeric / width) * width;
    name text := 'panes_' || to_char(to_timestamp(low / 1000) at time zone 'UTC', 'YYYYMMDD');
begin
    if to_regclass('fairdrift.' || name) is not null then
        return null;
    end if;
    perform pg_advisory_xact_lock(1718774377);
    if to_regclass('fairdrift.' || name) is not null then
        return null;
    end if;
    begin -- a session that has looked for the table in vain may go on not to see it: its catalogue cache says so
        execute format('create table fairdrift.%I (like fairdrift.panes including defaults including constraints)'
            ' with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05)', name);
    exception when duplicate_table then
        return null;
    end;
    execute format('alter table fairdrift.panes attach partition fairdrift.%I for values from (%s) to (%s)', name, low, low + width);
    return name;
end $$;

create function fairdrift.add_points_partition(tier text, at timestamptz) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    width bigint := case tier when 'minute' then 86400 when 'hour' then 2419200 when 'day' then 31449600 end;
    low bigint := floor(extract(epoch from at) / width) * width;
    name text := 'points_' || tier || '_' || to_char(to_timestamp(low) at time zone 'UTC', 'YYYYMMDD');
begin
    if tier = 'kept' or to_regclass('fairdrift.' || name) is not null then
        return null;
    end if;
    if width is null then
        raise exception 'no tier of points is named %', tier;
    end if;
    perform pg_advisory_xact_lock(1718774377);
    if to_regclass('fairdrift.' || name) is not null then
        return null;
    end if;
    begin -- as above
        execute format('create table fairdrift.%I (like fairdrift.points including defaults including constraints)', name);
    exception when duplicate_table then
        return null;
    end;
    execute format('alter table fairdrift.%I attach partition fairdrift.%I for values from (%L) to (%L)',
        'points_' || tier, name, to_timestamp(low), to_timestamp(low + width));
    return name;
end $$;

create function fairdrift.drop_partition(name text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if name !~ '^(panes|points_(minute|hour|day))_[0-9]{8}$' then
        raise exception '% is not a partition that retention may drop', name;
    end if;
    execute format('drop table if exists fairdrift.%I', name);
end $$;

revoke execute on function fairdrift.add_panes_partition(bigint), fairdrift.add_points_partition(text, timestamptz),
    fairdrift.drop_partition(text) from public;
"""
