-- How far each partition of the topics has been applied: {"order/0": 17, …}, empty until the projection first follows
-- Kafka. All events up to position are applied, whichever way they came; those of a partition up to its entry as well.
alter table checkpoint add column partitions jsonb not null default '{}';

-- Aggregates of which an event was refused: it and all that follow it are on the dead-letter topic, the last of them at
-- dead_through, and wait here until a start can apply them.
create table parked (
    projection   text not null,
    aggregate_id uuid not null,
    topic        text not null,
    position     bigint not null,
    reason       text not null,
    dead_through bigint not null,
    parked_at    timestamptz not null default now(),
    primary key (projection, aggregate_id)
);
