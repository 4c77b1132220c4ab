//! A shop whose log is written by hand, whose read models are folded on demand, and whose ports answer without sockets.

use std::{collections::HashMap, net::SocketAddr};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderMap, HeaderName, Method, Request, StatusCode, header},
};
use chrono::Utc;
use embedded_postgres::testing::TestDatabase;
use event_store::Log;
use http_body_util::BodyExt;
use projectors::{Progress, projections};
use read_api::{Reader, Rebuilds};
use serde_json::Value;
use service::{Common, Identity, Profile, Service};
use tower::ServiceExt;
use uuid::Uuid;

use crate::{
    databases::{self, Databases},
    told::Told,
};

pub struct World {
    pub reader: Reader,
    ports: HashMap<&'static str, Router>,
    _kept: Vec<TestDatabase>,
}

/// An answer, read to its end.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

/// A question that is being put together.
pub struct Ask<'w> {
    world: &'w World,
    service: Service,
    request: axum::http::request::Builder,
}

impl World {
    pub async fn new() -> Self {
        Self::on(databases::together().await)
    }

    /// With each read model in a database of its own.
    pub async fn apart() -> Self {
        Self::on(databases::apart().await)
    }

    fn on(databases: Databases) -> Self {
        let reader = Reader {
            progress: Progress::shared(&databases.read),
            databases: databases.read,
            common: Common::new(Profile::Dev, &[b'k'; 32], 15),
            log: Log::open(databases.log),
            rebuilds: Rebuilds::default(),
        };
        let port = |(service, routes): (Service, _)| {
            (
                service.name(),
                service::port(service, routes, &reader.common),
            )
        };
        Self {
            ports: read_api::routers(&reader).into_iter().map(port).collect(),
            reader,
            _kept: databases.kept,
        }
    }

    /// Writes events into the log, as the writing side would; the read models do not know of them yet.
    pub async fn logged(&self, events: impl IntoIterator<Item = Told>) -> i64 {
        let mut transaction = self.reader.log.pool().begin().await.expect("a transaction");
        for told in events {
            sqlx::query(
                "with head as (
                     update log_head set position = position + 1,
                            recorded_at = greatest(recorded_at, clock_timestamp())
                     returning position, recorded_at
                 )
                 insert into events (position, aggregate_type, aggregate_id, sequence, event_type, event_version,
                                     payload, metadata, event_id, recorded_at)
                 select position, $1, $2, $3, $4, '1', $5, $6, $7, recorded_at from head",
            )
            .bind(told.aggregate_type)
            .bind(told.aggregate_id.to_string())
            .bind(told.sequence)
            .bind(told.event_type())
            .bind(&told.payload)
            .bind(told.metadata())
            .bind(Uuid::now_v7())
            .execute(&mut *transaction)
            .await
            .expect("the event is written");
        }
        transaction.commit().await.expect("the events are written");
        self.reader.log.head().await.expect("a head")
    }

    /// Folds what is in the log into every read model.
    pub async fn shown(&self) {
        for projection in projections() {
            let pool = projection.database(&self.reader.databases);
            let mut transaction = pool.begin().await.expect("a transaction");
            let from: Option<i64> =
                sqlx::query_scalar("select position from checkpoint where projection = $1")
                    .bind(projection.name())
                    .fetch_optional(&mut *transaction)
                    .await
                    .expect("a checkpoint");
            let page = self
                .reader
                .log
                .read(from.unwrap_or(0), 10_000)
                .await
                .expect("the log");
            let concerned: Vec<_> = page
                .events
                .into_iter()
                .filter(|event| projection.concerns(&event.message))
                .collect();
            projection
                .apply(&mut transaction, &concerned)
                .await
                .expect("the events fold");
            sqlx::query(
                "insert into checkpoint (projection, version, position) values ($1, $2, $3)
                 on conflict (projection) do update set position = excluded.position",
            )
            .bind(projection.name())
            .bind(projection.version())
            .bind(page.through)
            .execute(&mut *transaction)
            .await
            .expect("the checkpoint moves");
            transaction.commit().await.expect("the rows are there");
        }
    }

    /// Writes and folds.
    pub async fn happened(&self, events: impl IntoIterator<Item = Told>) -> i64 {
        let head = self.logged(events).await;
        self.shown().await;
        head
    }

    pub fn get(&self, service: Service, path: &str) -> Ask<'_> {
        self.ask(Method::GET, service, path)
    }

    pub fn ask(&self, method: Method, service: Service, path: &str) -> Ask<'_> {
        let request = Request::builder().method(method).uri(path);
        Ask {
            world: self,
            service,
            request,
        }
    }

    /// Every page of a list, from the first to the last.
    pub async fn pages(
        &self,
        service: Service,
        path: &str,
        token: Option<&str>,
    ) -> Vec<Vec<Value>> {
        let mut pages = Vec::new();
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            let ask = self.get(service, &path);
            let answer = match token {
                Some(token) => ask.token(token).await,
                None => ask.plain().await,
            };
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
            pages.push(answer.array());
            next = answer.next();
        }
        pages
    }

    pub fn customer(&self, user_id: Uuid) -> String {
        self.token(user_id, "customer")
    }

    pub fn admin(&self) -> String {
        self.token(Uuid::now_v7(), "admin")
    }

    pub fn token(&self, user_id: Uuid, role: &str) -> String {
        let identity = Identity {
            user_id,
            username: "alice".to_owned(),
            role: role.to_owned(),
        };
        self.reader
            .common
            .tokens()
            .issue(&identity, Uuid::now_v7(), Utc::now())
            .token
    }
}

impl Ask<'_> {
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub async fn token(self, token: &str) -> Answer {
        self.header(header::AUTHORIZATION, &format!("Bearer {token}"))
            .plain()
            .await
    }

    pub async fn plain(self) -> Answer {
        let mut request = self.request.body(Body::empty()).expect("a request");
        let address: SocketAddr = "203.0.113.7:4711".parse().expect("an address");
        request.extensions_mut().insert(ConnectInfo(address));
        let port = self.world.ports[self.service.name()].clone();
        let response = port.oneshot(request).await.expect("a port always answers");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).expect("UTF-8"),
        }
    }
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("JSON")
    }

    pub fn array(&self) -> Vec<Value> {
        self.json().as_array().expect("an array").clone()
    }

    pub fn header(&self, name: HeaderName) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("ASCII"))
    }

    /// The path of the next page.
    pub fn next(&self) -> Option<String> {
        let link = self.header(header::LINK);
        let path = link.strip_prefix('<')?.strip_suffix(">; rel=\"next\"")?;
        Some(path.to_owned())
    }

    /// Checks that it is a problem of this status and kind, and gives it back.
    #[track_caller]
    pub fn problem(&self, status: u16, slug: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(
            self.header(header::CONTENT_TYPE),
            "application/problem+json"
        );
        let problem = self.json();
        assert_eq!(problem["type"], format!("/problems/{slug}"));
        assert_eq!(problem["status"], status);
        problem
    }

    /// Checks that it is a 422 that points at this parameter.
    #[track_caller]
    pub fn points_at(&self, pointer: &str) {
        let problem = self.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }

    #[track_caller]
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        self.json()
    }
}
