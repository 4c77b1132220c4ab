use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{body::Body, http::Method};
use tracing_subscriber::fmt::MakeWriter;
use utoipa_axum::router::OpenApiRouter;

use super::{bounded, port, port_of_part};
use crate::{
    Profile, Service,
    testing::{ask, common, get, post_json, reads, request, shop, things, token, writes},
};

const THING: &str = "/thing/0197a3c2-0000-7000-8000-000000000000";

fn bare(method: Method, path: &str) -> axum::http::Request<Body> {
    request(method, path).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn each_port_says_whose_it_is() {
    let common = common(Profile::Dev);
    for service in Service::ALL {
        let port = port(service, OpenApiRouter::new(), &common);
        let json = ask(&port, get("/")).await.json();
        assert_eq!(
            (&json["service"], &json["status"]),
            (&service.name().into(), &"ok".into())
        );
        assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(
            ask(&port, get("/openapi.json")).await.json()["info"]["title"],
            format!("Online Mart: {service}")
        );
    }
}

#[tokio::test]
async fn an_unknown_path_is_a_404_that_names_it() {
    let shop = shop(&common(Profile::Dev));
    for path in [
        "/nothing",
        "/thing/",
        "/things/",
        "/health",
        "//",
        "/docs/nothing.js",
        "/nothing%00",
    ] {
        let json = ask(&shop, get(path)).await.is_problem(404, "not-found");
        assert_eq!(json["instance"], path);
    }
    let json = ask(&shop, get("/nothing?token=secret"))
        .await
        .is_problem(404, "not-found");
    assert_eq!(json["instance"], "/nothing");
}

#[tokio::test]
async fn a_wrong_method_is_a_405_that_lists_the_right_ones() {
    let shop = shop(&common(Profile::Dev));
    for (method, path, allowed) in [
        (Method::POST, "/", "GET,HEAD"),
        (Method::DELETE, "/thing", "POST"),
        (Method::GET, "/thing", "POST"),
        // of two routers, merged
        (Method::POST, THING, "GET,HEAD,PUT,DELETE"),
        (Method::OPTIONS, THING, "GET,HEAD,PUT,DELETE"),
        (Method::PATCH, "/health/ready", "GET,HEAD"),
        (Method::POST, "/openapi.json", "GET,HEAD"),
        (Method::PUT, "/docs/", "GET,HEAD"),
        (Method::PUT, "/problems/invalid", "GET,HEAD"),
    ] {
        let answer = ask(&shop, bare(method, path)).await;
        answer.is_problem(405, "method-not-allowed");
        assert_eq!(answer.header("allow"), Some(allowed), "{path}");
    }
    let odd = bare(Method::from_bytes(b"BREW").unwrap(), "/");
    ask(&shop, odd).await.is_problem(405, "method-not-allowed");
}

/// The port of a process that only reads, or only writes.
fn half(half: fn(&crate::Common) -> OpenApiRouter) -> axum::Router {
    let common = common(Profile::Dev);
    let whole = [reads, writes].map(|half| half(&common).into_openapi());
    port_of_part(Service::Order, half(&common), whole.into(), &common)
}

#[tokio::test]
async fn a_part_of_a_service_shows_the_whole_page() {
    let page = async |port: &axum::Router| ask(port, get("/openapi.json")).await.json();
    let (read, write) = (page(&half(reads)).await, page(&half(writes)).await);
    assert_eq!(read, write);
    let operations = |path: &str| -> Vec<_> {
        read["paths"][path]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect()
    };
    assert_eq!(operations("/thing/{id}"), ["delete", "get", "put"]);
    assert_eq!(operations("/things"), ["get"]);
    assert_eq!(operations("/thing"), ["post"]);
    assert_eq!(operations("/"), ["get"]);
}

#[tokio::test]
async fn what_another_process_serves_is_a_405_that_lists_all_methods() {
    let (read, write) = (half(reads), half(writes));
    for (port, method, path, allowed) in [
        (&read, Method::GET, "/thing", "POST"),
        (&read, Method::POST, "/thing", "POST"),
        (&read, Method::DELETE, "/things", "GET,HEAD"),
        (&read, Method::PUT, THING, "GET,HEAD,PUT,DELETE"),
        (&read, Method::PATCH, THING, "GET,HEAD,PUT,DELETE"),
        (&write, Method::POST, "/things", "GET,HEAD"),
        (&write, Method::GET, "/things", "GET,HEAD"),
        (&write, Method::GET, THING, "GET,HEAD,PUT,DELETE"),
        (&write, Method::PATCH, "/thing", "POST"),
    ] {
        let answer = ask(port, bare(method, path)).await;
        answer.is_problem(405, "method-not-allowed");
        assert_eq!(answer.header("allow"), Some(allowed), "{path}");
    }
    let head = ask(&write, bare(Method::HEAD, "/things")).await;
    assert_eq!(
        (head.status.as_u16(), head.header("allow")),
        (405, Some("GET,HEAD"))
    );
    // Merged from both sides, in whatever order.
    let brewed = ask(&write, bare(Method::PATCH, THING)).await;
    brewed.is_problem(405, "method-not-allowed");
    let mut allowed: Vec<_> = brewed.header("allow").unwrap().split(',').collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["DELETE", "GET", "HEAD", "PUT"]);
    assert_eq!(ask(&read, get(THING)).await.status, 200);
    assert_eq!(ask(&write, bare(Method::PUT, THING)).await.status, 200);
    ask(&read, get("/nothing"))
        .await
        .is_problem(404, "not-found");
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let shop = shop(&common(Profile::Dev));
    for path in [
        "/",
        "/docs/",
        "/openapi.json",
        "/metrics",
        "/health/live",
        "/health/ready",
        THING,
        "/nothing",
    ] {
        let head = ask(&shop, bare(Method::HEAD, path)).await;
        let got = ask(&shop, get(path)).await;
        assert_eq!((head.status, head.body.len()), (got.status, 0), "{path}");
        assert_eq!(head.header("content-type"), got.header("content-type"));
    }
}

#[tokio::test]
async fn a_request_keeps_its_name_or_gets_one() {
    let shop = shop(&common(Profile::Dev));
    for path in ["/", "/nothing", "/broken"] {
        let named = request(Method::GET, path)
            .header("x-request-id", "my-7")
            .body(Body::empty())
            .unwrap();
        assert_eq!(ask(&shop, named).await.header("x-request-id"), Some("my-7"));
        let made = ask(&shop, get(path)).await;
        made.header("x-request-id")
            .unwrap()
            .parse::<uuid::Uuid>()
            .unwrap();
    }
}

#[tokio::test]
async fn what_takes_too_long_is_a_503() {
    let common = common(Profile::Dev);
    let port = bounded(
        Service::Order,
        things(&common),
        Vec::new(),
        &common,
        Duration::from_millis(20),
    );
    let answer = ask(&port, get("/slow")).await;
    answer.is_problem(503, "unavailable");
    assert!(answer.header("retry-after").is_some());
}

#[tokio::test]
async fn the_docs_ask_no_other_host() {
    let shop = shop(&common(Profile::Dev));
    let redirect = ask(&shop, get("/docs")).await;
    assert_eq!(
        (redirect.status.as_u16(), redirect.header("location")),
        (303, Some("/docs/"))
    );
    let page = ask(&shop, get("/docs/")).await;
    assert_eq!(
        (page.status.as_u16(), page.header("content-encoding")),
        (200, None)
    );
    assert!(
        page.header("content-security-policy")
            .unwrap()
            .starts_with("default-src 'self';")
    );
    let html = page.text();
    assert!(!html.contains("://") && !html.contains("=\"//"), "{html}");
    let links = html
        .split(['"', '\''])
        .filter(|part| part.starts_with("./") || *part == "index.css");
    let links: Vec<_> = links.collect();
    assert!(links.len() >= 4, "{links:?}");
    for link in links {
        let file = ask(
            &shop,
            get(&format!("/docs/{}", link.trim_start_matches("./"))),
        )
        .await;
        assert_eq!(file.status, 200, "{link}");
    }
    let start = ask(&shop, get("/docs/swagger-initializer.js")).await.text();
    assert!(
        start.contains("\"/openapi.json\"") && !start.contains("://"),
        "{start}"
    );
    assert!(start.contains("\"validatorUrl\": \"none\""), "{start}");
}

#[tokio::test]
async fn answers_are_counted_by_route_and_not_by_path() {
    let shop = shop(&common(Profile::Dev));
    ask(&shop, get(THING)).await;
    ask(&shop, get("/nothing-to-count")).await;
    ask(&shop, bare(Method::from_bytes(b"BREW").unwrap(), "/things")).await;
    let answer = ask(&shop, get("/metrics")).await;
    assert!(
        answer
            .header("content-type")
            .unwrap()
            .starts_with("text/plain; version=0.0.4")
    );
    let text = answer.text();
    for start in [
        "http_requests_total{service=\"order\",route=\"/thing/{id}\",method=\"GET\",status=\"200\"} ",
        "http_requests_total{service=\"order\",route=\"none\",method=\"GET\",status=\"404\"} ",
        "http_requests_total{service=\"order\",route=\"/things\",method=\"other\",status=\"405\"} ",
        "http_request_duration_seconds_bucket{service=\"order\",route=\"/thing/{id}\",method=\"GET\",le=\"0.005\"} ",
    ] {
        assert!(
            text.lines().any(|line| line.starts_with(start)),
            "{start} in {text}"
        );
    }
    assert!(
        !text.contains("0197a3c2") && !text.contains("nothing-to-count") && !text.contains("BREW")
    );
}

#[tokio::test]
async fn a_request_leaves_one_line_without_what_it_said() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_ansi(false)
        .with_writer(lines.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let common = common(Profile::Dev);
    let shop = shop(&common);
    let token = token(&common, "customer");
    let asking = request(Method::GET, &format!("{THING}?q=query-text"))
        .header("authorization", format!("Bearer {token}"))
        .header("x-request-id", "named-7");
    ask(&shop, asking.body(Body::empty()).unwrap()).await;
    ask(&shop, post_json(r#"{"name":"body-text","count":"x"}"#)).await;
    drop(guard);

    let text = lines.text();
    let answered: Vec<_> = text
        .lines()
        .filter(|line| line.contains("answered"))
        .collect();
    assert_eq!(answered.len(), 2, "{text}");
    for part in [
        "GET",
        "/thing/{id}",
        "status=200",
        "micros=",
        "request_id=\"named-7\"",
    ] {
        assert!(answered[0].contains(part), "{part} in {}", answered[0]);
    }
    for secret in [token.as_str(), "query-text", "body-text"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

/// Log lines kept in memory.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
