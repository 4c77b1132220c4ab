//! Roles, as the operator grants and revokes them. They apply from the user's next login or refresh.

use anyhow::{Context as _, Result, anyhow};
use domain::account::{self, Command, Role};
use domain::claim::Kind;
use domain::id::ClaimId;
use domain::name::Username;
use domain::{Account, Claim};
use event_store::{Context, EventStore, ExecuteError};

/// Lets a user do more (`admin`). Fails for an unknown user or role; granting twice is granting once.
pub async fn grant(store: &EventStore, username: &str, role: &str) -> Result<()> {
    let role = role.parse()?;
    tell(store, username, Command::Grant { role }).await
}

/// Lets a user do so no longer. Fails for an unknown user or role.
pub async fn revoke(store: &EventStore, username: &str, role: &str) -> Result<()> {
    let role: Role = role.parse()?;
    tell(store, username, Command::Revoke { role }).await
}

async fn tell(store: &EventStore, username: &str, command: Command) -> Result<()> {
    let name: Username = username
        .parse()
        .with_context(|| format!("{username} is no username"))?;
    store.catch_up().await?;
    let claim_id = store.claim_id(Kind::Username, &name.normalised());
    let context = Context::system(format!("operator-{}", uuid::Uuid::now_v7()));
    match store
        .execute(context, move |unit| decide(unit, claim_id, &command))
        .await
    {
        Ok(_) => Ok(()),
        Err(ExecuteError::Refused(account::Error::NotFound)) => {
            Err(anyhow!("there is no user {username}"))
        }
        Err(ExecuteError::Refused(refused)) => Err(refused.into()),
        Err(ExecuteError::Conflict) => {
            Err(anyhow!("too many change this account at once; try again"))
        }
        Err(ExecuteError::Unavailable(error)) => Err(error),
    }
}

fn decide(
    unit: &mut event_store::Unit<'_, account::Error>,
    claim_id: ClaimId,
    command: &Command,
) -> std::result::Result<(), event_store::Halt<account::Error>> {
    match *unit.get::<Claim>(claim_id)? {
        Claim::Taken { account_id, .. } => unit
            .decide::<Account>(account_id, command.clone())
            .map(|_| ()),
        Claim::Free => unit.refuse(account::Error::NotFound),
    }
}
