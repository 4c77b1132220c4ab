-- The log: postgres-es' columns, and what makes it one log: a dense position in commit order.
create table events (
    position       bigint      not null,
    aggregate_type text        not null,
    aggregate_id   text        not null,
    sequence       bigint      not null,
    event_type     text        not null,
    event_version  text        not null,
    payload        json        not null,
    metadata       json        not null,
    event_id       uuid        not null,
    recorded_at    timestamptz not null,
    -- Refuses a stale writer: two appends that expect the same version of an aggregate can't both commit.
    constraint events_stream primary key (aggregate_type, aggregate_id, sequence),
    constraint events_position unique (position)
);

-- Nothing that happened is changed or taken back. Who means to all the same (a drill on a copy, say) has to disable this
-- trigger first, knowingly.
create function refuse_to_rewrite_the_log() returns trigger language plpgsql as $$
begin
    raise exception 'the log is only ever appended to';
end
$$;
create trigger append_only before update or delete or truncate on events
    for each statement execute function refuse_to_rewrite_the_log();

-- One row. Its lock is held from numbering to commit, so positions become visible in order and without a hole.
create table log_head (
    position    bigint      not null,
    recorded_at timestamptz not null,
    one         boolean     not null default true unique check (one)
) with (fillfactor = 50);
insert into log_head (position, recorded_at) values (0, '-infinity');

-- Keys that must live as long as the log, such as the one that hides names in claim ids.
create table secret (
    name  text  primary key,
    value bytea not null
);

-- How far each reaction (settling open payment attempts) has read the log.
create table reaction (
    name     text   primary key,
    position bigint not null
);
