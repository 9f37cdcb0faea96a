//! `token`: a token for the API; only its hash goes into the configuration.

use sha2::{Digest, Sha256};

use super::{Failure, say};

pub(super) fn token(name: &str) -> Result<(), Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| Failure::failed(&error))?;
    let token = data_encoding::HEXLOWER.encode(&bytes);
    let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(token.as_bytes()));
    say(&format!("token, shown once: {token}\n\nfor waybind.toml:\n[[token]]\nname = {name:?}\nsha256 = \"{hash}\""))
}
