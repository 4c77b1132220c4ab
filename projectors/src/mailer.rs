//! Sends the queued mails over SMTP: each once, as far as SMTP allows. The only home of lettre.

mod delivery;

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use futures::future::join_all;
use lettre::message::header::{ContentType, MIME_VERSION_1_0};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::{AsyncSmtpTransportBuilder, Error as SmtpError, PoolConfig};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::notification::MAIL_QUEUED;
use delivery::Leased;

/// Mails in flight at once, each over its own connection.
const WORKERS: usize = 4;
/// How often the queue is looked at without being told.
const POLL: Duration = Duration::from_secs(1);
/// A conversation with the server takes no longer …
const CONVERSATION: Duration = Duration::from_mins(1);
/// … and after the shutdown has begun, only this long.
const LAST_WORDS: Duration = Duration::from_secs(10);
/// The end of a connection may take this long.
const FAREWELL: Duration = Duration::from_secs(1);
/// Pause after trouble with the database.
const TROUBLE: Duration = Duration::from_secs(1);

type Smtp = AsyncSmtpTransport<Tokio1Executor>;

/// Sends the mails of a notification database.
pub struct Mailer {
    pool: PgPool,
    smtp: Option<AsyncSmtpTransportBuilder>,
    from: Mailbox,
}

/// What is wrong with the mail settings.
#[derive(Debug, thiserror::Error)]
pub enum MailSettingsError {
    /// `smtp://host:port` is plain, `smtp://…?tls=required` upgrades by STARTTLS, `smtps://…` begins with TLS.
    #[error(
        "SMTP_URL is not of the form smtp://host:port, smtp://host:port?tls=required or smtps://host:port"
    )]
    SmtpUrl(#[source] SmtpError),
    /// An address, with or without a name.
    #[error("MAIL_FROM is not of the form Name <user@domain>")]
    From(#[source] lettre::address::AddressError),
}

/// [`Mailer::new`] and [`Mailer::run`] in one.
pub async fn run_mailer(
    pool: PgPool,
    smtp_url: Option<&str>,
    from: &str,
    shutdown: CancellationToken,
) -> Result<(), MailSettingsError> {
    Mailer::new(pool, smtp_url, from)?.run(shutdown).await;
    Ok(())
}

impl Mailer {
    /// Whether these settings will do.
    pub fn check(smtp_url: Option<&str>, from: &str) -> Result<(), MailSettingsError> {
        parse(smtp_url, from).map(drop)
    }

    /// Connects to nothing yet. Without `smtp_url` nothing is sent and mails stay queued.
    pub fn new(
        pool: PgPool,
        smtp_url: Option<&str>,
        from: &str,
    ) -> Result<Self, MailSettingsError> {
        let (smtp, from) = parse(smtp_url, from)?;
        Ok(Self { pool, smtp, from })
    }

    /// Sends until `shutdown`; mails in flight are finished. Several mailers may run at once.
    pub async fn run(self, shutdown: CancellationToken) {
        let Some(smtp) = &self.smtp else {
            return shutdown.cancelled().await;
        };
        let bell = Notify::new();
        let in_hand = Mutex::default();
        let workers = (0..WORKERS).map(|_| {
            let worker = Worker {
                pool: &self.pool,
                smtp,
                from: &self.from,
                bell: &bell,
                in_hand: &in_hand,
                shutdown: &shutdown,
            };
            worker.run()
        });
        tokio::join!(join_all(workers), ring(&self.pool, &bell, &shutdown));
    }
}

fn parse(
    smtp_url: Option<&str>,
    from: &str,
) -> Result<(Option<AsyncSmtpTransportBuilder>, Mailbox), MailSettingsError> {
    let from = from.parse().map_err(MailSettingsError::From)?;
    let smtp = smtp_url.map(Smtp::from_url).transpose();
    Ok((smtp.map_err(MailSettingsError::SmtpUrl)?, from))
}

/// Wakes one worker when mails were queued, and every second in case some are due again; a worker that found one wakes
/// the next.
async fn ring(pool: &PgPool, bell: &Notify, shutdown: &CancellationToken) {
    let mut listener = None;
    while !shutdown.is_cancelled() {
        if listener.is_none() {
            // Without it there is still the clock.
            listener = listen(pool).await.ok();
        }
        bell.notify_one();
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = sleep(POLL) => {}
            lost = heard(listener.as_mut()) => if lost { listener = None },
        }
    }
}

async fn listen(pool: &PgPool) -> sqlx::Result<PgListener> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(MAIL_QUEUED).await?;
    Ok(listener)
}

/// Waits for a notification; true when the connection is gone.
async fn heard(listener: Option<&mut PgListener>) -> bool {
    match listener {
        Some(listener) => !matches!(listener.try_recv().await, Ok(Some(_))),
        None => std::future::pending().await,
    }
}

struct Worker<'a> {
    pool: &'a PgPool,
    smtp: &'a AsyncSmtpTransportBuilder,
    from: &'a Mailbox,
    bell: &'a Notify,
    /// Mails that a worker sends, or has sent and not written down yet: their leases may run out meanwhile.
    in_hand: &'a Mutex<BTreeSet<Uuid>>,
    shutdown: &'a CancellationToken,
}

impl Worker<'_> {
    async fn run(self) {
        let mut smtp = self.connect();
        while !self.shutdown.is_cancelled() {
            match delivery::lease(self.pool).await {
                Ok(Some(mail)) => {
                    self.bell.notify_one();
                    let id = mail.notification_id;
                    if !self.in_hand().insert(id) {
                        continue;
                    }
                    let line = self.deliver(&smtp, mail).await;
                    self.in_hand().remove(&id);
                    if line == Line::Unclear {
                        smtp = self.connect();
                    }
                }
                Ok(None) => tokio::select! {
                    () = self.shutdown.cancelled() => {}
                    () = self.bell.notified() => {}
                },
                Err(error) => {
                    tracing::warn!(error = %error, "the mailer cannot read its queue; trying again");
                    tokio::select! {
                        () = self.shutdown.cancelled() => {}
                        () = sleep(TROUBLE) => {}
                    }
                }
            }
        }
        // A server that does not answer the farewell either is not waited for.
        let _ = timeout(FAREWELL, smtp.shutdown()).await;
    }

    fn in_hand(&self) -> MutexGuard<'_, BTreeSet<Uuid>> {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A transport that keeps at most one connection, so that one worker's can be thrown away alone.
    fn connect(&self) -> Smtp {
        let pool = PoolConfig::new().max_size(1);
        self.smtp.clone().pool_config(pool).build()
    }

    async fn deliver(&self, smtp: &Smtp, mail: Leased) -> Line {
        let (end, line) = match self.send(smtp, &mail).await {
            Ok(line) => (Ok(()), line),
            Err((error, line)) => (Err(error), line),
        };
        match end {
            Ok(()) => {
                metrics::counter!("mart_mails_total", "outcome" => "sent").increment(1);
                self.record("sent", || delivery::sent(self.pool, &mail))
                    .await;
            }
            Err(error) => {
                metrics::counter!("mart_mails_total", "outcome" => "failed").increment(1);
                tell(&mail, &error);
                let text = format!("{error:#}");
                self.record("not sent", || delivery::failed(self.pool, &mail, &text))
                    .await;
            }
        }
        line
    }

    async fn send(&self, smtp: &Smtp, mail: &Leased) -> Result<Line, (anyhow::Error, Line)> {
        let message = message(mail, self.from).map_err(|error| (error, Line::Clear))?;
        let shutdown_is_over = async {
            self.shutdown.cancelled().await;
            sleep(LAST_WORDS).await;
        };
        tokio::select! {
            end = timeout(CONVERSATION, smtp.send(message)) => match end {
                Ok(Ok(_)) => Ok(Line::Clear),
                Ok(Err(error)) => Err((error.into(), Line::Clear)),
                Err(_) => Err((anyhow::anyhow!("the server took too long"), Line::Unclear)),
            },
            () = shutdown_is_over => Err((anyhow::anyhow!("cut short by the shutdown"), Line::Unclear)),
        }
    }

    /// Writes down what became of a mail, however long the database is away: a mail that was sent and not written down
    /// would be sent again. Gives up only when the shutdown takes too long.
    async fn record<F>(&self, outcome: &str, write: impl Fn() -> F)
    where
        F: Future<Output = Result<(), sqlx::Error>>,
    {
        let shutdown_is_over = async {
            self.shutdown.cancelled().await;
            sleep(LAST_WORDS).await;
        };
        let written = async {
            while let Err(error) = write().await {
                tracing::warn!(error = %error, "a mail was {outcome}, which cannot be written down; trying again");
                sleep(TROUBLE).await;
            }
        };
        tokio::select! {
            () = written => {}
            () = shutdown_is_over => {}
        }
    }
}

/// Whether the conversation with the server came to an end.
#[derive(PartialEq, Eq)]
enum Line {
    Clear,
    /// It was left in the middle: the connection is of no use.
    Unclear,
}

/// The same bytes at every attempt.
fn message(mail: &Leased, from: &Mailbox) -> Result<Message> {
    let address = address(&mail.recipient).context("the address is none")?;
    Message::builder()
        .message_id(Some(format!(
            "<{}@{}>",
            mail.notification_id,
            from.email.domain()
        )))
        .date(SystemTime::from(mail.queued_at))
        .from(from.clone())
        .to(Mailbox::new(Some(mail.username.clone()), address))
        .subject(mail.subject.as_str())
        // Without it a reader may take the body for plain ASCII, whatever the content type says.
        .header(MIME_VERSION_1_0)
        .header(ContentType::TEXT_PLAIN)
        .body(mail.body.clone())
        .context("the mail cannot be written")
}

/// With the domain in its ASCII form: every server understands that one.
fn address(recipient: &str) -> Result<Address> {
    let (local, domain) = recipient.rsplit_once('@').context("it has no domain")?;
    Ok(Address::new(local, idna::domain_to_ascii(domain)?)?)
}

/// Says it at the first attempt and the last. The server's own words may hold an address: they go into the table only.
fn tell(mail: &Leased, error: &anyhow::Error) {
    let smtp = error.downcast_ref::<SmtpError>();
    let answer = smtp
        .and_then(SmtpError::status)
        .map(|code| code.to_string());
    let id = mail.notification_id;
    if mail.is_last_attempt() {
        tracing::error!(notification_id = %id, answer, "mail {id} could not be sent; it is kept as failed");
    } else if mail.attempts == 1 {
        tracing::warn!(notification_id = %id, answer, "mail {id} could not be sent; trying again");
    }
}
