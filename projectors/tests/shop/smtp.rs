//! A small SMTP server that can be told to misbehave.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio::time::sleep;

/// What the server does to the next message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Kind,
    /// Answers the recipient with this code.
    Refuses(u16),
    /// Takes the message and hangs up without a word.
    CutsAfterTheEnd,
    /// Hangs up when the message begins.
    CutsBeforeTheMessage,
    /// Takes this long to answer.
    Slow(Duration),
    /// Takes the message and says nothing after that.
    FallsSilent,
}

/// A server on a port of its own, stopped with this.
pub struct Server {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: AbortHandle,
}

#[derive(Default)]
struct State {
    moods: Vec<Mood>,
    arrived: Vec<Arrived>,
    first_bytes: Vec<Vec<u8>>,
}

/// A message that was taken to its end.
#[derive(Clone, Debug)]
pub struct Arrived {
    pub recipient: String,
    pub text: String,
    /// The client was told so.
    pub confirmed: bool,
}

impl Arrived {
    /// A header's value.
    pub fn header(&self, name: &str) -> String {
        let start = format!("{name}: ");
        let line = self.text.lines().find_map(|line| line.strip_prefix(&start));
        line.unwrap_or_else(|| panic!("no {name} in {}", self.text))
            .to_owned()
    }
}

impl Server {
    pub async fn start() -> Self {
        Self::start_on("127.0.0.1:0").await
    }

    pub async fn start_on(address: impl tokio::net::ToSocketAddrs) -> Self {
        let listener = TcpListener::bind(address).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State::default()));
        let task = tokio::spawn(accept(listener, Arc::clone(&state))).abort_handle();
        Self {
            address,
            state,
            task,
        }
    }

    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// The next messages meet these moods, later ones a kind server.
    pub fn will_be(&self, moods: &[Mood]) {
        let mut state = self.state.lock().expect("nobody panics");
        state.moods = moods.iter().rev().copied().collect();
    }

    pub fn arrived(&self) -> Vec<Arrived> {
        self.state.lock().expect("nobody panics").arrived.clone()
    }

    /// What each connection began with.
    pub fn first_bytes(&self) -> Vec<Vec<u8>> {
        self.state
            .lock()
            .expect("nobody panics")
            .first_bytes
            .clone()
    }

    /// Waits until so many messages have arrived.
    pub async fn has(&self, messages: usize) -> Vec<Arrived> {
        for _ in 0..2_000 {
            let arrived = self.arrived();
            if arrived.len() >= messages {
                return arrived;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("{messages} messages did not arrive: {:?}", self.arrived());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>) {
    let mut conversations = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        conversations.spawn(async move {
            // The client may hang up at any time.
            let _ = converse(stream, &state).await;
        });
    }
}

async fn converse(mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut reader = BufReader::new(reader);
    let connection = {
        let mut state = state.lock().expect("nobody panics");
        state.first_bytes.push(Vec::new());
        state.first_bytes.len() - 1
    };
    // A client that begins with TLS speaks first; others wait for the greeting.
    writer.write_all(b"220 sink\r\n").await?;
    let (mut recipient, mut mood) = (String::new(), Mood::Kind);
    loop {
        let first = reader.fill_buf().await?;
        {
            let mut state = state.lock().expect("nobody panics");
            state.first_bytes[connection].extend(first);
        }
        if first.first() == Some(&0x16) {
            return Ok(());
        }
        let Some(line) = line(&mut reader).await? else {
            return Ok(());
        };
        let verb = line
            .split([' ', ':'])
            .next()
            .unwrap_or_default()
            .to_uppercase();
        match verb.as_str() {
            "EHLO" => {
                let features = b"250-sink\r\n250-8BITMIME\r\n250 STARTTLS\r\n";
                writer.write_all(features).await?;
            }
            "MAIL" => {
                let next = state.lock().expect("nobody panics").moods.pop();
                mood = next.unwrap_or(Mood::Kind);
                writer.write_all(b"250 ok\r\n").await?;
            }
            "RCPT" => {
                let address = line.split(['<', '>']).nth(1);
                address.unwrap_or_default().clone_into(&mut recipient);
                if let Mood::Refuses(code) = mood {
                    writer
                        .write_all(format!("{code} not now\r\n").as_bytes())
                        .await?;
                } else {
                    writer.write_all(b"250 ok\r\n").await?;
                }
            }
            "DATA" => {
                if mood == Mood::CutsBeforeTheMessage {
                    return Ok(());
                }
                writer.write_all(b"354 go on\r\n").await?;
                let Some(text) = text(&mut reader).await? else {
                    return Ok(());
                };
                if let Mood::Slow(pause) = mood {
                    sleep(pause).await;
                }
                let confirmed = mood != Mood::CutsAfterTheEnd;
                state.lock().expect("nobody panics").arrived.push(Arrived {
                    recipient: recipient.clone(),
                    text,
                    confirmed,
                });
                if !confirmed {
                    return Ok(());
                }
                writer.write_all(b"250 taken\r\n").await?;
                if mood == Mood::FallsSilent {
                    std::future::pending::<()>().await;
                }
            }
            "STARTTLS" => writer.write_all(b"220 go on\r\n").await?,
            "QUIT" => {
                writer.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => writer.write_all(b"250 ok\r\n").await?,
        }
    }
}

async fn line(reader: &mut BufReader<impl AsyncRead + Unpin>) -> std::io::Result<Option<String>> {
    let mut bytes = Vec::new();
    let limit = 10_000;
    let read = reader.take(limit).read_until(b'\n', &mut bytes).await?;
    let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
    Ok((read > 0).then_some(line))
}

async fn text(reader: &mut BufReader<impl AsyncRead + Unpin>) -> std::io::Result<Option<String>> {
    let mut text = String::new();
    while let Some(line) = line(reader).await? {
        if line == "." {
            return Ok(Some(text));
        }
        text += &line;
        text.push('\n');
    }
    Ok(None)
}
