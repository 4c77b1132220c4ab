//! The key that signs checkpoints, and the one that they are checked with.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context as _, Result, anyhow};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ed25519_dalek::{Signature as Ed25519, Signer as _, VerifyingKey};
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::files::private_folder;

/// Signs checkpoints (Ed25519).
pub struct SigningKey(ed25519_dalek::SigningKey);

/// Tells whether a checkpoint was signed by its key; as text, base64.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey(VerifyingKey);

/// Not a public key.
#[derive(Debug, thiserror::Error)]
#[error("a public key is 32 bytes in base64")]
pub struct NoKey;

/// What was signed, as base64.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Signature(Ed25519);

/// Not a signature.
#[derive(Debug, thiserror::Error)]
#[error("a signature is 64 bytes in base64")]
pub(crate) struct NoSignature;

impl SigningKey {
    /// Reads `<folder>/signing.key`, making it where there is none, and `<folder>/signing.pub` beside it.
    pub fn read_or_make(folder: &Path) -> Result<Self> {
        let path = folder.join("signing.key");
        let place = || format!("cannot keep the signing key in {}", path.display());
        if !path.try_exists().with_context(place)? {
            private_folder(folder).with_context(place)?;
            make(folder, &path).with_context(place)?;
        }
        let text = fs::read_to_string(&path).with_context(place)?;
        let bytes = BASE64_STANDARD.decode(text.trim_end()).ok();
        let key = bytes
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .map(|bytes| Self(ed25519_dalek::SigningKey::from_bytes(&bytes)))
            .ok_or_else(|| anyhow!("{} is not 32 bytes in base64", path.display()))?;
        let (public, told) = (folder.join("signing.pub"), format!("{}\n", key.public()));
        if fs::read_to_string(&public).ok().as_ref() != Some(&told) {
            fs::write(&public, told)
                .with_context(|| format!("cannot write {}", public.display()))?;
        }
        Ok(key)
    }

    /// The half that may be shown.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    pub(crate) fn sign(&self, text: &str) -> Signature {
        Signature(self.0.sign(text.as_bytes()))
    }
}

/// Written whole before it gets its name; whoever was faster made the key.
fn make(folder: &Path, path: &Path) -> Result<()> {
    let mut bytes = [0u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    let draft = folder.join(format!("signing.key.{}", Uuid::now_v7()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    let written = writeln!(file, "{}", BASE64_STANDARD.encode(bytes))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        written => Ok(written.and_then(|()| File::open(folder)?.sync_all())?),
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public())
    }
}

impl PublicKey {
    pub(crate) fn signed(&self, text: &str, signature: &Signature) -> bool {
        self.0.verify_strict(text.as_bytes(), &signature.0).is_ok()
    }
}

impl FromStr for PublicKey {
    type Err = NoKey;

    fn from_str(text: &str) -> Result<Self, NoKey> {
        let bytes = BASE64_STANDARD.decode(text.trim()).map_err(|_| NoKey)?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| NoKey)?;
        VerifyingKey::from_bytes(&bytes)
            .map(Self)
            .map_err(|_| NoKey)
    }
}

impl TryFrom<String> for PublicKey {
    type Error = NoKey;

    fn try_from(text: String) -> Result<Self, NoKey> {
        text.parse()
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.to_string()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_STANDARD.encode(self.0.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl TryFrom<String> for Signature {
    type Error = NoSignature;

    fn try_from(text: String) -> Result<Self, NoSignature> {
        let bytes = BASE64_STANDARD.decode(text).map_err(|_| NoSignature)?;
        Ed25519::from_slice(&bytes)
            .map(Self)
            .map_err(|_| NoSignature)
    }
}

impl From<Signature> for String {
    fn from(signature: Signature) -> Self {
        BASE64_STANDARD.encode(signature.0.to_bytes())
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from(*self))
    }
}
