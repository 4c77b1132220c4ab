//! A little shop for the tests of this crate, and the words to ask it.

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{FromRef, State},
    http::{HeaderMap, Method, Request, StatusCode, header},
    response::IntoResponse,
};
use chrono::Utc;
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tower::ServiceExt;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    Admin, Caller, Common, ConsistencyToken, Form, Freshness, Identity, IfMatch, Json, Keeper,
    MaybeCaller, PageLimit, Path, Problem, Profile, Query, Result, Service, Wrote, port,
};

// Of one byte: `prod` would not take it.
pub(crate) const SECRET: &[u8] = &[b'k'; 32];
pub(crate) const ALICE: Uuid = Uuid::from_u128(0xA11CE);

pub(crate) fn common(profile: Profile) -> Common {
    Common::new(profile, SECRET, 15)
}

pub(crate) fn token(common: &Common, role: &str) -> String {
    let identity = Identity {
        user_id: ALICE,
        username: "alice".to_owned(),
        role: role.to_owned(),
    };
    common
        .tokens()
        .issue(&identity, Uuid::from_u128(5), Utc::now())
        .token
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).expect("the body is UTF-8")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        Some(
            self.headers
                .get(name)?
                .to_str()
                .expect("the header is ASCII"),
        )
    }

    /// It is a whole problem of this kind; gives its JSON.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, slug: &str) -> Value {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let json = self.json();
        assert_eq!(
            (self.status.as_u16(), &json["status"]),
            (status, &Value::from(status)),
            "{json}"
        );
        assert_eq!(json["type"], format!("/problems/{slug}"), "{json}");
        for member in ["title", "detail", "instance"] {
            assert!(
                json[member].as_str().is_some_and(|text| !text.is_empty()),
                "{member}: {json}"
            );
        }
        json
    }

    /// It is a 422 about this one field; gives what is wrong with it.
    #[track_caller]
    pub(crate) fn is_invalid(&self, pointer: &str) -> String {
        let json = self.is_problem(422, "invalid");
        let errors = json["errors"].as_array().expect("errors is an array");
        assert_eq!(errors.len(), 1, "{json}");
        assert_eq!(errors[0]["pointer"], pointer, "{json}");
        errors[0]["detail"]
            .as_str()
            .expect("detail is a text")
            .to_owned()
    }
}

pub(crate) fn request(method: Method, uri: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(uri)
}

pub(crate) fn get(uri: &str) -> Request<Body> {
    request(Method::GET, uri)
        .body(Body::empty())
        .expect("the request is sane")
}

pub(crate) fn post(uri: &str, content_type: &str, body: impl Into<Body>) -> Request<Body> {
    let request = request(Method::POST, uri).header(header::CONTENT_TYPE, content_type);
    request.body(body.into()).expect("the request is sane")
}

pub(crate) fn post_json(body: impl Into<Body>) -> Request<Body> {
    post("/thing", "application/json", body)
}

pub(crate) async fn ask(router: &Router, request: Request<Body>) -> Answer {
    let Ok(response) = router.clone().oneshot(request).await;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("the body arrives").to_bytes();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}

/// The order port of a shop that knows one kind of thing.
pub(crate) fn shop(common: &Common) -> Router {
    port(Service::Order, things(common), common)
}

pub(crate) fn things(common: &Common) -> OpenApiRouter {
    reads(common).merge(writes(common)).merge(others(common))
}

pub(crate) fn reads(common: &Common) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(one))
        .routes(routes!(list))
        .routes(routes!(seen))
        .with_state(Shop(common.clone()))
}

pub(crate) fn writes(common: &Common) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(change, remove))
        .routes(routes!(add))
        .with_state(Shop(common.clone()))
}

fn others(common: &Common) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(me))
        .routes(routes!(maybe))
        .routes(routes!(admin))
        .routes(routes!(keep))
        .routes(routes!(broken))
        .routes(routes!(faulty))
        .routes(routes!(slow))
        .with_state(Shop(common.clone()))
}

#[derive(Clone)]
struct Shop(Common);

impl FromRef<Shop> for Common {
    fn from_ref(shop: &Shop) -> Self {
        shop.0.clone()
    }
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Thing {
    name: String,
    count: u32,
    #[schema(value_type = Option<f64>)]
    price: Option<Box<serde_json::value::RawValue>>,
    tags: Option<Vec<String>>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Page {
    #[serde(default)]
    limit: PageLimit,
    q: Option<String>,
    available: Option<bool>,
    cursor: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Login {
    username: String,
    password: String,
}

#[utoipa::path(get, path = "/thing/{id}", params(("id" = Uuid, Path)), responses((status = 200)))]
async fn one(Path(id): Path<Uuid>) -> String {
    id.to_string()
}

#[utoipa::path(get, path = "/things", params(Page), responses((status = 200)))]
async fn list(State(shop): State<Shop>, Query(page): Query<Page>) -> Result<String> {
    if let Some(cursor) = &page.cursor {
        let at: i64 = crate::Cursor::decode(&shop.0, "things", cursor)?;
        return Ok(at.to_string());
    }
    Ok(format!(
        "{} {:?} {:?}",
        page.limit.get(),
        page.q,
        page.available
    ))
}

#[utoipa::path(get, path = "/seen", params(Freshness), responses((status = 200)))]
async fn seen(freshness: Freshness) -> String {
    format!("{:?}", freshness.position())
}

#[utoipa::path(put, path = "/thing/{id}", params(("id" = Uuid, Path), IfMatch), responses((status = 200)))]
async fn change(_id: Path<Uuid>, version: IfMatch) -> Result<()> {
    version.check(7)
}

#[utoipa::path(delete, path = "/thing/{id}", params(("id" = Uuid, Path)), responses((status = 204)))]
async fn remove(_id: Path<Uuid>) -> impl IntoResponse {
    (
        StatusCode::NO_CONTENT,
        Wrote {
            token: ConsistencyToken::at(41),
            user: None,
        },
        (),
    )
}

#[utoipa::path(post, path = "/thing", request_body = Thing, responses(
    (status = 201),
    (status = 409, description = "There is one of this name already"),
))]
async fn add(Json(thing): Json<Thing>) -> Result<(StatusCode, Json<Thing>)> {
    if thing.name == "taken" {
        return Err(
            Problem::conflict("insufficient-stock", "Insufficient stock").with("available", 3),
        );
    }
    Ok((StatusCode::CREATED, Json(thing)))
}

#[utoipa::path(post, path = "/user/login", request_body(content = Login, content_type = "application/x-www-form-urlencoded"), responses(
    (status = 200), (status = 429, description = "Too many failed logins"),
))]
async fn login(Form(login): Form<Login>) -> String {
    format!("{}:{}", login.username, login.password)
}

#[utoipa::path(get, path = "/user/me", security(("bearer" = [])), responses((status = 200)))]
async fn me(caller: Caller) -> String {
    caller.username
}

#[utoipa::path(get, path = "/maybe", security((), ("bearer" = [])), responses((status = 200)))]
async fn maybe(MaybeCaller(caller): MaybeCaller) -> String {
    caller.map_or("nobody".to_owned(), |caller| caller.username)
}

#[utoipa::path(get, path = "/admin", security(("bearer" = [])), responses((status = 200)))]
async fn admin(Admin(caller): Admin) -> String {
    caller.role
}

#[utoipa::path(post, path = "/keep", security((), ("bearer" = [])), responses((status = 200)))]
async fn keep(Keeper(caller): Keeper) -> String {
    caller.map_or("anyone".to_owned(), |caller| caller.username)
}

#[utoipa::path(get, path = "/broken", responses((status = 200)))]
async fn broken() {
    panic!("the secret of the handler");
}

#[utoipa::path(get, path = "/faulty", responses((status = 200)))]
async fn faulty() -> Result<()> {
    Err(anyhow::anyhow!("password=hunter2")
        .context("the database said no")
        .into())
}

#[utoipa::path(get, path = "/slow", responses((status = 200)))]
async fn slow() {
    tokio::time::sleep(std::time::Duration::from_mins(1)).await;
}
