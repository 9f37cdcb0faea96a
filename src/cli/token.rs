//! `token`: a token for the API; only its hash goes into the configuration.

use sha2::{Digest, Sha256};

use super::{Failure, say, say_lines};
use crate::config::Scope;

pub(super) fn token(name: &str, scopes: &[Scope], json: bool) -> Result<(), Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| Failure::failed(&error))?;
    let token = data_encoding::HEXLOWER.encode(&bytes);
    let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(token.as_bytes()));
    let scopes: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    if json {
        let made = serde_json::json!({"token": token, "name": name, "sha256": hash, "scopes": scopes});
        return say(&made.to_string());
    }
    let scopes = if scopes.is_empty() { String::new() } else { format!("\nscopes = {scopes:?}") };
    say_lines(&format!(
        "token, shown once: {token}\n\nfor waybind.toml:\n[[token]]\nname = {name:?}\nsha256 = \"{hash}\"{scopes}"
    ))
}

/// Reads a scope.
pub(super) fn scope(text: &str) -> Result<Scope, String> {
    let known = Scope::ALL.into_iter().find(|scope| scope.as_str() == text);
    known.ok_or_else(|| format!("choose from {}", Scope::ALL.map(Scope::as_str).join(", ")))
}
