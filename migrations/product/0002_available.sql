-- For ?available=: a page is read from its place on, however few are of that kind.
create index product_is_available_id_key on product (is_available, id);
