//! Targets in the configuration: who is told what happened, where, and signed with what.

use std::collections::HashSet;
use std::path::PathBuf;

use hyper::Uri;
use serde::Deserialize;
use toml::de::DeTable;

use super::file::{Reader, Secret, Tables, section};
use crate::protocol::Glob;

/// Longest name of a target: it names a folder and stands in addresses.
const NAME_MAX: usize = 64;

section! {
    /// A target: somebody who is told what happened.
    TargetSettings {
        /// What people call it; also its folder's name.
        name: String = String::new();
        /// How it is told.
        kind: Option<TargetKind> = None;
        /// For a webhook or a robot: where it is posted to.
        url: Option<String> = None;
        /// For a file: which.
        path: Option<PathBuf> = None;
        /// What it is signed with; several while they are being exchanged.
        secret: Secrets = Secrets::default();
        /// Which events: `*` stands for any characters, `?` for one. A robot gets only exceptions of these.
        events: Vec<Glob> = vec![Glob::new("*")];
        /// For a robot: whose.
        format: Option<RobotFormat> = None;
    }
}

/// How a target is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetKind {
    /// By HTTP, signed.
    Webhook,
    /// By lines in a file.
    File,
    /// By a robot in a group of people, exceptions only.
    Robot,
}

impl TargetKind {
    /// As the configuration writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            TargetKind::Webhook => "webhook",
            TargetKind::File => "file",
            TargetKind::Robot => "robot",
        }
    }
}

/// Whose robot it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RobotFormat {
    /// WeCom (企业微信).
    Wecom,
    /// DingTalk (钉钉).
    Dingtalk,
    /// Feishu (飞书).
    Feishu,
}

/// One secret or several.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Secrets {
    /// Several, the newest first.
    Several(Vec<Secret>),
    /// One, or none.
    One(Secret),
}

impl Default for Secrets {
    fn default() -> Self {
        Secrets::One(Secret::None)
    }
}

impl Secrets {
    /// The secrets as they were written, from their files where they are there.
    ///
    /// # Errors
    /// A file can't be read, or a secret is empty, in words.
    pub fn texts(&self) -> Result<Vec<String>, String> {
        let secrets = match self {
            Secrets::Several(several) => several.as_slice(),
            Secrets::One(one) => std::slice::from_ref(one),
        };
        secrets.iter().filter_map(|secret| secret.text().transpose()).collect()
    }

    /// The keys that webhooks are signed with: what follows `whsec_` is base64, anything else is taken as it stands.
    ///
    /// # Errors
    /// A secret can't be used, in words; never with the secret in them.
    pub fn keys(&self) -> Result<Vec<Vec<u8>>, String> {
        let key = |text: String| match text.strip_prefix("whsec_") {
            None => Ok(text.into_bytes()),
            Some(encoded) => match data_encoding::BASE64.decode(encoded.as_bytes()) {
                Ok(key) if !key.is_empty() => Ok(key),
                _ => Err("what follows whsec_ in a secret is no base64".to_owned()),
            },
        };
        self.texts()?.into_iter().map(key).collect()
    }
}

impl Tables for Vec<TargetSettings> {
    type One = TargetSettings;
    fn read_one(table: &DeTable<'_>, reader: &mut Reader<'_>) -> TargetSettings {
        TargetSettings::read(table, reader)
    }
}

impl TargetSettings {
    /// The parsed address, if it has one that can be posted to.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn uri(&self) -> Result<Uri, String> {
        address(self.url.as_deref().unwrap_or_default())
    }
}

/// An address that can be called.
pub(super) fn address(url: &str) -> Result<Uri, String> {
    let uri: Uri = url.parse().map_err(|error| format!("its url is no address: {error}"))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http" | "https"), Some(host)) if !host.is_empty() => {}
        _ => return Err("its url does not begin with http:// or https:// and a host".into()),
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err("its url holds a user, and addresses are shown to people".into());
    }
    Ok(uri)
}

/// Tells if a name can't be a folder's.
pub(super) fn check_name(what: &str, name: &str, line: Option<usize>, reader: &mut Reader<'_>) {
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(is_name) {
        let hint = format!("use up to {NAME_MAX} of a-z, 0-9, - and _, for example name = \"erp\"");
        reader.problem(line, format!("a {what}'s name is \"{name}\""), hint);
    }
}

pub(super) fn check(targets: &[TargetSettings], reader: &mut Reader<'_>) {
    let mut names = HashSet::new();
    let mut paths = HashSet::new();
    for target in targets {
        let name = &target.name;
        check_name("target", name, target.line, reader);
        if !name.is_empty() && !names.insert(name.as_str()) {
            reader.problem(target.line, format!("target \"{name}\" stands twice"), "give each target its own name");
        }
        if let Some(path) = &target.path
            && !paths.insert(path)
        {
            reader.problem(target.line, format!("target \"{name}\" writes to another target's file"), "");
        }
        check_kind(target, reader);
        check_events(target, reader);
        if let Err(problem) = target.secret.keys() {
            let hint = "write secret = \"whsec_…\" or secret = { file = \"…\" }";
            reader.problem(target.line, format!("target \"{name}\": {problem}"), hint);
        }
    }
}

fn check_kind(target: &TargetSettings, reader: &mut Reader<'_>) {
    let name = &target.name;
    let mut problem =
        |message: &str, hint: &str| reader.problem(target.line, format!("target \"{name}\" {message}"), hint);
    match target.kind {
        None => problem("does not say what kind it is", "write kind = \"webhook\", \"file\" or \"robot\""),
        Some(TargetKind::File) => {
            if target.path.is_none() {
                problem("has no path", "write path = \"events.jsonl\"");
            }
            if target.url.is_some() {
                problem("is a file and has a url", "a file has a path");
            }
        }
        Some(TargetKind::Webhook | TargetKind::Robot) => {
            if target.url.is_none() {
                problem("has no url", "write url = \"https://erp.example/waybind\"");
            }
            if target.path.is_some() {
                problem("has a path", "only a file has one");
            }
        }
    }
    if target.url.is_some()
        && let Err(wrong) = target.uri()
    {
        problem(&format!("can't be reached: {wrong}"), "write url = \"https://erp.example/waybind\"");
    }
    match (target.kind, target.format) {
        (Some(TargetKind::Robot), None) => {
            problem("does not say whose robot it is", "write format = \"wecom\", \"dingtalk\" or \"feishu\"");
        }
        (Some(TargetKind::Webhook | TargetKind::File), Some(_)) => problem("has a format", "only a robot has one"),
        _ => {}
    }
}

fn check_events(target: &TargetSettings, reader: &mut Reader<'_>) {
    let name = &target.name;
    if target.events.is_empty() {
        reader.problem(target.line, format!("target \"{name}\" gets no events"), "leave `events` out to get all");
    }
    // the names of events are made of these; anything else matches nothing, silently
    let fits = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'*' | b'?');
    for pattern in target.events.iter().map(Glob::as_str) {
        if pattern.is_empty() || !pattern.bytes().all(fits) {
            reader.problem(
                target.line,
                format!("target \"{name}\": no event is called \"{pattern}\""),
                "for example events = [\"order_*\", \"scan_refused\"]",
            );
        }
    }
}
