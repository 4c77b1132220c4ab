use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    routing::{get, post},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{FIRST_HEAD, NEXT_HEAD, Patience};
use crate::{Json, Peer};

struct Running {
    address: SocketAddr,
    shutdown: CancellationToken,
    ended: JoinHandle<()>,
}

async fn start(drain: Duration) -> Running {
    start_with(Patience {
        first_head: FIRST_HEAD,
        next_head: NEXT_HEAD,
        drain,
    })
    .await
}

async fn start_with(patience: Patience) -> Running {
    let router = Router::new()
        .route(
            "/peer",
            get(async |Peer(address): Peer| address.to_string()),
        )
        .route(
            "/short",
            get(async || sleep(Duration::from_millis(300)).await),
        )
        .route(
            "/thing",
            post(async |Json(thing): Json<serde_json::Value>| Json(thing)),
        )
        .route("/long", get(async || sleep(Duration::from_mins(1)).await));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let ended = tokio::spawn(patience.serve(listener, router, shutdown.clone()));
    Running {
        address,
        shutdown,
        ended,
    }
}

impl Running {
    async fn ask(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: here\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    async fn stop(self) -> Duration {
        let begun = Instant::now();
        self.shutdown.cancel();
        timeout(Duration::from_secs(20), self.ended)
            .await
            .unwrap()
            .unwrap();
        begun.elapsed()
    }
}

async fn first_part(stream: &mut TcpStream) -> String {
    let mut bytes = [0; 4096];
    let read = timeout(Duration::from_secs(5), stream.read(&mut bytes))
        .await
        .unwrap()
        .unwrap();
    String::from_utf8(bytes[..read].to_vec()).unwrap()
}

#[tokio::test]
async fn a_handler_knows_the_other_end() {
    let running = start(Duration::from_secs(5)).await;
    let mut stream = running.ask("/peer").await;
    assert!(first_part(&mut stream).await.ends_with("127.0.0.1"));
    running.stop().await;
}

#[tokio::test]
async fn what_has_begun_is_finished_and_nothing_new_begins() {
    let running = start(Duration::from_secs(10)).await;
    let address = running.address;
    let mut stream = running.ask("/short").await;
    sleep(Duration::from_millis(100)).await;
    let took = running.stop().await;
    assert!(first_part(&mut stream).await.starts_with("HTTP/1.1 200"));
    assert!(took < Duration::from_secs(5), "{took:?}");
    TcpStream::connect(address).await.unwrap_err();
}

#[tokio::test]
async fn a_connection_that_is_kept_alive_holds_up_nothing() {
    let running = start(Duration::from_secs(10)).await;
    let mut stream = running.ask("/peer").await;
    first_part(&mut stream).await;
    let took = running.stop().await;
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(first_part(&mut stream).await, "");
}

#[tokio::test]
async fn a_request_without_end_holds_up_the_stop_only_so_long() {
    let running = start(Duration::from_millis(200)).await;
    let _stream = running.ask("/long").await;
    sleep(Duration::from_millis(50)).await;
    let took = running.stop().await;
    assert!(
        took >= Duration::from_millis(200) && took < Duration::from_secs(3),
        "{took:?}"
    );
}

#[tokio::test]
async fn a_connection_that_says_nothing_holds_up_nothing() {
    let running = start(Duration::from_secs(10)).await;
    let _silent = TcpStream::connect(running.address).await.unwrap();
    sleep(Duration::from_millis(50)).await;
    let took = running.stop().await;
    assert!(took < Duration::from_secs(3), "{took:?}");
}

/// Connections whose request head does not come to its end: the first one's, and one that follows an answer.
async fn half_heads(running: &Running) -> [TcpStream; 2] {
    let first = TcpStream::connect(running.address).await.unwrap();
    let mut next = running.ask("/peer").await;
    first_part(&mut next).await;
    let mut both = [first, next];
    for stream in &mut both {
        stream
            .write_all(b"GET /peer HTTP/1.1\r\nHos")
            .await
            .unwrap();
    }
    sleep(Duration::from_millis(50)).await;
    both
}

#[tokio::test]
async fn half_a_head_holds_up_nothing() {
    let running = start(Duration::from_secs(10)).await;
    let _half = half_heads(&running).await;
    let took = running.stop().await;
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[tokio::test]
async fn who_never_ends_a_head_is_hung_up_on() {
    let running = start_with(Patience {
        first_head: Duration::from_millis(300),
        next_head: Duration::from_millis(300),
        drain: Duration::from_secs(10),
    })
    .await;
    for mut stream in half_heads(&running).await {
        assert_eq!(first_part(&mut stream).await, "");
    }
    running.stop().await;
}

#[tokio::test]
async fn a_new_connection_has_less_time_than_one_that_was_answered() {
    let running = start_with(Patience {
        first_head: Duration::from_millis(200),
        next_head: Duration::from_secs(20),
        drain: Duration::from_secs(10),
    })
    .await;
    let [mut first, mut next] = half_heads(&running).await;
    assert_eq!(first_part(&mut first).await, "");
    next.write_all(b"t: here\r\n\r\n").await.unwrap();
    assert!(first_part(&mut next).await.starts_with("HTTP/1.1 200"));
    running.stop().await;
}

#[tokio::test]
async fn who_still_sends_what_is_too_large_reads_the_answer() {
    let running = start(Duration::from_secs(5)).await;
    let size = 1024 * 1024;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let head = format!(
        "POST /thing HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b' '; size]).await.unwrap();
    assert!(first_part(&mut stream).await.starts_with("HTTP/1.1 413"));
    running.stop().await;
}
