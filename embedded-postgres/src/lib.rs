//! Finds, starts and stops a PostgreSQL server of our own; databases for tests.
