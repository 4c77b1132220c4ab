//! Accounts: `POST /user/register`.

use axum::extract::State;
use domain::account::Command;
use domain::claim::{self, Kind};
use domain::id::{ClaimId, UserId};
use domain::name::{Email, Username};
use domain::password::PlainPassword;
use domain::{Account, Claim};
use event_store::{Context, Unit};
use serde::{Deserialize, Serialize};
use service::{Json, Peer};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer::Answer;
use crate::refusal::{Halted, Refusal, Result};
use crate::shop::{Request, Shop, by};

pub(crate) fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new().routes(routes!(register))
}

/// Who wants an account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Registration {
    /// letters, digits and signs of any script, without spaces
    #[schema(value_type = String, min_length = 3, max_length = 64, example = "john_doe")]
    username: Username,
    #[schema(value_type = String, format = "email", max_length = 254, example = "john@example.com")]
    email: Email,
    #[schema(value_type = String, format = "password", min_length = 8, max_length = 128, example = "securepassword123")]
    password: PlainPassword,
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
struct AccountBody {
    #[schema(value_type = uuid::Uuid)]
    user_id: UserId,
    #[schema(value_type = String, example = "john_doe")]
    username: Username,
    #[schema(value_type = String, example = "john@example.com")]
    email: Email,
}

/// Open an account
///
/// Username and address are compared case-insensitively after Unicode normalisation; of two at once, one wins.
#[utoipa::path(
    post,
    path = "/user/register",
    tag = "user",
    request_body = Registration,
    responses(
        (status = 201, description = "opened", body = AccountBody,
            headers(("ETag" = String), ("Consistency-Token" = String))),
        (status = 409, description = "`username-taken`, `email-taken`"),
        (status = 422, description = "a value is not what it must be"),
        (status = 429, description = "too many from this address"),
        (status = 503, description = "too many passwords wait to be hashed"),
    )
)]
async fn register(
    State(shop): State<Shop>,
    Peer(address): Peer,
    request: Request,
    Json(registration): Json<Registration>,
) -> Result<Answer> {
    shop.common.limits().register(address)?;
    let Registration {
        username,
        email,
        password,
    } = registration;
    let names = Names::of(&shop, &username, &email);
    let context = by(None, &request);
    names.refuse_taken(&shop, context.clone()).await?; // before the hash is computed for nothing
    let password_hash = shop.passwords.hash(password).await?;
    let user_id: UserId = shop.ids.fresh();
    let body = AccountBody {
        user_id,
        username: username.clone(),
        email: email.clone(),
    };
    let shown = shop
        .write::<Account, _, _>(context, user_id, move |unit| {
            names.claim(unit, user_id)?;
            let (username, email, password_hash) =
                (username.clone(), email.clone(), password_hash.clone());
            unit.create::<Account>(
                user_id,
                Command::Register {
                    username,
                    email,
                    password_hash,
                },
            )?;
            Ok(())
        })
        .await?;
    Ok(Answer::created(body)
        .version(shown.version)
        .wrote(shown.token, Some(user_id.into())))
}

/// Where the two names of an account are claimed.
#[derive(Clone, Copy)]
struct Names {
    username: ClaimId,
    email: ClaimId,
}

impl Names {
    fn of(shop: &Shop, username: &Username, email: &Email) -> Self {
        Self {
            username: shop.store.claim_id(Kind::Username, &username.normalised()),
            email: shop.store.claim_id(Kind::Email, &email.normalised()),
        }
    }

    fn claim(self, unit: &mut Unit<'_, Refusal>, account_id: UserId) -> Halted<()> {
        unit.decide::<Claim>(
            self.username,
            claim::Command::Claim {
                kind: Kind::Username,
                account_id,
            },
        )?;
        unit.decide::<Claim>(
            self.email,
            claim::Command::Claim {
                kind: Kind::Email,
                account_id,
            },
        )?;
        Ok(())
    }

    async fn refuse_taken(self, shop: &Shop, context: Context) -> Result<()> {
        let looked = shop.execute(context, move |unit| {
            for id in [self.username, self.email] {
                if let Claim::Taken { kind, .. } = *unit.get::<Claim>(id)? {
                    return unit.refuse(claim::Error::Taken { kind });
                }
            }
            Ok(())
        });
        looked.await.map(|_| ())
    }
}
