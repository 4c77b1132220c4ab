//! The id of a name's claim: a keyed hash, so that no name can be read off, or guessed from, the log's ids.

use anyhow::Result;
use domain::{claim::Kind, id::ClaimId};
use hmac::{Hmac, KeyInit, Mac};
use rand::Rng;
use sha2::Sha256;
use sqlx::PgPool;

/// HMAC-SHA256 key of the claim ids, kept in the event store's own table.
#[derive(Clone)]
pub(crate) struct ClaimKey([u8; 32]);

impl ClaimKey {
    /// Reads the key; the first process ever makes it.
    pub(crate) async fn load(pool: &PgPool) -> Result<Self> {
        let mut fresh = [0u8; 32];
        rand::rng().fill_bytes(&mut fresh);
        sqlx::query("insert into secret (name, value) values ('claim-key', $1) on conflict (name) do nothing")
            .bind(fresh.as_slice())
            .execute(pool)
            .await?;
        let stored: Vec<u8> =
            sqlx::query_scalar("select value from secret where name = 'claim-key'")
                .fetch_one(pool)
                .await?;
        let key = stored
            .try_into()
            .map_err(|_| anyhow::anyhow!("the claim key in table secret is not 32 bytes long"))?;
        Ok(Self(key))
    }

    /// A `UUIDv8` (custom content, RFC 9562) from the first 122 bits of the keyed hash of kind and normalised name.
    pub(crate) fn id(&self, kind: Kind, normalised: &str) -> ClaimId {
        let mut mac =
            <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0).expect("any length is a key");
        mac.update(match kind {
            Kind::Username => b"username\0",
            Kind::Email => b"email\0",
        });
        mac.update(normalised.as_bytes());
        let hash = mac.finalize().into_bytes();
        let mut first = [0u8; 16];
        first.copy_from_slice(&hash[..16]);
        ClaimId::from(uuid::Builder::from_custom_bytes(first).into_uuid())
    }
}
