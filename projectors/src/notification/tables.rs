//! Where mails stand, and what they wait for.

use std::collections::BTreeSet;
use std::sync::Arc;

use event_store::Published;
use proto::Message;
use proto::order::v1::order_event;
use proto::payment::v1::payment_event;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Letter, MAIL_QUEUED, Mail, MailRoom, Recipient};
use crate::rows::{Rows, column};

pub(super) async fn load(
    connection: &mut PgConnection,
    events: &[Arc<Published>],
) -> Result<MailRoom, sqlx::Error> {
    let (mut users, mut registering) = (BTreeSet::new(), Vec::new());
    for event in events {
        if let Message::User(_) = event.message {
            registering.push(event.aggregate_id);
        }
        users.extend(named_user(event));
    }
    users.extend(&registering);
    let users: Vec<Uuid> = users.into_iter().collect();
    let recipients: Vec<Recipient> = sqlx::query_as(
        "select user_id, username, email, version from recipient where user_id = any($1)",
    )
    .bind(&users)
    .fetch_all(&mut *connection)
    .await?;
    let waiting = load_waiting(connection, &registering).await?;
    Ok(MailRoom {
        recipients: Rows::loaded(recipients.into_iter().map(|row| (row.user_id, row))),
        waiting: waiting
            .into_iter()
            .map(|letter| (letter.notification_id, letter))
            .collect(),
        mails: Vec::new(),
    })
}

/// The user that an event of something else names. An id that can't be read is refused by the fold, which knows the
/// position.
fn named_user(event: &Published) -> Option<Uuid> {
    let name = match &event.message {
        Message::Order(order) => match order.event.as_ref()? {
            order_event::Event::Placed(placed) => &placed.user_id,
            _ => return None,
        },
        Message::Payment(payment) => match payment.event.as_ref()? {
            payment_event::Event::Succeeded(succeeded) => &succeeded.user_id,
            _ => return None,
        },
        Message::User(_) | Message::Product(_) | Message::Inventory(_) => return None,
    };
    Uuid::try_parse(name).ok()
}

async fn load_waiting(
    connection: &mut PgConnection,
    users: &[Uuid],
) -> Result<Vec<Letter>, sqlx::Error> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_as(
        "select id, notification_id, kind, user_id, subject, text, queued_at
         from mail_waiting where user_id = any($1)",
    )
    .bind(users)
    .fetch_all(connection)
    .await
}

/// Writes what changed; `waited` are the letters that were loaded as waiting.
pub(super) async fn store(
    connection: &mut PgConnection,
    room: &MailRoom,
    waited: &[Uuid],
) -> Result<(), sqlx::Error> {
    let recipients: Vec<&Recipient> = room.recipients.changed().map(|row| row.now).collect();
    upsert_recipients(connection, &recipients).await?;
    let (waiting, addressed): (Vec<Uuid>, Vec<Uuid>) =
        waited.iter().partition(|id| room.waiting.contains_key(id));
    let new = |letter: &&Letter| !waiting.contains(&letter.notification_id);
    let waiting_now: Vec<&Letter> = room.waiting.values().filter(new).collect();
    insert_waiting(connection, &waiting_now).await?;
    if !addressed.is_empty() {
        sqlx::query("delete from mail_waiting where notification_id = any($1)")
            .bind(&addressed)
            .execute(&mut *connection)
            .await?;
    }
    let mut mails: Vec<&Mail> = room.mails.iter().collect();
    mails.sort_by_key(|mail| mail.notification_id);
    insert_mails(connection, &mails).await
}

async fn upsert_recipients(
    connection: &mut PgConnection,
    rows: &[&Recipient],
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into recipient (user_id, username, email, version)
         select * from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[])
         on conflict (user_id) do update set
             username = excluded.username, email = excluded.email, version = excluded.version",
    )
    .bind(column(rows, |row| row.user_id))
    .bind(column(rows, |row| row.username.as_str()))
    .bind(column(rows, |row| row.email.as_str()))
    .bind(column(rows, |row| row.version))
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_waiting(
    connection: &mut PgConnection,
    rows: &[&Letter],
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into mail_waiting (id, notification_id, kind, user_id, subject, text, queued_at)
         select * from unnest($1::bigint[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[],
                              $7::timestamptz[])
         on conflict (notification_id) do nothing",
    )
    .bind(column(rows, |row| row.id))
    .bind(column(rows, |row| row.notification_id))
    .bind(column(rows, |row| row.kind.as_str()))
    .bind(column(rows, |row| row.user_id))
    .bind(column(rows, |row| row.subject.as_str()))
    .bind(column(rows, |row| row.text.as_str()))
    .bind(column(rows, |row| row.queued_at))
    .execute(connection)
    .await?;
    Ok(())
}

/// Inserts mails, has those delivered that never were, and wakes the mailers (when the transaction commits).
async fn insert_mails(connection: &mut PgConnection, rows: &[&Mail]) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let ids = column(rows, |row| row.notification_id);
    sqlx::query(
        "insert into mail (id, notification_id, kind, user_id, recipient, username, subject, body, queued_at)
         select * from unnest($1::bigint[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[],
                              $7::text[], $8::text[], $9::timestamptz[])
         on conflict (notification_id) do nothing",
    )
    .bind(column(rows, |row| row.id))
    .bind(&ids)
    .bind(column(rows, |row| row.kind.as_str()))
    .bind(column(rows, |row| row.user_id))
    .bind(column(rows, |row| row.recipient.as_str()))
    .bind(column(rows, |row| row.username.as_str()))
    .bind(column(rows, |row| row.subject.as_str()))
    .bind(column(rows, |row| row.body.as_str()))
    .bind(column(rows, |row| row.queued_at))
    .execute(&mut *connection)
    .await?;
    let queued = sqlx::query(
        "insert into delivery (notification_id) select unnest($1::uuid[])
         on conflict (notification_id) do nothing",
    )
    .bind(&ids)
    .execute(&mut *connection)
    .await?;
    if queued.rows_affected() > 0 {
        sqlx::query("select pg_notify($1, '')")
            .bind(MAIL_QUEUED)
            .execute(connection)
            .await?;
    }
    Ok(())
}
