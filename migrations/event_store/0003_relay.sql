-- How far the log is mirrored to Kafka, and which relay may mirror it: the one that holds the lease. One row; whoever
-- takes the lease raises the epoch, and every later write names it, so that a relay that was replaced changes nothing.
create table relay (
    epoch        bigint      not null default 0,
    holder       text        not null default '',
    -- The database's time: relays' own clocks may differ.
    leased_until timestamptz not null default '-infinity',
    -- Everything up to here is acknowledged by Kafka.
    position     bigint      not null default 0,
    -- The last position in each partition as of `position`: {"order/0": 17, …}.
    partitions   jsonb       not null default '{}',
    one          boolean     not null default true unique check (one)
) with (fillfactor = 50);
insert into relay default values;
