//! What every HTTP process needs: problem+json, callers, settings, health, start and shutdown.
