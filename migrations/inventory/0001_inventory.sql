-- How far the projection has applied the log. Moves in the same transaction as the rows.
create table checkpoint (
    projection text primary key,
    version int not null,
    position bigint not null
) with (fillfactor = 50);

-- What GET /inventory shows; a retired record (its product was deleted) stays, marked.
create table inventory (
    id bigint not null,
    inventory_id uuid primary key,
    product_id uuid not null,
    stock_level bigint not null,
    reserved_stock bigint not null,
    available_stock bigint not null generated always as (stock_level - reserved_stock) stored,
    sold_stock bigint not null,
    retired boolean not null,
    version bigint not null
) with (fillfactor = 70);

create unique index inventory_id_key on inventory (id);
create index inventory_product_id_key on inventory (product_id);
