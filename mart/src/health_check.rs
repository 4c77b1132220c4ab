//! Whether the shop on this machine is ready, for whoever has no curl: the health check of its containers.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use service::{Service, Settings};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// How long the answer may take; whoever asks asks again.
const PATIENCE: Duration = Duration::from_secs(4);
/// The longest answer that is read.
const LONGEST: u64 = 64 * 1024;

/// Asks the port that every role opens. An error says what is not ready.
pub async fn ask(settings: &Settings) -> anyhow::Result<()> {
    ensure!(
        settings.first_port != 0,
        "MART_FIRST_PORT is 0, so nobody knows which port to ask"
    );
    let port = Service::Operator.port(settings.first_port);
    let address = SocketAddr::new(reachable(settings.bind), port);
    let answer = timeout(PATIENCE, answer(address))
        .await
        .with_context(|| format!("{address} does not answer"))?
        .with_context(|| format!("can't ask {address}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.split(' ').nth(1) {
        Some("200") => Ok(()),
        Some(_) => bail!("not ready: {}", body.trim()),
        None => bail!("what listens on {address} does not speak HTTP"),
    }
}

/// Where to find what listens on all addresses.
fn reachable(bind: IpAddr) -> IpAddr {
    if bind.is_unspecified() {
        IpAddr::V4(Ipv4Addr::LOCALHOST)
    } else {
        bind
    }
}

async fn answer(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let question =
        format!("GET /health/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(question.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
