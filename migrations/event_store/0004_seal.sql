-- A Merkle tree over the log, for proofs: 256 leaves in a row, and their common root once there are so many. What proves
-- that the log was not changed is not here but in the signed checkpoints outside the database.
create table seal (
    tile   bigint primary key,
    leaves bytea  not null,
    root   bytea
);
-- Hashes don't get smaller.
alter table seal alter column leaves set storage external;

-- The latest signed checkpoint, as its line stands in the files: written here first, so that a line which a crash kept
-- out of the files gets there afterwards.
create table seal_checkpoint (
    line text    not null,
    one  boolean not null default true unique check (one)
) with (fillfactor = 50);
