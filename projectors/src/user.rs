//! Who the shop's users are: `"user"`, without any secret.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use event_store::Published;
use futures::future::BoxFuture;
use proto::user::v1::user_event::Event;
use proto::{Message, Topic};
use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

use crate::ReadDatabases;
use crate::projection::{ApplyError, Projection, Refused, is_next};
use crate::rows::{Rows, aggregates, column};

/// The role of whoever was granted none.
pub const CUSTOMER: &str = "customer";

/// The projection `user`.
pub struct Users;

/// A row of `"user"`.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Row {
    /// Position of the registration.
    pub id: i64,
    /// The user.
    pub user_id: Uuid,
    /// As it was spelled at registration.
    pub username: String,
    /// As it was spelled at registration.
    pub email: String,
    /// `customer` or `admin`.
    pub role: String,
    /// When.
    pub registered_at: DateTime<Utc>,
    /// Sequence of the account's last published event.
    pub version: i64,
}

/// Folds one event of the account into its row.
///
/// Not every event of an account is published (a new password hash is not), so sequences may have holes after the
/// registration.
pub fn fold(row: &mut Option<Row>, event: &Published) -> Result<(), Refused> {
    let Message::User(message) = &event.message else {
        return Ok(());
    };
    let seen = match &row {
        None => !is_next(0, event)?,
        Some(row) => event.sequence <= row.version,
    };
    if seen {
        return Ok(());
    }
    let unreadable = || Refused::unreadable(event, "a user event");
    match (row.as_mut(), message.event.as_ref().ok_or_else(unreadable)?) {
        (None, Event::Registered(registered)) => {
            *row = Some(Row {
                id: event.position,
                user_id: event.aggregate_id,
                username: registered.username.clone(),
                email: registered.email.clone(),
                role: CUSTOMER.to_owned(),
                registered_at: event.recorded_at,
                version: event.sequence,
            });
        }
        (None, Event::RoleGranted(_) | Event::RoleRevoked(_)) => {
            return Err(Refused::impossible(event, "a role of nobody"));
        }
        (Some(_), Event::Registered(_)) => {
            return Err(Refused::impossible(event, "an account registered twice"));
        }
        (Some(row), Event::RoleGranted(granted)) => {
            row.role.clone_from(&granted.role);
            row.version = event.sequence;
        }
        (Some(row), Event::RoleRevoked(revoked)) => {
            if row.role == revoked.role {
                CUSTOMER.clone_into(&mut row.role);
            }
            row.version = event.sequence;
        }
    }
    Ok(())
}

impl Projection for Users {
    fn name(&self) -> &'static str {
        "user"
    }

    fn version(&self) -> i32 {
        1
    }

    fn tables(&self) -> &'static [&'static str] {
        &["user"]
    }

    fn database<'a>(&self, databases: &'a ReadDatabases) -> &'a PgPool {
        &databases.user
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::User]
    }

    fn concerns(&self, message: &Message) -> bool {
        matches!(message, Message::User(_))
    }

    fn apply<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        events: &'a [Arc<Published>],
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async move {
            let mut rows = load(connection, events).await?;
            rows.fold(events, fold)?;
            let changed: Vec<&Row> = rows.changed().map(|row| row.now).collect();
            Ok(upsert(connection, &changed).await?)
        })
    }
}

async fn load(
    connection: &mut PgConnection,
    events: &[Arc<Published>],
) -> Result<Rows<Row>, sqlx::Error> {
    let keys = aggregates(events);
    let rows: Vec<Row> = sqlx::query_as(
        r#"select id, user_id, username, email, role, registered_at, version
           from "user" where user_id = any($1)"#,
    )
    .bind(keys)
    .fetch_all(connection)
    .await?;
    Ok(Rows::loaded(rows.into_iter().map(|row| (row.user_id, row))))
}

async fn upsert(connection: &mut PgConnection, rows: &[&Row]) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        r#"insert into "user" (id, user_id, username, email, role, registered_at, version)
           select * from unnest($1::bigint[], $2::uuid[], $3::text[], $4::text[], $5::text[],
                                $6::timestamptz[], $7::bigint[])
           on conflict (user_id) do update set role = excluded.role, version = excluded.version"#,
    )
    .bind(column(rows, |row| row.id))
    .bind(column(rows, |row| row.user_id))
    .bind(column(rows, |row| row.username.as_str()))
    .bind(column(rows, |row| row.email.as_str()))
    .bind(column(rows, |row| row.role.as_str()))
    .bind(column(rows, |row| row.registered_at))
    .bind(column(rows, |row| row.version))
    .execute(connection)
    .await?;
    Ok(())
}
