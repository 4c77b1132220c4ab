-- How far the projection has applied the log. Moves in the same transaction as the rows.
create table checkpoint (
    projection text primary key,
    version int not null,
    position bigint not null
) with (fillfactor = 50);

-- What GET /orders shows. A deleted order leaves this table.
create table orders (
    id bigint not null,
    order_id uuid primary key,
    product_id uuid not null,
    user_id uuid not null,
    quantity int not null,
    shipping_address text not null,
    customer_notes text,
    order_status text not null,
    payment_status text not null,
    unit_price numeric(12, 2) not null,
    total numeric(14, 2) not null,
    currency text not null,
    placed_at timestamptz not null,
    version bigint not null
) with (fillfactor = 70);

create unique index orders_user_id_id_key on orders (user_id, id desc);

-- Deleted orders, so that nothing late revives them.
create table orders_gone (
    order_id uuid primary key,
    version bigint not null
);
