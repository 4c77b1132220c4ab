-- How far the projection has applied the log. Moves in the same transaction as the rows.
create table checkpoint (
    projection text primary key,
    version int not null,
    position bigint not null
) with (fillfactor = 50);

-- What GET /user/me shows. Password hashes are in the event store only.
create table "user" (
    id bigint not null,
    user_id uuid primary key,
    username text not null,
    email text not null,
    role text not null,
    registered_at timestamptz not null,
    version bigint not null
);

create unique index user_id_key on "user" (id);
