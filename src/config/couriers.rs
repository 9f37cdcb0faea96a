//! Carriers in the configuration: over which channels their waybill numbers come.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;
use toml::de::DeTable;

use super::file::{Reader, Secret, Tables, section};
use super::request::{AnswerPath, Escape, Template, check_url, method};

/// What a channel's texts may name.
pub const CHANNEL_NAMES: &[&str] = &[
    "order",
    "request",
    "carrier",
    "courier",
    "region",
    "name",
    "phone",
    "address",
    "goods",
    "quantity",
    "count",
    "secret",
    "timestamp",
    "seconds",
    "nonce",
];

/// How often an order without a number may be tried again at the most seldom: once a day.
const POLL_MAX: u64 = 86_400;

section! {
    /// A carrier whose numbers waybind fetches.
    CarrierSettings {
        /// As orders name it.
        code: String = String::new();
        /// Its channels, the first one first.
        channels: Vec<String> = Vec::new();
        /// Seconds after which an order that no channel gave a number is tried again.
        poll_seconds: u64 = 900;
    }
}

section! {
    /// A way by which waybill numbers come: a request, and where in the answer the number stands.
    ChannelSettings {
        /// What people call it.
        name: String = String::new();
        /// Where it is asked; names in braces are filled in.
        url: Template = Template::default();
        /// `GET`, `POST` or `PUT`.
        method: String = "POST".into();
        /// What it is sent.
        body: Template = Template::default();
        /// A part of that which is signed or sent as a field: `{content}` stands for it.
        content: Template = Template::default();
        /// What `{sign}` stands for.
        sign: Option<SignSettings> = None;
        /// As what.
        content_type: String = "application/json".into();
        /// Further headers.
        headers: BTreeMap<String, Template> = BTreeMap::new();
        /// What `{secret}` stands for.
        secret: Secret = Secret::None;
        /// Where in the answer the number stands.
        number: Option<AnswerPath> = None;
        /// Where in the answer success stands; without it every answer with a number is one.
        ok: Option<AnswerPath> = None;
        /// What stands there.
        ok_is: String = "0".into();
        /// Where in the answer the reason of a failure stands.
        message: Option<AnswerPath> = None;
        /// Seconds after which the next channel is asked.
        timeout_seconds: u64 = 8;
        /// Numbers that are fetched ahead and handed out from a store, `{count}` at a time; 0: one for each order.
        ahead: usize = 0;
        /// How few the store may hold before more are fetched; half of `ahead`, if left out.
        low: Option<usize> = None;
    }
}

/// How a request is signed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SignSettings {
    /// What is signed: names one after the other, `{body}` and `{content}` among them.
    pub of: Template,
    /// How.
    pub algorithm: SignAlgorithm,
    /// How the signature is written.
    pub encoding: SignEncoding,
    /// What is done to the text before.
    pub escape: SignEscape,
}

/// How a signature is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignAlgorithm {
    /// MD5 of the text, which names the secret.
    #[default]
    Md5,
    /// SHA-256 of the text, which names the secret.
    Sha256,
    /// HMAC with MD5; the secret is the key.
    HmacMd5,
    /// HMAC with SHA-256; the secret is the key.
    HmacSha256,
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignEncoding {
    /// Base64.
    #[default]
    Base64,
    /// Hexadecimal, small letters.
    Hex,
    /// Hexadecimal, capital letters.
    HexUpper,
    /// Base64 of the hexadecimal text.
    Base64OfHex,
}

/// What is done to a text before it is signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignEscape {
    /// Nothing.
    #[default]
    None,
    /// It is written as the value of a form's field.
    Form,
}

impl ChannelSettings {
    /// How few numbers the store may hold before more are fetched.
    #[must_use]
    pub fn least(&self) -> usize {
        self.low.unwrap_or(self.ahead / 2)
    }

    /// How values are written into `content`: it is XML or JSON.
    #[must_use]
    pub fn content_escape(&self) -> Escape {
        if self.content.starts_with("<") { Escape::Xml } else { Escape::Json }
    }

    /// The texts that are sent.
    fn sent(&self) -> impl Iterator<Item = &Template> {
        [&self.url, &self.body].into_iter().chain(self.headers.values())
    }
}

impl Tables for Vec<CarrierSettings> {
    type One = CarrierSettings;
    fn read_one(table: &DeTable<'_>, reader: &mut Reader<'_>) -> CarrierSettings {
        CarrierSettings::read(table, reader)
    }
}

impl Tables for Vec<ChannelSettings> {
    type One = ChannelSettings;
    fn read_one(table: &DeTable<'_>, reader: &mut Reader<'_>) -> ChannelSettings {
        ChannelSettings::read(table, reader)
    }
}

pub(super) fn check(carriers: &[CarrierSettings], channels: &[ChannelSettings], reader: &mut Reader<'_>) {
    let mut codes = HashSet::new();
    for carrier in carriers {
        let code = &carrier.code;
        if code.is_empty() {
            reader.problem(carrier.line, "a carrier has no code", "write code = \"ZTO\", as orders name it");
        } else if !codes.insert(code.as_str()) {
            reader.problem(
                carrier.line,
                format!("carrier \"{code}\" stands twice"),
                "give all its channels in one place",
            );
        }
        if carrier.channels.is_empty() {
            reader.problem(carrier.line, format!("carrier \"{code}\" has no channels"), "write channels = [\"…\"]");
        }
        for name in carrier.channels.iter().filter(|name| !channels.iter().any(|channel| channel.name == **name)) {
            reader.problem(
                carrier.line,
                format!("carrier \"{code}\": there is no channel \"{name}\""),
                "add it as [[channel]]",
            );
        }
        if !(1..=POLL_MAX).contains(&carrier.poll_seconds) {
            reader.problem(
                carrier.line,
                format!("carrier \"{code}\" is polled every {} seconds", carrier.poll_seconds),
                format!("write 1 to {POLL_MAX}; 900 is usual"),
            );
        }
    }
    for store in channels.iter().filter(|channel| channel.ahead > 0) {
        let users = carriers.iter().filter(|carrier| carrier.channels.contains(&store.name)).count();
        if users > 1 {
            reader.problem(
                store.line,
                format!("the numbers of \"{}\" belong to one carrier", store.name),
                "make a channel for each",
            );
        }
    }
    let mut names = HashSet::new();
    for channel in channels {
        if channel.name.is_empty() || channel.name.len() > 64 || !names.insert(channel.name.as_str()) {
            let message = format!("a channel's name is \"{}\"", channel.name);
            reader.problem(channel.line, message, "give each channel a name of its own, up to 64 characters");
        }
        check_channel(channel, reader);
    }
}

fn check_channel(channel: &ChannelSettings, reader: &mut Reader<'_>) {
    let mut problem = |message: String, hint: &str| {
        reader.problem(channel.line, format!("channel \"{}\": {message}", channel.name), hint);
    };
    if let Err(wrong) = check_url(&channel.url) {
        problem(wrong, "write url = \"https://courier.example/numbers\"");
    }
    if let Err(wrong) = method(&channel.method) {
        problem(wrong, "write method = \"POST\"");
    }
    if channel.number.is_none() {
        problem("it does not say where in the answer the number stands".into(), "write number = \"data.waybill_no\"");
    }
    for (message, hint) in wrong_names(channel) {
        problem(message, &hint);
    }
    for name in channel.headers.keys().filter(|name| hyper::header::HeaderName::try_from(name.as_str()).is_err()) {
        problem(format!("\"{name}\" is no header's name"), "for example authorization");
    }
    if !(1..=60).contains(&channel.timeout_seconds) {
        problem("timeout_seconds is not 1 to 60".into(), "8 is usual");
    }
    if channel.ahead > crate::domain::courier::POOL_MAX || channel.least() > channel.ahead {
        problem(
            "ahead and low don't fit".into(),
            &format!("low may not be above ahead, and ahead not above {}", crate::domain::courier::POOL_MAX),
        );
    }
    if let Err(wrong) = channel.secret.text() {
        problem(wrong, "write secret = \"…\" or secret = { file = \"…\" }");
    }
}

/// Names that stand for nothing where they stand, and signatures that sign nothing or go nowhere.
fn wrong_names(channel: &ChannelSettings) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let has_content = channel.content != Template::default();
    let more = [(has_content, "content"), (channel.sign.is_some(), "sign")];
    let of_sent: Vec<&str> = more.into_iter().filter(|(is_there, _)| *is_there).map(|(_, name)| name).collect();
    let of_signed: Vec<&str> = if has_content { vec!["content", "body"] } else { vec!["body"] };
    let mut check = |text: &Template, more: &[&'static str]| {
        let unknown: Vec<&str> =
            text.names().filter(|name| !CHANNEL_NAMES.contains(name) && !more.contains(name)).collect();
        if !unknown.is_empty() {
            let all: Vec<&str> = CHANNEL_NAMES.iter().chain(more).copied().collect();
            found.push((
                format!("nothing is called {{{}}}", unknown.join("}, {")),
                format!("choose from {}", all.join(", ")),
            ));
        }
    };
    for text in channel.sent() {
        check(text, &of_sent);
    }
    check(&channel.content, &[]);
    let Some(sign) = &channel.sign else { return found };
    check(&sign.of, &of_signed);
    let signs = |name: &str| sign.of.names().any(|known| known == name);
    let has_key = matches!(sign.algorithm, SignAlgorithm::HmacMd5 | SignAlgorithm::HmacSha256);
    let mut wrong = |message: &str, hint: &str| found.push((message.into(), hint.into()));
    if sign.of == Template::default() {
        wrong("its signature is of nothing", "write sign = { of = \"{body}{secret}\" }");
    }
    if !channel.sent().any(|text| text.names().any(|name| name == "sign")) {
        wrong("its signature goes nowhere", "write {sign} in a header, the url or the body");
    }
    if signs("body") && channel.body.names().any(|name| name == "sign") {
        wrong(
            "its signature is of the body, and stands in it",
            "sign {content}, and write {content} and {sign} in the body",
        );
    }
    if !has_key && !signs("secret") {
        wrong("its signature is without the secret", "write sign = { of = \"{body}{secret}\" }, or take hmac-sha256");
    }
    if channel.secret == Secret::None {
        wrong("it signs, and has no secret", "write secret = { file = \"…\" }");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let text = format!("[[channel]]\nname = \"c\"\nurl = \"http://c.example/{{order}}\"\nnumber = \"no\"\n{text}");
        let parsed = crate::config::Config::parse(&text, &BTreeMap::new());
        parsed.err().into_iter().flatten().map(|problem| problem.message).collect()
    }

    #[test]
    fn a_signature_is_of_something_and_goes_somewhere() {
        let right = "secret = \"s\"\nbody = '{\"param\":\"{content}\",\"sign\":\"{sign}\"}'\ncontent = '{\"o\":\"{order}\"}'\n\
                     sign = { of = \"{content}{timestamp}{secret}\", escape = \"form\", encoding = \"base64-of-hex\" }";
        assert_eq!(problems(right), Vec::<String>::new());
        let hmac = "secret = \"s\"\nheaders = { x-sign = \"{sign}\" }\n[channel.sign]\nof = \"{body}\"\nalgorithm = \"hmac-sha256\"";
        assert_eq!(problems(hmac), Vec::<String>::new());
        for (text, message) in [
            ("body = \"{sign}\"", "nothing is called {sign}"),
            ("body = \"{content}\"", "nothing is called {content}"),
            ("secret = \"s\"\nbody = \"{sign}\"\nsign = {}", "its signature is of nothing"),
            ("secret = \"s\"\nsign = { of = \"{body}{secret}\" }", "its signature goes nowhere"),
            ("secret = \"s\"\nbody = \"{sign}\"\nsign = { of = \"{body}{secret}\" }", "its signature is of the body"),
            ("secret = \"s\"\nbody = \"{sign}\"\nsign = { of = \"{order}\" }", "its signature is without the secret"),
            ("body = \"{sign}\"\nsign = { of = \"{order}{secret}\" }", "it signs, and has no secret"),
            ("body = \"{sign}\"\nsign = { of = \"x\", algorithm = \"md4\" }", "unknown variant `md4`"),
            ("sign = { off = \"x\" }", "unknown field `off`"),
        ] {
            let found = problems(text);
            assert!(found.iter().any(|problem| problem.contains(message)), "{text}: {found:?}");
        }
    }
}
