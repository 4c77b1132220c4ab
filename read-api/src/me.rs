//! Who the caller is: `GET /user/me`.

use axum::{extract::State, response::Response};
use chrono::{DateTime, Utc};
use serde::Serialize;
use service::{Caller, Freshness, Problem, Query, Result};
use sqlx::{FromRow, PgPool};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    etag::IfNoneMatch,
    page::NoParameters,
    reader::{Reader, database},
};

const PROJECTION: &str = "user";

/// A user as it sees itself. There is no password hash in this database.
#[derive(Debug, Serialize, FromRow, ToSchema)]
pub struct Me {
    #[schema(example = "0198c0de-0000-7000-8000-000000000002")]
    user_id: Uuid,
    #[schema(example = "alice")]
    username: String,
    #[schema(example = "alice@example.com")]
    email: String,
    /// `customer` or `admin`; a new one counts from the next login or refresh
    #[schema(example = "customer")]
    role: String,
    registered_at: DateTime<Utc>,
    #[serde(skip)]
    version: i64,
}

/// The caller
#[utoipa::path(
    get,
    path = "/user/me",
    operation_id = "me",
    tag = "user",
    params(Freshness, IfNoneMatch),
    responses(
        (status = 200, description = "The caller", body = Me,
         headers(("ETag" = String, description = "Its version"))),
        (status = 304, description = "The caller has it already"),
        (status = 400, description = "A consistency token that is none"),
        (status = 401, description = "No good access token"),
        (status = 422, description = "There is a parameter"),
        (status = 503, description = "Not shown yet, see `Retry-After`"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn me(
    State(reader): State<Reader>,
    caller: Caller,
    freshness: Freshness,
    known: IfNoneMatch,
    Query(NoParameters {}): Query<NoParameters>,
) -> Result<Response> {
    reader.shows(PROJECTION, freshness).await?;
    let pool = &reader.databases.user;
    let mut me = select(pool, caller.user_id).await?;
    if me.is_none() {
        // The token says that the account exists, so the read model has yet to hear of it.
        reader.reaches(PROJECTION, reader.head().await?).await?;
        me = select(pool, caller.user_id).await?;
    }
    let me = me.ok_or_else(Problem::unauthorized)?;
    Ok(known.answer(&me.version.to_string(), &me))
}

async fn select(pool: &PgPool, user_id: Uuid) -> Result<Option<Me>> {
    sqlx::query_as(
        r#"select user_id, username, email, role, registered_at, version from "user" where user_id = $1"#,
    )
    .bind(user_id)
    .fetch_optional(pool)
    .await
    .map_err(database)
}
