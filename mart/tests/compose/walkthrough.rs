//! The whole of compose.yml, and the README's walk through the shop, by curl, through the proxy.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use futures::stream::{StreamExt as _, iter};
use rand::seq::SliceRandom as _;
use reqwest::StatusCode;
use serde_json::json;

use crate::native::{Process, Street};
use crate::shell::{bash, walk};

/// Whoever types this takes a second between a write and a look at it; the script, which takes none, shows the token of
/// the last write.
const LOOK: &str = r#"
curl() {
  grep -i '^consistency-token' headers >token || true
  command curl -H @token "$@"
}
"#;

fn client(from: Ipv4Addr) -> reqwest::Client {
    // Somebody was here before, after the first time.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .local_address(IpAddr::V4(from))
        .timeout(Duration::from_secs(30))
        .build()
        .expect("a client")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kafka, and nginx"]
async fn the_readme_s_walk_through_works_on_the_services_of_compose() {
    let key = format!(
        "{:032x}{:032x}",
        rand::random::<u128>(),
        rand::random::<u128>()
    );
    let street = Street::open(&[("JWT_SECRET_KEY", &key), ("GATEWAY_SUCCESS_RATE", "1")]).await;
    let mut staff = street.staff();
    assert_eq!(staff.len(), 7);
    let mut proxy = street.proxy();
    proxy.start();
    let shop = street.address("proxy");
    nobody_answers_yet(shop).await;

    // In any order: each waits for what it needs.
    staff.shuffle(&mut rand::rng());
    staff.iter_mut().for_each(Process::start);
    for process in &mut staff {
        process.healthy().await;
    }

    // The examples, as they stand.
    let lines: Vec<_> = (8000..=8006)
        .map(|port| format!("connect-to = \"localhost:{port}:{shop}:{port}\"\n"))
        .collect();
    let curlrc = lines.concat() + "silent\nshow-error\ndump-header = \"headers\"\n";
    let folder = street.folder().join("customer");
    std::fs::create_dir(&folder).expect("ours");
    std::fs::write(folder.join(".curlrc"), curlrc).expect("ours");
    std::fs::write(folder.join("headers"), "").expect("ours");
    let told = bash(&folder, &(LOOK.to_owned() + &walk()));
    for word in [
        "john_doe",
        "access_token",
        "999.99",
        "\"available_stock\":98",
        "IN_PROGRESS",
        "\"PAID\"",
        "COMPLETED",
    ] {
        assert!(told.contains(word), "nothing said {word}:\n{told}");
    }
    let mails = street.mails.has(3).await;
    let subjects: BTreeSet<_> = mails.iter().map(|mail| mail.header("Subject")).collect();
    let wanted = [
        "Order confirmation",
        "Payment confirmation",
        "Welcome to Online Mart",
    ];
    assert_eq!(subjects, wanted.map(ToOwned::to_owned).into());

    each_caller_has_a_limit_of_its_own(shop).await;

    // GET and HEAD need the read side alone, everything else the write side.
    part(&mut staff, "write-api").stop().await;
    let anybody = client(Ipv4Addr::LOCALHOST);
    for (method, status) in [("GET", 200), ("HEAD", 200), ("POST", 503), ("DELETE", 503)] {
        let method = method.parse().expect("a method");
        let request = anybody.request(method, format!("http://{shop}:8000/products"));
        let answer = request.send().await.expect("the proxy answers");
        assert_eq!(answer.status(), status);
    }
    let refused = anybody.post(format!("http://{shop}:8002/user/login"));
    is_a_problem(refused.send().await.expect("it answers"), 503).await;
    let too_much = vec![0; 5 << 20];
    let refused = anybody.post(format!("http://{shop}:8000/product"));
    let refused = refused.body(too_much).send().await;
    is_a_problem(refused.expect("it answers"), 413).await;
    let operator = anybody.post(format!("http://{shop}:8006/audit"));
    let answer = operator.send().await.expect("it answers");
    assert_eq!(
        answer.status(),
        StatusCode::METHOD_NOT_ALLOWED,
        "read-api's"
    );

    for process in staff
        .iter_mut()
        .filter(|process| process.name != "write-api-1")
    {
        let (status, written) = process.stop().await;
        assert!(status.success(), "{} ended with {status}", process.name);
        assert!(written.is_empty(), "{} wrote {written:?}", process.name);
    }
    assert!(proxy.stop().await.0.success());
}

fn part<'a>(staff: &'a mut [Process], name: &str) -> &'a mut Process {
    let name = format!("{name}-1");
    let found = staff.iter_mut().find(|process| process.name == name);
    found.expect("it is there")
}

/// The proxy is there, and says so in the shop's own words.
async fn nobody_answers_yet(shop: &str) {
    let anybody = client(Ipv4Addr::LOCALHOST);
    let mut answer = Err(String::new());
    for _ in 0..100 {
        match anybody.get(format!("http://{shop}:8090/")).send().await {
            Ok(answered) => {
                answer = Ok(answered.status());
                break;
            }
            Err(error) => answer = Err(error.to_string()),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(
        answer,
        Ok(StatusCode::NO_CONTENT),
        "is nginx installed (apt-get install nginx-light)?"
    );
    let early = anybody.get(format!("http://{shop}:8003/"));
    is_a_problem(early.send().await.expect("it answers"), 503).await;
}

async fn is_a_problem(answer: reqwest::Response, status: u16) {
    assert_eq!(answer.status(), status);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let waits = answer.headers().contains_key("retry-after");
    assert_eq!(waits, status == 503);
    let problem: serde_json::Value =
        serde_json::from_str(&answer.text().await.expect("text")).expect("JSON");
    assert_eq!(problem["status"], status);
    let slug = problem["type"]
        .as_str()
        .and_then(|kind| kind.strip_prefix("/problems/"));
    let known = slug
        .and_then(service::problems::find)
        .expect("a known kind");
    assert_eq!(problem["title"], known.title);
}

/// The proxy tells who calls and is believed; what the caller says of itself is not.
async fn each_caller_has_a_limit_of_its_own(shop: &str) {
    let register = |from: Ipv4Addr, claimed: String| {
        let body = json!({
            "username": "john_doe", "email": "john@example.com", "password": "securepassword123"
        });
        let request = client(from)
            .post(format!("http://{shop}:8003/user/register"))
            .header("content-type", "application/json")
            .header("x-forwarded-for", claimed)
            .body(body.to_string());
        async { request.send().await.expect("it answers").status() }
    };
    let busy = Ipv4Addr::new(127, 7, 7, 1);
    let answers: Vec<_> = iter(0..100)
        .map(|number| register(busy, format!("198.51.100.{number}")))
        .buffer_unordered(16)
        .collect()
        .await;
    let too_many = answers
        .iter()
        .filter(|status| status.as_u16() == 429)
        .count();
    assert!(too_many > 0, "{answers:?}");
    let other = register(Ipv4Addr::new(127, 7, 7, 2), busy.to_string()).await;
    assert_eq!(
        other,
        StatusCode::CONFLICT,
        "the name is taken, and that is all"
    );
}
