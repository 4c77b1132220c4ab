-- A rebuild that is not finished: its tables are beside the live ones, in schema <projection>_next. One row for each
-- projection at most; whoever holds the advisory lock works on it.
create table rebuild (
    projection text primary key,
    -- Of the fold, and of the tables: the last migration's. Whoever goes on with it needs both to be its own.
    version int not null,
    shape bigint not null,
    -- The tables are those of before, on their way back.
    back boolean not null default false,
    position bigint not null,
    head bigint not null,
    started_at timestamptz not null default now(),
    -- Since when and from where on its present process works on it.
    resumed_at timestamptz not null default now(),
    began_at_position bigint not null,
    updated_at timestamptz not null default now(),
    -- Whoever works on it is asked to stop, and to leave nothing.
    cancel boolean not null default false,
    -- Why it ended without a result.
    error text,
    by text not null
) with (fillfactor = 50);
