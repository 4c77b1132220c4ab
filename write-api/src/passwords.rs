//! Passwords: argon2id on blocking threads, as many at once as there are cores, and a bounded queue before them.

use std::sync::Arc;
use std::thread::available_parallelism;

use argon2::password_hash::phc;
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use domain::password::{PasswordHash, PlainPassword};
use tokio::sync::Semaphore;

/// How many may wait for a core; whoever comes then is asked to come again.
const QUEUE: usize = 256;

/// Hashes and checks passwords without ever taking more than the machine has. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Passwords {
    cores: Arc<Semaphore>,
    places: Arc<Semaphore>,
    nobodys: PasswordHash,
}

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is not the password.
    Wrong,
    /// It is; a hash is to replace the kept one where that is of an older kind.
    Right(Option<PasswordHash>),
}

/// Why a password could be neither hashed nor checked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The queue is full.
    #[error("too many passwords wait to be checked")]
    Busy,
    /// Hashing itself failed.
    #[error("hashing a password failed")]
    Failed(#[source] anyhow::Error),
}

impl Passwords {
    /// As many at once as this machine has cores. Takes the time of one hash.
    pub fn new() -> anyhow::Result<Self> {
        Self::with_queue(
            available_parallelism().map_or(1, std::num::NonZero::get),
            QUEUE,
        )
    }

    /// As many at once as told, and so many more that may wait.
    pub fn with_queue(cores: usize, queue: usize) -> anyhow::Result<Self> {
        Ok(Self {
            cores: Arc::new(Semaphore::new(cores)),
            places: Arc::new(Semaphore::new(cores + queue)),
            nobodys: hash(b"nobody's password")?,
        })
    }

    /// A hash to keep.
    pub async fn hash(&self, password: PlainPassword) -> Result<PasswordHash, Error> {
        self.on_a_core(move || hash(password.expose().as_bytes()))
            .await
    }

    /// Checks a password against the account's hash. No account or no possible password: wrong, at the same cost.
    pub async fn check(
        &self,
        password: Option<PlainPassword>,
        account: Option<PasswordHash>,
    ) -> Result<Verdict, Error> {
        let nobodys = self.nobodys.clone();
        self.on_a_core(move || match (password, account) {
            (Some(password), Some(hash)) => check(password.expose().as_bytes(), &hash),
            (password, _) => {
                let presented = password
                    .as_ref()
                    .map_or("", PlainPassword::expose)
                    .as_bytes();
                check(presented, &nobodys).map(|_| Verdict::Wrong)
            }
        })
        .await
    }

    async fn on_a_core<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| Error::Busy)?;
        let core = Arc::clone(&self.cores)
            .acquire_owned()
            .await
            .map_err(|_| Error::Busy)?;
        // The permits go with the work: a caller who hangs up does not free a core that still computes.
        tokio::task::spawn_blocking(move || {
            let done = work();
            drop((core, place));
            done
        })
        .await
        .map_err(|error| Error::Failed(error.into()))?
        .map_err(Error::Failed)
    }
}

fn hash(password: &[u8]) -> anyhow::Result<PasswordHash> {
    let hash: phc::PasswordHash = Argon2::default().hash_password(password)?;
    Ok(PasswordHash::try_from(hash.to_string())?)
}

fn check(password: &[u8], hash: &PasswordHash) -> anyhow::Result<Verdict> {
    if hash.as_str().starts_with("$2") {
        return check_bcrypt(password, hash);
    }
    let kept = phc::PasswordHash::new(hash.as_str())?;
    match Argon2::default().verify_password(password, &kept) {
        Ok(()) => Ok(Verdict::Right(None)),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(Verdict::Wrong),
        Err(error) => Err(error.into()),
    }
}

fn check_bcrypt(password: &[u8], kept: &PasswordHash) -> anyhow::Result<Verdict> {
    if bcrypt::verify(password, kept.as_str())? {
        return Ok(Verdict::Right(Some(hash(password)?)));
    }
    Ok(Verdict::Wrong)
}
