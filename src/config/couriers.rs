//! Carriers in the configuration: over which channels their waybill numbers come.

use std::collections::{BTreeMap, HashSet};

use toml::de::DeTable;

use super::file::{Reader, Secret, Tables, section};
use super::request::{AnswerPath, Template, check_url, method};

/// What a channel's texts may name.
pub const CHANNEL_NAMES: &[&str] = &[
    "order", "request", "carrier", "courier", "region", "name", "phone", "address", "goods", "quantity", "count",
    "secret",
];

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
        /// How few the store may hold before more are fetched.
        low: usize = 0;
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
        if carrier.poll_seconds == 0 {
            reader.problem(carrier.line, format!("carrier \"{code}\" is polled every 0 seconds"), "write 1 or more");
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
    let texts = [&channel.url, &channel.body].into_iter().chain(channel.headers.values());
    let unknown: Vec<&str> = texts.flat_map(Template::names).filter(|name| !CHANNEL_NAMES.contains(name)).collect();
    if !unknown.is_empty() {
        problem(
            format!("nothing is called {{{}}}", unknown.join("}, {")),
            &format!("choose from {}", CHANNEL_NAMES.join(", ")),
        );
    }
    for name in channel.headers.keys().filter(|name| hyper::header::HeaderName::try_from(name.as_str()).is_err()) {
        problem(format!("\"{name}\" is no header's name"), "for example authorization");
    }
    if !(1..=60).contains(&channel.timeout_seconds) {
        problem("timeout_seconds is not 1 to 60".into(), "8 is usual");
    }
    if channel.ahead > crate::domain::courier::POOL_MAX || channel.low > channel.ahead {
        problem(
            "ahead and low don't fit".into(),
            &format!("low may not be above ahead, and ahead not above {}", crate::domain::courier::POOL_MAX),
        );
    }
    if let Err(wrong) = channel.secret.text() {
        problem(wrong, "write secret = \"…\" or secret = { file = \"…\" }");
    }
}
