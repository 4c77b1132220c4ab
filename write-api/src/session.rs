//! Sessions: `POST /user/login` and `POST /user/refresh_token`. The refresh token is `<session id>.<secret>`; the log
//! keeps the secret's SHA-256 only.

use axum::extract::State;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::Duration;
use domain::account::{self, Role};
use domain::claim::Kind;
use domain::id::{SessionId, UserId};
use domain::name::Username;
use domain::password::{PasswordHash, PlainPassword};
use domain::session::{Command, SecretDigest};
use domain::{Account, Claim, Session};
use event_store::{Context, Unit, Written};
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use service::{Form, Identity, Json};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer::Answer;
use crate::passwords::Verdict;
use crate::refusal::{Halted, Refusal, Result};
use crate::shop::{Request, Shop, by, token_of};

/// How long a session lives without being refreshed.
const DAYS: i64 = 30;

pub(crate) fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(refresh))
}

/// Who logs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Credentials {
    #[schema(example = "john_doe")]
    username: String,
    #[schema(format = "password", example = "securepassword123")]
    password: String,
}

/// How someone stays logged in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Renewal {
    #[schema(example = "0192f0c1-2b3d-7a4e-8f50-61728394a5b6.3q2-7w")]
    refresh_token: String,
}

/// What a login gives.
#[derive(Serialize, ToSchema)]
struct TokensBody {
    /// for `Authorization: Bearer`
    access_token: String,
    #[schema(example = "bearer")]
    token_type: &'static str,
    /// seconds until the access token dies
    #[schema(example = 900)]
    expires_in: u64,
    /// good for one refresh, within 30 days
    refresh_token: String,
}

/// Log in
///
/// The answer is the same for an unknown user and a wrong password.
#[utoipa::path(
    post,
    path = "/user/login",
    tag = "user",
    request_body(content = Credentials, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "logged in", body = TokensBody, headers(("Consistency-Token" = String))),
        (status = 401, description = "`bad-credentials`"),
        (status = 422, description = "a field is missing or not known"),
        (status = 429, description = "too many failed logins of this account"),
        (status = 503, description = "too many passwords wait to be checked"),
    )
)]
async fn login(
    State(shop): State<Shop>,
    request: Request,
    Form(credentials): Form<Credentials>,
) -> Result<Answer> {
    let Credentials { username, password } = credentials;
    let context = by(None, &request);
    let name = Username::try_from(username.clone()).ok();
    let limited = name.as_ref().map_or(username, Username::normalised);
    shop.common.limits().login(&limited)?;
    let account = find(&shop, context.clone(), name.as_ref()).await?;
    let (user_id, hash) = account.unzip();
    let verdict = shop
        .passwords
        .check(PlainPassword::try_from(password).ok(), hash)
        .await?;
    // Asked again: of many guesses at once, none that comes after the tenth wrong one learns anything.
    shop.common.limits().login(&limited)?;
    let (Some(user_id), Verdict::Right(rehash)) = (user_id, verdict) else {
        shop.common.limits().login_failed(&limited);
        return Err(Refusal::bad_credentials());
    };
    let started = start(&shop, context, user_id, rehash).await?;
    Ok(started.answer(&shop))
}

/// Stay logged in
///
/// Gives a new refresh token; the old one dies. Of two at once with the same one, one wins.
#[utoipa::path(
    post,
    path = "/user/refresh_token",
    tag = "user",
    request_body = Renewal,
    responses(
        (status = 200, description = "refreshed", body = TokensBody, headers(("Consistency-Token" = String))),
        (status = 401, description = "`bad-refresh-token`"),
        (status = 422, description = "the field is missing or not a string"),
    )
)]
async fn refresh(
    State(shop): State<Shop>,
    request: Request,
    Json(renewal): Json<Renewal>,
) -> Result<Answer> {
    let presented =
        RefreshToken::parse(&renewal.refresh_token).ok_or_else(Refusal::bad_refresh_token)?;
    shop.catch_up().await?;
    let refreshed = renew(&shop, by(None, &request), &presented).await?;
    Ok(refreshed.answer(&shop))
}

/// The account of this name and what its password is checked against.
async fn find(
    shop: &Shop,
    context: Context,
    name: Option<&Username>,
) -> Result<Option<(UserId, PasswordHash)>> {
    let Some(name) = name else { return Ok(None) };
    let claim_id = shop.store.claim_id(Kind::Username, &name.normalised());
    shop.catch_up().await?;
    let found = shop
        .execute(context, move |unit| {
            let Claim::Taken { account_id, .. } = *unit.get::<Claim>(claim_id)? else {
                return Ok(None);
            };
            Ok(match &*unit.get::<Account>(account_id)? {
                Account::Active { password_hash, .. } => Some((account_id, password_hash.clone())),
                Account::New => None,
            })
        })
        .await?;
    Ok(found.answer)
}

/// Opens a session, and keeps a better hash where the kept one is of an older kind.
async fn start(
    shop: &Shop,
    context: Context,
    user_id: UserId,
    rehash: Option<PasswordHash>,
) -> Result<Opened> {
    let token = RefreshToken::fresh(shop.ids.fresh());
    let (session_id, secret_digest) = (token.session_id, token.digest());
    let expires_at = shop.clock.now() + Duration::days(DAYS);
    let written = shop
        .execute(context, move |unit| {
            if let Some(password_hash) = rehash.clone() {
                unit.decide::<Account>(user_id, account::Command::Rehash { password_hash })?;
            }
            unit.create::<Session>(
                session_id,
                Command::Start {
                    user_id,
                    secret_digest,
                    expires_at,
                },
            )?;
            identity(unit, user_id)
        })
        .await?;
    Ok(Opened { token, written })
}

/// Changes the session's secret, if the presented one is its.
async fn renew(shop: &Shop, context: Context, presented: &RefreshToken) -> Result<Opened> {
    let token = RefreshToken::fresh(presented.session_id);
    let (presented, next, at) = (presented.digest(), token.digest(), shop.clock.now());
    let (session_id, expires_at) = (token.session_id, at + Duration::days(DAYS));
    let written = shop
        .execute(context, move |unit| {
            let session = unit.decide::<Session>(
                session_id,
                Command::Refresh {
                    presented,
                    next,
                    at,
                    expires_at,
                },
            )?;
            match *session {
                Session::Open { user_id, .. } => identity(unit, user_id),
                Session::New | Session::Ended => unit.refuse(domain::session::Error::NotFound),
            }
        })
        .await?;
    Ok(Opened { token, written })
}

/// Whom the access token names, with the role that the account has now.
fn identity(unit: &mut Unit<'_, Refusal>, user_id: UserId) -> Halted<Identity> {
    match &*unit.get::<Account>(user_id)? {
        Account::Active { username, role, .. } => Ok(Identity {
            user_id: user_id.into(),
            username: username.to_string(),
            role: word(*role).to_owned(),
        }),
        Account::New => unit.refuse(account::Error::NotFound),
    }
}

fn word(role: Role) -> &'static str {
    match role {
        Role::Customer => "customer",
        Role::Admin => "admin",
    }
}

/// A session with a new secret.
struct Opened {
    token: RefreshToken,
    written: Written<Identity>,
}

impl Opened {
    fn answer(self, shop: &Shop) -> Answer {
        let identity = &self.written.answer;
        let access =
            shop.common
                .tokens()
                .issue(identity, self.token.session_id.into(), shop.clock.now());
        let body = TokensBody {
            access_token: access.token,
            token_type: "bearer",
            expires_in: access.expires_in,
            refresh_token: self.token.text(),
        };
        Answer::ok(body)
            .not_stored()
            .wrote(token_of(&self.written), Some(identity.user_id))
    }
}

/// `<session id>.<secret>`, the secret 256 bits by chance.
struct RefreshToken {
    session_id: SessionId,
    secret: [u8; 32],
}

impl RefreshToken {
    fn fresh(session_id: SessionId) -> Self {
        let mut secret = [0; 32];
        rand::rng().fill_bytes(&mut secret);
        Self { session_id, secret }
    }

    fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.split_once('.')?;
        let secret = BASE64_URL_SAFE_NO_PAD
            .decode(secret)
            .ok()?
            .try_into()
            .ok()?;
        Some(Self {
            session_id: id.parse().ok()?,
            secret,
        })
    }

    fn text(&self) -> String {
        format!(
            "{}.{}",
            self.session_id,
            BASE64_URL_SAFE_NO_PAD.encode(self.secret)
        )
    }

    fn digest(&self) -> SecretDigest {
        SecretDigest::from(<[u8; 32]>::from(Sha256::digest(self.secret)))
    }
}
