//! Targets in the configuration: who is told what happened, where, and signed with what.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use hyper::Uri;
use serde::Deserialize;
use toml::de::DeTable;

use super::file::{Reader, Secret, Tables, section};
use super::request::{Template, check_url, method};
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
        /// Only events of these stations, patterns as above; without any, all events, also those of no station.
        stations: Vec<Glob> = Vec::new();
        /// For a robot: whose. For a webhook or a file: `cloudevents` or `epcis`.
        format: Option<Format> = None;
        /// For EPCIS: where the site's own identifiers begin, an address that the site owns.
        site: Option<String> = None;
        /// For a gateway: `GET`, `POST` or `PUT`.
        method: String = "POST".into();
        /// For a gateway: what it is sent; names in braces are filled in.
        body: Template = Template::default();
        /// For a gateway: as what.
        content_type: String = "application/json".into();
        /// For a gateway: further headers.
        headers: BTreeMap<String, Template> = BTreeMap::new();
        /// For a gateway: messages an hour at most; each costs money, or wakes somebody.
        per_hour: u32 = 30;
        /// For a webhook: seconds of failures after which the events are suspected too, not only the receiver.
        suspect_seconds: u32 = 30;
        /// For a webhook: how often an event that it fails on alone is tried again by itself; then a person sends it.
        tries: u32 = 12;
        /// For a webhook: the minutes over which these tries are spread evenly.
        tries_minutes: u32 = 60;
        /// For a file: megabytes after which it is put aside.
        file_mb: u64 = 64;
        /// For a file: days after which what was put aside is deleted; 0: never.
        keep_days: u32 = 400;
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
    /// By a gateway for short messages or calls; only ladders of escalation use it.
    Gateway,
}

impl TargetKind {
    /// As the configuration writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            TargetKind::Webhook => "webhook",
            TargetKind::File => "file",
            TargetKind::Robot => "robot",
            TargetKind::Gateway => "gateway",
        }
    }
}

/// The form in which a target is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// A message of WeCom's robots (企业微信).
    Wecom,
    /// A message of DingTalk's robots (钉钉).
    Dingtalk,
    /// A message of Feishu's robots (飞书).
    Feishu,
    /// CloudEvents 1.0 with waybind's own data.
    Cloudevents,
    /// EPCIS 2.0 documents; what EPCIS has no word for is left out.
    Epcis,
}

impl Format {
    /// Whether a robot speaks it.
    #[must_use]
    pub fn is_robots(self) -> bool {
        matches!(self, Format::Wecom | Format::Dingtalk | Format::Feishu)
    }
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
            reader.problem(
                target.line,
                format!("target \"{name}\" writes to another target's file"),
                "give each target a path of its own",
            );
        }
        check_kind(target, reader);
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
        None => problem("does not say what kind it is", "write kind = \"webhook\", \"file\", \"robot\" or \"gateway\""),
        Some(TargetKind::File) => {
            if target.path.is_none() {
                problem("has no path", "write path = \"events.jsonl\"");
            }
            if target.url.is_some() {
                problem("is a file and has a url", "a file has a path");
            }
        }
        Some(TargetKind::Gateway) => check_gateway(target, &mut problem),
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
        && target.kind != Some(TargetKind::Gateway)
        && let Err(wrong) = target.uri()
    {
        problem(&format!("can't be reached: {wrong}"), "write url = \"https://erp.example/waybind\"");
    }
    check_format(target, reader);
}

/// What a gateway's texts may name.
pub const GATEWAY_NAMES: &[&str] = &["text", "id", "order", "station", "secret"];

fn check_gateway(target: &TargetSettings, problem: &mut impl FnMut(&str, &str)) {
    let url = Template::new(target.url.as_deref().unwrap_or_default());
    if let Err(wrong) = check_url(&url) {
        problem(&format!("can't be reached: {wrong}"), "write url = \"https://sms.example/send\"");
    }
    if let Err(wrong) = method(&target.method) {
        problem(&format!("can't be asked: {wrong}"), "write method = \"POST\"");
    }
    let texts = [&url, &target.body].into_iter().chain(target.headers.values());
    let unknown: Vec<&str> = texts.flat_map(Template::names).filter(|name| !GATEWAY_NAMES.contains(name)).collect();
    if !unknown.is_empty() {
        let message = format!("names what is not there: {{{}}}", unknown.join("}, {"));
        problem(&message, &format!("choose from {}", GATEWAY_NAMES.join(", ")));
    }
    for name in target.headers.keys().filter(|name| hyper::header::HeaderName::try_from(name.as_str()).is_err()) {
        problem(&format!("has the header \"{name}\", which is no header's name"), "for example authorization");
    }
    if target.per_hour == 0 {
        problem("may send 0 messages an hour", "write 1 or more");
    }
}

section! {
    /// A ladder of escalation: an exception goes from step to step until somebody takes it.
    EscalationSettings {
        /// What people call it; also its file's name.
        name: String = String::new();
        /// Targets that are robots or gateways, the first one first.
        steps: Vec<String> = Vec::new();
        /// Seconds from a step to the next.
        wait_seconds: u64 = 300;
        /// Exceptions of these events only, patterns as for targets.
        events: Vec<Glob> = vec![Glob::new("*")];
        /// Exceptions of these stations only; without any, all.
        stations: Vec<Glob> = Vec::new();
    }
}

impl Tables for Vec<EscalationSettings> {
    type One = EscalationSettings;
    fn read_one(table: &DeTable<'_>, reader: &mut Reader<'_>) -> EscalationSettings {
        EscalationSettings::read(table, reader)
    }
}

pub(super) fn check_escalations(ladders: &[EscalationSettings], targets: &[TargetSettings], reader: &mut Reader<'_>) {
    let mut names = HashSet::new();
    for ladder in ladders {
        let name = &ladder.name;
        let mut problem = |message: String, hint: &str| {
            reader.problem(ladder.line, format!("escalation \"{name}\" {message}"), hint);
        };
        if !is_name(name) || !names.insert(name.as_str()) {
            problem("has no name of its own".into(), "use up to 64 of a-z, 0-9, - and _, for example name = \"night\"");
        }
        if ladder.steps.is_empty() {
            problem("has no steps".into(), "write steps = [\"group\", \"sms\"], names of targets");
        }
        if ladder.wait_seconds == 0 {
            problem("waits 0 seconds".into(), "write wait_seconds = 300");
        }
        for step in &ladder.steps {
            let kind = targets.iter().find(|target| target.name == *step).map(|target| target.kind);
            match kind {
                Some(Some(TargetKind::Robot | TargetKind::Gateway)) => {}
                Some(_) => problem(format!("goes to \"{step}\""), "only robots and gateways speak to people"),
                None => problem(format!("goes to \"{step}\", which is no target"), "add it as [[target]]"),
            }
        }
    }
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    !name.is_empty() && name.len() <= NAME_MAX && name.bytes().all(fits)
}

fn check_format(target: &TargetSettings, reader: &mut Reader<'_>) {
    let name = &target.name;
    let mut problem =
        |message: &str, hint: &str| reader.problem(target.line, format!("target \"{name}\" {message}"), hint);
    match (target.kind, target.format) {
        (Some(TargetKind::Robot), format) if format.is_none_or(|format| !format.is_robots()) => {
            problem("does not say whose robot it is", "write format = \"wecom\", \"dingtalk\" or \"feishu\"");
        }
        (Some(TargetKind::Webhook | TargetKind::File), Some(format)) if format.is_robots() => {
            problem("has a robot's format", "write format = \"cloudevents\" or \"epcis\", or leave it out");
        }
        _ => {}
    }
    let is_site = |site: &str| {
        let plain =
            site.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'?' | b'#'));
        plain
            && site
                .parse::<Uri>()
                .is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some())
    };
    match (target.format, target.site.as_deref()) {
        (Some(Format::Epcis), site) if !site.is_some_and(is_site) => {
            problem(
                "speaks EPCIS and has no site",
                "write site = \"https://id.example.cn/wh-1\", an address that you own",
            );
        }
        (format, Some(_)) if format != Some(Format::Epcis) => problem("has a site", "only EPCIS needs one"),
        _ => {}
    }
    if target.file_mb == 0 {
        problem("puts its file aside after 0 megabytes", "leave `file_mb` out, or write 1 or more");
    }
}
