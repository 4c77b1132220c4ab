-- Whose events the rows were folded from. Null until the next start where an earlier version wrote the checkpoint.
alter table checkpoint add column log uuid;
