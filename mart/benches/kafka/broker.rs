//! A broker for the time of one run.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use crate::Result;

pub struct Broker {
    folder: tempfile::TempDir,
    address: String,
}

impl Broker {
    pub fn start() -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let broker = Self {
            folder: tempfile::tempdir()?,
            address: format!("127.0.0.1:{port}"),
        };
        let status = broker.script("up", &[&broker.address])?;
        if !status.success() {
            return Err("the broker did not start".into());
        }
        Ok(broker)
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    fn script(&self, command: &str, arguments: &[&str]) -> std::io::Result<ExitStatus> {
        Command::new(script())
            .arg(command)
            .arg(self.folder.path().join("broker"))
            .args(arguments)
            .env("KAFKA_OWNER", std::process::id().to_string())
            .status()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Where this fails, the broker ends with its owner.
        let _stopped = self.script("kill", &[]);
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/kafka/kafka.sh")
}
