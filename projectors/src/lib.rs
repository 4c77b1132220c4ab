//! Read models: one pure fold and its tables each; the runner and the mailer.
