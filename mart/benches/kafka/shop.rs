//! A shop of several processes on one Postgres.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use embedded_postgres::{Server, Settings};
use sqlx::PgPool;
use tempfile::TempDir;

use crate::{Result, children};

/// The databases, durable as in a shop that earns money.
pub struct Databases {
    server: Server,
}

impl Databases {
    pub async fn start(folder: &Path) -> Result<Self> {
        let mut settings = Settings::new(folder);
        settings.port = 0;
        let server = tokio::task::spawn_blocking(move || Server::start(settings, |_| {})).await??;
        Ok(Self { server })
    }

    pub fn url(&self) -> String {
        format!(
            "postgres://wasam:wasam_password@127.0.0.1:{}/wasam_event_store",
            self.server.port()
        )
    }

    pub async fn log(&self) -> Result<PgPool> {
        Ok(PgPool::connect(&self.url()).await?)
    }
}

/// One process of it; ends with it.
pub struct Process {
    child: Child,
    urls: Vec<(String, String)>,
    _audit: TempDir,
}

impl Process {
    /// Starts this role and waits until it is ready.
    pub fn start(role: &str, databases: &Databases, kafka: Option<&str>) -> Result<Self> {
        Self::start_at(role, &databases.url(), kafka)
    }

    /// The same, where the databases are known by their address.
    pub fn start_at(role: &str, databases: &str, kafka: Option<&str>) -> Result<Self> {
        let audit = tempfile::tempdir()?;
        let mut command = children::command(env!("CARGO_BIN_EXE_mart"));
        command
            .args(["up", "--role", role])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("MART_FIRST_PORT", "0")
            .env("DATABASE_URL", databases)
            .env("JWT_SECRET_KEY", "k".repeat(32))
            .env("MART_AUDIT_DIR", audit.path())
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        if let Some(brokers) = kafka {
            command.env("KAFKA_BROKERS", brokers);
        }
        let mut process = Self {
            child: children::spawn(command),
            urls: Vec::new(),
            _audit: audit,
        };
        let said = process.child.stdout.take().ok_or("it has no output")?;
        for line in BufReader::new(said).lines() {
            let line = line?;
            if line == "ready" {
                return Ok(process);
            }
            if let Some((service, url)) = line.split_once(' ') {
                let url = url.trim().trim_end_matches('/');
                process.urls.push((service.to_owned(), url.to_owned()));
            }
        }
        Err(format!("{role} ended before it was ready").into())
    }

    pub fn url(&self, service: &str, path: &str) -> Result<String> {
        let found = self.urls.iter().find(|(name, _)| name == service);
        let (_, url) = found.ok_or_else(|| format!("{service} has no port here"))?;
        Ok(format!("{url}{path}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _killed = self.child.kill();
        let _waited = self.child.wait();
    }
}
