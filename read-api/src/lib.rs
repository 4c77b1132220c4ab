//! Queries: one file per question.
