-- The audit trail's ways through the log: by kind of event, by who caused it, by the request that led to it. Each ends
-- with the position, so that a page begins where the one before ended. The stream's key and the position have theirs.
-- An event that does not say who wrote it is the shop's own.
-- `position + 0` and not `position`: whoever asks for that order can't be given a walk along the position's own index,
-- through all that was not asked for.
create index events_kind on events (aggregate_type, event_type, (position + 0));
create index events_actor on events (coalesce(metadata->>'actor', 'system'), (position + 0));
create index events_correlation on events (coalesce(metadata->>'correlation_id', ''), (position + 0));
