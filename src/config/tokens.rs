//! Tokens of the API in the configuration, each with what it may be used for.

use std::collections::HashSet;

use serde::Deserialize;
use toml::de::DeTable;

use super::file::{Reader, Tables, section};

section! {
    /// A token of the API.
    TokenSettings {
        /// Whose it is.
        name: String = String::new();
        /// SHA-256 of the token, hexadecimal; `waybind token` makes both.
        sha256: String = String::new();
        /// What it may be used for; everything, if that is not said.
        scopes: Vec<Scope> = vec![Scope::Admin];
    }
}

/// What a token may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Looking: pages, and every `GET` of the API.
    Read,
    /// Scanning, and typing PINs at stations.
    Scan,
    /// Describing products, orders, pick lists, waybills and manifests, and words about them.
    Write,
    /// All of these; and operators with their badges, dead letters, sources.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 4] = [Scope::Read, Scope::Scan, Scope::Write, Scope::Admin];

    /// As the configuration writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Scan => "scan",
            Scope::Write => "write",
            Scope::Admin => "admin",
        }
    }
}

impl Tables for Vec<TokenSettings> {
    type One = TokenSettings;
    fn read_one(table: &DeTable<'_>, reader: &mut Reader<'_>) -> TokenSettings {
        TokenSettings::read(table, reader)
    }
}

pub(super) fn check(tokens: &[TokenSettings], reader: &mut Reader<'_>) {
    let mut seen = HashSet::new();
    for token in tokens {
        let name = &token.name;
        if token.sha256.len() != 64 || !token.sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            reader.problem(
                token.line,
                format!("token \"{name}\": sha256 is no SHA-256 in hexadecimal"),
                "`waybind token` makes a token and its sha256",
            );
        } else if !seen.insert(token.sha256.to_ascii_lowercase()) {
            reader.problem(token.line, format!("token \"{name}\" is another one's token"), "give each its own");
        }
        if token.scopes.is_empty() {
            reader.problem(token.line, format!("token \"{name}\" may do nothing"), "leave `scopes` out to allow all");
        }
    }
}
