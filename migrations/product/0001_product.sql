-- How far the projection has applied the log. Moves in the same transaction as the rows.
create table checkpoint (
    projection text primary key,
    version int not null,
    position bigint not null
) with (fillfactor = 50);

-- What GET /products shows. Column free is units on the shelf that no order holds; is_available = offered and free > 0.
-- version is the product's sequence, stock_version that of its stock record (0: none seen).
create table product (
    id bigint not null,
    product_id uuid primary key,
    name text not null,
    description text not null,
    price numeric(12, 2) not null,
    currency text not null,
    offered boolean not null,
    free bigint not null,
    is_available boolean not null,
    version bigint not null,
    inventory_id uuid,
    stock_level bigint not null,
    reserved_stock bigint not null,
    sold_stock bigint not null,
    stock_version bigint not null
) with (fillfactor = 70);

create unique index product_id_key on product (id);
create unique index product_inventory_id_key on product (inventory_id);

-- Products that are not listed: stock whose product has not been seen yet (version 0), and deleted ones, so that
-- nothing late revives them.
create table product_aside (
    product_id uuid primary key,
    gone boolean not null,
    version bigint not null,
    inventory_id uuid,
    stock_level bigint not null,
    reserved_stock bigint not null,
    sold_stock bigint not null,
    stock_version bigint not null
) with (fillfactor = 70);

create unique index product_aside_inventory_id_key on product_aside (inventory_id);
