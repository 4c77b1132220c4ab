-- Retired records pile up at the front of the list, which leaves them out.
create index inventory_listed_key on inventory (id) where not retired;
