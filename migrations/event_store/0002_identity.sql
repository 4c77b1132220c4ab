-- Which log this is: read models remember it, and follow no other.
create table log_identity (
    id  uuid    not null default gen_random_uuid(),
    one boolean not null default true unique check (one)
);
insert into log_identity default values;
