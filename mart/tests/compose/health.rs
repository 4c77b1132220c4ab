//! `mart health`, which a container has instead of curl.

use mart::health_check::ask;
use service::Settings;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// What the health check says of a port that answers so.
async fn asked(answer: &'static str) -> Result<(), String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let answering = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("the check");
        let mut question = vec![0; 1024];
        let length = stream.read(&mut question).await.expect("a question");
        question.truncate(length);
        stream.write_all(answer.as_bytes()).await.expect("it reads");
        String::from_utf8(question).expect("text")
    });
    let said = ask(&settings(port)).await;
    let question = answering.await.expect("no panic");
    assert!(
        question.starts_with("GET /health/ready HTTP/1.1\r\n"),
        "{question}"
    );
    said.map_err(|error| format!("{error:#}"))
}

/// The operator's port is the last of seven.
fn settings(operator: u16) -> Settings {
    let first = format!("--first-port={}", operator - 6);
    Settings::from_flags([first.as_str(), "--bind=0.0.0.0"]).expect("sane settings")
}

#[tokio::test]
async fn what_is_ready_is_healthy() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
    assert_eq!(asked(answer).await, Ok(()));
}

#[tokio::test]
async fn what_is_not_ready_says_why() {
    let answer =
        "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\r\n{\"failing\":\"kafka\"}";
    assert_eq!(
        asked(answer).await,
        Err(r#"not ready: {"failing":"kafka"}"#.to_owned())
    );
}

#[tokio::test]
async fn where_nothing_answers_nothing_is_healthy() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let error = ask(&settings(port)).await.expect_err("nobody is there");
    assert!(format!("{error:#}").contains("can't ask"), "{error:#}");
    assert!(asked("SSH-2.0-somebody-else\r\n").await.is_err());
    let anywhere = Settings::from_flags(["--first-port=0"]).expect("sane settings");
    assert!(ask(&anywhere).await.is_err());
}
