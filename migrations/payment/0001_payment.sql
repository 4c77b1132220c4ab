-- How far the projection has applied the log. Moves in the same transaction as the rows.
create table checkpoint (
    projection text primary key,
    version int not null,
    position bigint not null
) with (fillfactor = 50);

-- What GET /payments shows: one row per payment, however often it was attempted.
create table payment (
    id bigint not null,
    payment_id uuid primary key,
    order_id uuid not null,
    user_id uuid not null,
    payment_status text not null,
    amount numeric(14, 2) not null,
    currency text not null,
    card_brand text not null,
    card_last4 text not null,
    decline_code text,
    attempts int not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    version bigint not null
) with (fillfactor = 70);

create unique index payment_user_id_id_key on payment (user_id, id desc);
create index payment_order_id_key on payment (order_id);
