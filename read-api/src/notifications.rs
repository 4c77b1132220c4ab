//! The mails that were sent to a customer: `GET /notifications`.

use axum::{extract::State, http::Uri, response::Response};
use chrono::{DateTime, Utc};
use serde::Serialize;
use service::{Caller, Freshness, Query, Result};
use sqlx::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    page::{List, Paging, one_more},
    reader::{Reader, database},
};

const PROJECTION: &str = "notification";

/// A mail and what became of it.
#[derive(Debug, Serialize, FromRow, ToSchema)]
#[expect(
    clippy::struct_field_names,
    reason = "the fields are called as callers know them"
)]
pub struct Notification {
    #[serde(skip)]
    id: i64,
    /// The id of the event that it tells of
    #[schema(example = "0198c0de-0000-7000-8000-000000000004")]
    notification_id: Uuid,
    #[schema(example = "order")]
    kind: String,
    #[schema(example = "alice@example.com")]
    recipient: String,
    #[schema(example = "Order confirmation")]
    subject: String,
    /// `QUEUED`, `SENT` or `FAILED`
    #[schema(example = "SENT")]
    status: String,
    #[schema(example = 1)]
    attempts: i32,
    queued_at: DateTime<Utc>,
    sent_at: Option<DateTime<Utc>>,
}

/// The caller's mails
///
/// An admin's: everybody's. The newest first. The next page, when there is one, is in the `Link` header.
#[utoipa::path(
    get,
    path = "/notifications",
    operation_id = "list_notifications",
    tag = "notification",
    params(Paging, Freshness),
    responses(
        (status = 200, description = "A page of mails", body = [Notification],
         headers(("Link" = String, description = "`<…>; rel=\"next\"` when there are more"))),
        (status = 400, description = "A cursor or a consistency token that is none"),
        (status = 401, description = "No good access token"),
        (status = 422, description = "A parameter that can't be, or an unknown one"),
        (status = 503, description = "Not shown yet, see `Retry-After`"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list(
    State(reader): State<Reader>,
    uri: Uri,
    caller: Caller,
    freshness: Freshness,
    Query(paging): Query<Paging>,
) -> Result<Response> {
    let before = List::Notifications.last_shown(&reader, paging.cursor.as_deref())?;
    reader.shows(PROJECTION, freshness).await?;
    let whose = if caller.is_admin() {
        ""
    } else {
        "mail.user_id = $3 and"
    };
    let notifications: Vec<Notification> = sqlx::query_as(&format!(
        "select mail.id, notification_id, kind, recipient, subject, coalesce(status, 'QUEUED') as status,
                coalesce(attempts, 0) as attempts, queued_at, sent_at
         from mail left join delivery using (notification_id)
         where {whose} mail.id < $1 order by mail.id desc limit $2"
    ))
    .bind(before.unwrap_or(i64::MAX))
    .bind(one_more(paging.limit))
    .bind(caller.user_id)
    .fetch_all(&reader.databases.notification)
    .await
    .map_err(database)?;
    Ok(List::Notifications.page(&reader, &uri, paging.limit, notifications, |mail| mail.id))
}
