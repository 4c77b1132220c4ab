//! Who asks: access tokens (the only user of jsonwebtoken), and extractors that make a route private.

use std::sync::Arc;

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, HeaderValue, header, request::Parts},
};
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Common, Profile,
    problem::{Problem, Result},
};

#[cfg(test)]
mod tests;

const ISSUER: &str = "online-mart";
const AUDIENCE: &str = "online-mart";
const ACCESS: &str = "access";
const ADMIN: &str = "admin";
const LONGEST_TOKEN: usize = 4096;
const CACHED_TOKENS: usize = 10_000;

/// Whom a token is made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// the account
    pub user_id: Uuid,
    /// as the user spells it
    pub username: String,
    /// `customer` or `admin`
    pub role: String,
}

/// A fresh access token.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// the JWT
    pub token: String,
    /// seconds until it dies
    pub expires_in: u64,
}

/// Makes access tokens and recognises them. Cheap to clone.
#[derive(Clone)]
pub struct Tokens(Arc<Keys>);

struct Keys {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    minutes: u32,
    verified: Cache<String, Verified>,
}

#[derive(Clone)]
struct Verified {
    caller: Caller,
    expires_at: i64,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: Uuid,
    typ: String,
    jti: Uuid,
    iat: i64,
    exp: i64,
    role: String,
    name: String,
    sid: Uuid,
}

impl Tokens {
    /// HS256 with this key; tokens live so many minutes.
    #[must_use]
    pub fn new(secret: &[u8], minutes: u32) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_exp = false; // `verify` is told the time
        Self(Arc::new(Keys {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
            minutes,
            verified: Cache::new(CACHED_TOKENS),
        }))
    }

    /// A token for this user, in this session.
    #[must_use]
    pub fn issue(&self, identity: &Identity, session_id: Uuid, now: DateTime<Utc>) -> AccessToken {
        let expires_in = u64::from(self.0.minutes) * 60;
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: identity.user_id,
            typ: ACCESS.to_owned(),
            jti: Uuid::now_v7(),
            iat: now.timestamp(),
            exp: now.timestamp() + i64::from(self.0.minutes) * 60,
            role: identity.role.clone(),
            name: identity.username.clone(),
            sid: session_id,
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.0.encoding)
            .expect("claims are plain JSON and the key is one of HMAC");
        AccessToken { token, expires_in }
    }

    /// Whose token it is, if it is ours and alive.
    #[must_use]
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Option<Caller> {
        if token.len() > LONGEST_TOKEN {
            return None;
        }
        let known = self.0.verified.get(token);
        let fresh = known.is_none();
        let verified = known.or_else(|| self.decode(token))?;
        if verified.expires_at <= now.timestamp() {
            return None;
        }
        if fresh {
            self.0.verified.insert(token.to_owned(), verified.clone());
        }
        Some(verified.caller)
    }

    fn decode(&self, token: &str) -> Option<Verified> {
        let keys = &*self.0;
        let claims = jsonwebtoken::decode::<Claims>(token, &keys.decoding, &keys.validation)
            .ok()?
            .claims;
        (claims.typ == ACCESS).then_some(Verified {
            caller: Caller {
                user_id: claims.sub,
                username: claims.name,
                role: claims.role,
                session_id: claims.sid,
            },
            expires_at: claims.exp,
        })
    }
}

/// A user with a good token; without one the answer is 401.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// the account
    pub user_id: Uuid,
    /// as the user spells it
    pub username: String,
    /// `customer` or `admin`
    pub role: String,
    /// the login that the token comes from
    pub session_id: Uuid,
}

impl Caller {
    /// Whether the token carries the admin role.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.role == ADMIN
    }
}

/// Whoever asks; but a token, when one is sent, must be good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaybeCaller(pub Option<Caller>);

/// A user with the admin role; others get 403.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin(pub Caller);

/// Who may write products and stock: anyone under `dev` (but a token, when sent, must be good), an admin under `prod`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keeper(pub Option<Caller>);

impl<S> FromRequestParts<S> for MaybeCaller
where
    Common: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        bearer(&Common::from_ref(state), &parts.headers).map(Self)
    }
}

impl<S> FromRequestParts<S> for Caller
where
    Common: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        bearer(&Common::from_ref(state), &parts.headers)?.ok_or_else(Problem::unauthorized)
    }
}

impl<S> FromRequestParts<S> for Admin
where
    Common: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let caller = Caller::from_request_parts(parts, state).await?;
        if !caller.is_admin() {
            return Err(Problem::forbidden());
        }
        Ok(Self(caller))
    }
}

impl<S> FromRequestParts<S> for Keeper
where
    Common: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        match Common::from_ref(state).profile() {
            Profile::Dev => {
                let MaybeCaller(caller) = MaybeCaller::from_request_parts(parts, state).await?;
                Ok(Self(caller))
            }
            Profile::Prod => {
                let Admin(caller) = Admin::from_request_parts(parts, state).await?;
                Ok(Self(Some(caller)))
            }
        }
    }
}

/// The caller named by the request's token: none without a token, refused with a bad one.
pub(crate) fn bearer(common: &Common, headers: &HeaderMap) -> Result<Option<Caller>> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(invalid_token());
    }
    let token = value.to_str().ok().and_then(token_of);
    let caller = token.and_then(|token| common.tokens().verify(token, Utc::now()));
    caller.map(Some).ok_or_else(invalid_token)
}

fn token_of(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn invalid_token() -> Problem {
    Problem::unauthorized()
        .detail("The access token is not good, or has expired.")
        .header(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"online-mart\", error=\"invalid_token\""),
        )
}
