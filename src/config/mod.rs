//! The configuration: one TOML file, every key with a default, every mistake told at once with its line.

mod couriers;
mod file;
mod fonts;
mod headers;
mod labels;
mod ledger;
mod patterns;
mod pictures;
mod printers;
mod protocols;
pub mod request;
mod routes;
mod rules;
mod sources;
mod stations;
mod targets;
mod templates;
mod tokens;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use jiff::tz::TimeZone;

pub use self::couriers::{CarrierSettings, ChannelSettings, SignAlgorithm, SignEncoding, SignEscape, SignSettings};
pub use self::file::{Problem, Secret};
pub use self::fonts::find_fonts;
pub use self::headers::{HeadersError, headers};
pub use self::labels::LabelSettings;
pub use self::ledger::LedgerSettings;
pub use self::printers::{
    Commands, Packing, PrinterLanguage, PrinterProfile, PrinterSettings, Profiles, StatusDialect,
};
pub use self::protocols::{Library, ProtocolError, read_vectors};
pub use self::routes::Route;
pub use self::rules::RuleSettings;
pub use self::sources::{Auth, PLACEHOLDERS, SourceKind, SourceSettings, template_address};
pub use self::stations::{DeviceKind, DeviceSettings, StationSettings};
pub use self::targets::{EscalationSettings, Format, Secrets, TargetKind, TargetSettings};
pub use self::templates::{TemplateError, TemplateFile, Templates, parse_template};
pub use self::tokens::{Scope, TokenSettings};

use self::file::{Reader, section};
use crate::domain::decide::OVERRIDABLE;
use crate::domain::station::{Mode, StationRules};
use crate::domain::upstream::ADDRESS_WINDOW_MINUTES;
use crate::domain::verdict::Code;
use crate::message::Language;

/// The configuration file that is read when none is named.
pub const CONFIG_FILE: &str = "waybind.toml";

section! {
    /// The whole file. Environment variables `WAYBIND_<KEY>` override the keys that stand outside any table.
    Config {
        /// Where the pages and the API are served.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8080));
        /// The data folder.
        data: PathBuf = PathBuf::from("waybind-data");
        /// What the pages speak where the browser does not say.
        language: Language = Language::Chinese;
        /// The site's time zone, an IANA name; the system's where it is empty.
        time_zone: String = String::new();
        /// Names under which browsers may reach this box, besides its addresses.
        hosts: Vec<String> = Vec::new();
        /// Scans that match one of these are ignored: `*` stands for any characters, `?` for one.
        ignore: Vec<String> = Vec::new();
        /// Refusals that a lead may let pass.
        overridable: Vec<Code> = vec![Code::Unreadable, Code::WrongLocation, Code::WrongSlot, Code::WrongRevision, Code::WrongLot, Code::Expired];
        /// Minutes after the payment in which an address may change; 0: never.
        address_window_minutes: u32 = ADDRESS_WINDOW_MINUTES;
        /// Whether a step may have more rules than people bear, without a warning.
        crowded_rules: bool = false;
        /// A folder with further scanner definitions.
        protocols: Option<PathBuf> = None;
        /// A folder with further label templates.
        templates: Option<PathBuf> = None;
        /// Font files for labels, before the installed ones.
        fonts: Vec<PathBuf> = Vec::new();
        /// Bags and their labels, where a station has bags.
        labels: LabelSettings = LabelSettings::default();
        /// How long records are kept.
        ledger: LedgerSettings = LedgerSettings::default();
        /// The stations; without any there are `http-pick`, `http-pack`, `http-bench`, `http-load` and `http-info`.
        station: Vec<StationSettings> = Vec::new(), tables;
        /// Who sends the parcels, for waybills that are printed here.
        sender: Sender = Sender::default();
        /// Seconds that jobs wait at a printer that can't print before people are told.
        printer_wait_seconds: u64 = PRINTER_WAIT_S;
        /// The printers.
        printer: Vec<PrinterSettings> = Vec::new(), tables;
        /// The scanners.
        device: Vec<DeviceSettings> = Vec::new(), tables;
        /// Who is told what happened.
        target: Vec<TargetSettings> = Vec::new(), tables;
        /// The interceptions that do not block at every step.
        rule: Vec<RuleSettings> = Vec::new(), tables;
        /// Who is asked what there is to do.
        source: Vec<SourceSettings> = Vec::new(), tables;
        /// Who is told of exceptions next, until somebody takes them.
        escalation: Vec<EscalationSettings> = Vec::new(), tables;
        /// Carriers whose waybill numbers are fetched.
        carrier: Vec<CarrierSettings> = Vec::new(), tables;
        /// The ways by which they come.
        channel: Vec<ChannelSettings> = Vec::new(), tables;
        /// Tokens for the API; beyond loopback it asks for one.
        token: Vec<TokenSettings> = Vec::new(), tables;
    }
}

/// Seconds that jobs wait at a printer that can't print before people are told: a roll of labels is changed in one minute.
const PRINTER_WAIT_S: u64 = 120;

/// Who sends the parcels.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sender {
    /// Name.
    pub name: String,
    /// Telephone number.
    pub phone: String,
    /// Full address.
    pub address: String,
}
/// Why a configuration can't be used: every mistake in it.
#[derive(Debug, thiserror::Error)]
#[error("{} mistake(s) in {}", .problems.len(), .path.display())]
pub struct ConfigError {
    /// The file.
    pub path: PathBuf,
    /// Its mistakes.
    pub problems: Vec<Problem>,
}

impl Config {
    /// Reads a file; `environment` holds the variables that override its keys.
    ///
    /// # Errors
    /// Every mistake, with its line and what to do.
    pub fn load(path: &std::path::Path, environment: &BTreeMap<String, String>) -> Result<Config, ConfigError> {
        let failed = |problems| ConfigError { path: path.to_owned(), problems };
        let text = std::fs::read_to_string(path).map_err(|error| failed(vec![Problem::unreadable(&error)]))?;
        Config::parse(&text, environment).map_err(failed)
    }

    /// The configuration that holds without a file.
    ///
    /// # Errors
    /// A variable of the environment is wrong.
    pub fn without_file(environment: &BTreeMap<String, String>) -> Result<Config, ConfigError> {
        Config::parse("", environment)
            .map_err(|problems| ConfigError { path: PathBuf::from("the environment"), problems })
    }

    /// Reads a configuration's text.
    ///
    /// # Errors
    /// Every mistake.
    pub fn parse(text: &str, environment: &BTreeMap<String, String>) -> Result<Config, Vec<Problem>> {
        let mut reader = Reader::new(text);
        let mut config = reader.root(|table, reader| Config::read(table, reader));
        for (name, value) in environment {
            if let Some(key) = name.strip_prefix("WAYBIND_") {
                config.override_with(&key.to_ascii_lowercase(), value, &mut reader);
            }
        }
        let library = Library::load(config.protocols.as_deref(), &mut reader);
        config.check(&library, &mut reader);
        if config.station.is_empty() {
            config.station = stations::without_configuration();
        }
        let problems = reader.finish();
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// Variables that are named like keys and are none: they change nothing, and somebody may think that they do.
    #[must_use]
    pub fn unknown_variables(environment: &BTreeMap<String, String>) -> Vec<Problem> {
        let keys = environment.keys().filter_map(|name| name.strip_prefix("WAYBIND_"));
        let unknown = keys.filter(|key| !is_variable(&key.to_ascii_lowercase()));
        let variables: Vec<&str> = Config::KEYS.iter().copied().filter(|key| is_variable(key)).collect();
        let told = |key: &str| {
            let nearest = file::nearest(&key.to_ascii_lowercase(), &variables).unwrap_or_default().to_ascii_uppercase();
            let message = format!("WAYBIND_{key} is no key of the configuration and changes nothing");
            Problem { line: None, message, hint: format!("the nearest is WAYBIND_{nearest}") }
        };
        unknown.map(told).collect()
    }

    fn override_with(&mut self, key: &str, value: &str, reader: &mut Reader<'_>) {
        let single = format!("{key} = {value}\n");
        let quoted = format!("{key} = {}\n", toml::Value::String(value.to_owned()));
        if !is_variable(key) {
            return;
        }
        let parsed = Config::parse_one(&single).or_else(|_| Config::parse_one(&quoted));
        match parsed {
            Ok(one) => self.take(key, one),
            Err(problem) => {
                reader.problem(None, format!("WAYBIND_{}: {}", key.to_ascii_uppercase(), problem.message), problem.hint)
            }
        }
    }

    fn parse_one(text: &str) -> Result<Config, Problem> {
        let mut reader = Reader::new(text);
        let config = reader.root(|table, reader| Config::read(table, reader));
        reader.finish().into_iter().next().map_or(Ok(config), Err)
    }

    fn check(&self, library: &Library, reader: &mut Reader<'_>) {
        for code in self.overridable.iter().filter(|code| !OVERRIDABLE.contains(code)) {
            let allowed: Vec<&str> = OVERRIDABLE.iter().map(|code| code.as_str()).collect();
            reader.problem(
                reader.line_of("overridable"),
                format!("{} may never be overridden", code.as_str()),
                format!("choose from {}", allowed.join(", ")),
            );
        }
        if !self.time_zone.is_empty() && TimeZone::get(&self.time_zone).is_err() {
            reader.problem(
                reader.line_of("time_zone"),
                format!("there is no time zone \"{}\"", self.time_zone),
                "use an IANA name such as Asia/Shanghai",
            );
        }
        for font in self.fonts.iter().filter(|font| !font.is_file()) {
            let message = format!("there is no font file {}", font.display());
            reader.problem(reader.line_of("fonts"), message, "name a .ttf, .otf or .ttc file");
        }
        if let Some(folder) = self.templates.as_ref().filter(|folder| !folder.is_dir()) {
            let message = format!("there is no folder {}", folder.display());
            reader.problem(reader.line_of("templates"), message, "name the folder with your label templates");
        }
        labels::check(self, reader);
        ledger::check(self, reader);
        stations::check(self, library, reader);
        printers::check(self, reader);
        targets::check(&self.target, reader);
        targets::check_escalations(&self.escalation, &self.target, reader);
        patterns::check(self, reader);
        couriers::check(&self.carrier, &self.channel, reader);
        rules::check(&self.rule, reader);
        sources::check(&self.source, reader);
        tokens::check(&self.token, reader);
    }

    /// The site's time zone.
    #[must_use]
    pub fn zone(&self) -> TimeZone {
        if self.time_zone.is_empty() {
            TimeZone::system()
        } else {
            TimeZone::get(&self.time_zone).unwrap_or(TimeZone::UTC)
        }
    }

    /// How the stations are set.
    #[must_use]
    pub fn rules(&self) -> Vec<StationRules> {
        self.station.iter().filter_map(|station| station.rules(&self.labels)).collect()
    }
}

/// Whether a variable of the environment may override a key: those that are no tables.
fn is_variable(key: &str) -> bool {
    const TABLES: [&str; 13] = [
        "station",
        "device",
        "printer",
        "sender",
        "labels",
        "ledger",
        "target",
        "escalation",
        "carrier",
        "channel",
        "source",
        "rule",
        "token",
    ];
    Config::KEYS.contains(&key) && !TABLES.contains(&key)
}

/// The tables of the file with their keys.
const SECTIONS: &[(&str, &[&str])] = &[
    ("station", StationSettings::KEYS),
    ("device", DeviceSettings::KEYS),
    ("printer", PrinterSettings::KEYS),
    ("target", TargetSettings::KEYS),
    ("rule", RuleSettings::KEYS),
    ("source", SourceSettings::KEYS),
    ("escalation", EscalationSettings::KEYS),
    ("carrier", CarrierSettings::KEYS),
    ("channel", ChannelSettings::KEYS),
    ("token", TokenSettings::KEYS),
];

/// A station's mode, or what it is without one.
pub(super) const MODE_DEFAULT: Mode = Mode::Bench;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::bag::Bagging;

    fn problems(text: &str) -> Vec<String> {
        let problems = Config::parse(text, &BTreeMap::new()).err().unwrap_or_default();
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn without_a_file_there_are_stations_for_scripts() {
        let config = Config::parse("", &BTreeMap::new()).expect("defaults are right");
        let names: Vec<&str> = config.station.iter().map(|station| station.id.as_str()).collect();
        assert_eq!(names, ["http-pick", "http-pack", "http-bench", "http-load", "http-info"]);
        assert!(config.rules().iter().all(|rules| !rules.latch));
    }

    #[test]
    fn every_mistake_is_told_with_its_line() {
        let text = [
            "listen = \"nowhere\"",
            "languge = \"en\"",
            "signin = \"badge\"",
            "",
            "[[station]]",
            "id = \"pack-01\"",
            "mode = \"packing\"",
            "latsch = true",
            "",
            "[[station]]",
            "id = \"pack-01\"",
            "",
            "[[device]]",
            "name = \"gun\"",
            "station = \"pack-02\"",
            "kind = \"serial\"",
            "protocol = \"zebra/ssl\"",
        ]
        .join("\n");
        let told = problems(&text);
        let expected = [
            "line 1: listen",
            "line 2: there is no key \"languge\"",
            "line 3: there is no key \"signin\"",
            "line 7: mode",
            "line 8: there is no key \"latsch\"",
            "line 10: station \"pack-01\" stands twice",
            "line 13: device \"gun\" needs either a path",
            "line 13: device \"gun\" belongs to station \"pack-02\"",
            "line 13: device \"gun\" speaks \"zebra/ssl\"",
        ];
        for start in expected {
            assert!(told.iter().any(|line| line.starts_with(start)), "{start} is not among {told:#?}");
        }
        assert!(told.iter().any(|line| line.contains("language")), "the nearest name is offered");
        assert!(told.iter().any(|line| line.contains("\"sign_in\" belongs to a [[station]]")), "{told:#?}");
        assert_eq!(told.len(), expected.len(), "{told:#?}");
    }

    #[test]
    fn how_long_records_are_kept_is_checked() {
        let kept = |text: &str| Config::parse(text, &BTreeMap::new()).expect("right").ledger;
        assert_eq!((kept("").keep_days, kept("").keep_archives_days), (400, 0));
        assert_eq!(kept("[ledger]\nkeep_days = 0\nkeep_archives_days = 800").keep_archives_days, 800);
        let told = problems("[ledger]\nkeep_days = 1\nkeep_archives_days = 50000");
        assert!(told[0].starts_with("line 1: ledger: keep_days is 1 (7 to 36500 days"), "{told:#?}");
        assert!(told[1].contains("keep_archives_days is 50000"), "{told:#?}");
        let told = problems("[ledger]\nkeep_archives_days = 400");
        assert!(told[0].contains("deleted after 400 days, and made after 400"), "{told:#?}");
        assert!(problems("[ledger]\nkeep = 1")[0].contains("keep"), "an unknown key is named");
    }

    #[test]
    fn labels_are_set_for_all_stations_and_bags_for_each() {
        let text = "[labels]\nmax = 2\ntimeout = 60\ntags = [\"BAG-*\"]\n[[station]]\nid = \"a\"\nbag = \"tag\"\n[[station]]\nid = \"b\"";
        let rules = Config::parse(text, &BTreeMap::new()).expect("right").rules();
        assert_eq!((rules[0].bag.bagging, rules[1].bag.bagging), (Bagging::Tag, Bagging::Off));
        assert_eq!((rules[0].bag.max, rules[0].bag.timeout_s), (2, 60));
        let told = problems("listen = \"127.0.0.1:80\"\n[labels]\nmax = 13\ntimeout = 0");
        assert!(told[0].starts_with("line 2: labels: max is 13 (a label has room for 1 to 12)"), "{told:#?}");
        assert!(told[1].starts_with("line 2: labels: timeout is 0"), "{told:#?}");
        assert!(problems("[labels]\nmx = 1")[0].contains("mx"), "an unknown key is named");
    }

    #[test]
    fn a_pattern_that_would_choose_nothing_is_told() {
        let target = |name: &str, kind: &str, chosen: &str| {
            format!("[[target]]\nname = \"{name}\"\n{kind}\nurl = \"http://erp/x\"\n{chosen}\n")
        };
        let (webhook, robot) = ("kind = \"webhook\"", "kind = \"robot\"\nformat = \"wecom\"");
        let ladder = |chosen: &str| format!("[[escalation]]\nname = \"night\"\nsteps = [\"group\"]\n{chosen}\n");
        let station = "[[station]]\nid = \"pack-01\"\n";
        let group = target("group", robot, "events = []");
        for (text, told) in [
            (
                target("erp", webhook, "events = [\"pack\"]"),
                "target \"erp\": no event that it could choose is called \"pack\" (the nearest is \"packed\")",
            ),
            (target("erp", webhook, "events = [\"target_down\"]"), "target \"erp\": no event that"),
            (
                target("erp", webhook, "stations = [\"http_pack\"]"),
                "no station that it could choose is called \"http_pack\" (the nearest is \"http-pack\")",
            ),
            (
                target("erp", webhook, "stations = [\"http-*\"]") + station,
                "no station that it could choose is called \"http-*\" (the nearest is \"pack-01\")",
            ),
            (target("chat", robot, "events = [\"packed\"]"), "target \"chat\": no event that"),
            (group.clone() + &ladder("events = [\"order_complete\"]"), "escalation \"night\": no event that"),
            (group.clone() + &ladder("stations = [\"dock-*\"]") + station, "escalation \"night\": no station that"),
        ] {
            let found = problems(&text);
            assert!(found.len() == 1 && found[0].contains(told), "{text}\n{found:#?}");
        }
        let right = target("erp", webhook, "events = [\"order_*\", \"?acked\"]\nstations = [\"PACK-*\"]")
            + &group
            + &ladder("events = [\"target_down\", \"print*\"]\nstations = [\"*\"]")
            + station;
        assert!(problems(&right).is_empty(), "{:#?}", problems(&right));
    }

    #[test]
    fn every_mistake_of_a_target_is_told() {
        let text = [
            "[[target]]",
            "name = \"ERP 1\"",
            "kind = \"webhook\"",
            "url = \"ftp://erp\"",
            "secret = \"whsec_***\"",
            "evnts = [\"*\"]",
            "[[target]]",
            "name = \"log\"",
            "kind = \"file\"",
            "secret = { file = \"/nowhere/secret\" }",
            "[[target]]",
            "name = \"log\"",
            "kind = \"robot\"",
            "url = \"http://robot/send\"",
            "events = [\"Order Held\"]",
        ]
        .join("\n");
        let told = problems(&text);
        let expected = [
            "line 1: a target's name is \"ERP 1\"",
            "line 1: target \"ERP 1\" can't be reached",
            "line 1: target \"ERP 1\": what follows whsec_",
            "line 6: there is no key \"evnts\" (the nearest is \"events\")",
            "line 7: target \"log\" has no path",
            "line 7: target \"log\": the secret's file",
            "line 11: target \"log\" stands twice",
            "line 11: target \"log\" does not say whose robot",
            "line 11: target \"log\": no event that it could choose is called \"Order Held\" (the nearest is \"order_held\")",
        ];
        for start in expected {
            assert!(told.iter().any(|line| line.starts_with(start)), "{start} is not among {told:#?}");
        }
        assert_eq!(told.len(), expected.len(), "{told:#?}");
    }

    #[test]
    fn a_target_has_one_secret_or_several() {
        let keys = |secret: &str| {
            let text =
                format!("[[target]]\nname = \"erp\"\nkind = \"webhook\"\nurl = \"http://erp/\"\nsecret = {secret}");
            Config::parse(&text, &BTreeMap::new()).expect("right").target[0].secret.keys().expect("right")
        };
        assert_eq!(keys("\"whsec_AAEC\""), [vec![0, 1, 2]]);
        assert_eq!(keys("[\"whsec_AAEC\", \"plain\"]"), [vec![0, 1, 2], b"plain".to_vec()]);
    }

    #[test]
    fn the_environment_overrides_and_is_checked() {
        let environment = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
        let config = Config::parse("", &environment("WAYBIND_LISTEN", "127.0.0.1:9000")).expect("right");
        assert_eq!(config.listen.port(), 9000);
        let wrong = Config::parse("", &environment("WAYBIND_LISTEN", "bad")).expect_err("no address");
        assert!(
            wrong[0].message.starts_with("WAYBIND_LISTEN: ") && wrong[0].hint.contains("127.0.0.1:8080"),
            "{wrong:?}"
        );
        assert!(Config::parse("", &environment("WAYBIND_OTHER", "x")).is_ok());
        let told = |key: &str| -> Vec<String> {
            Config::unknown_variables(&environment(key, "x")).iter().map(ToString::to_string).collect()
        };
        assert!(told("WAYBIND_LISTEN").is_empty());
        assert_eq!(
            told("WAYBIND_LISTN"),
            ["WAYBIND_LISTN is no key of the configuration and changes nothing (the nearest is WAYBIND_LISTEN)"]
        );
        assert!(told("WAYBIND_STATION")[0].contains("changes nothing"));
    }

    #[test]
    fn what_a_value_must_be_is_told_with_what_to_write() {
        for (text, hint) in [
            ("[[station]]\nid = \"a\"\nmode = \"packk\"", "the nearest is \"pack\"; it can be pick, pack"),
            ("[[station]]\nid = \"a\"\nlatch = \"yes\"", "true or false, without quotes"),
            ("[[station]]\nid = 7", "a text in quotes"),
            ("hosts = \"here\"", "a list in brackets"),
            ("printer_wait_seconds = \"60\"", "a whole number from 0"),
            ("listen = \"bad\"", "127.0.0.1:8080"),
            ("listen = ", "key = value"),
            ("[[station]\nid = \"a\"", "[[name]]"),
            ("station = 7", "above its keys"),
            ("[sender]\nnam = \"a\"", "the nearest is \"name\""),
        ] {
            let found = Config::parse(text, &BTreeMap::new()).expect_err(text);
            assert!(found.iter().any(|problem| problem.hint.contains(hint)), "{text}\n{found:#?}");
            assert!(
                found.iter().all(|problem| !problem.hint.is_empty() && problem.line.is_some()),
                "{text}\n{found:#?}"
            );
        }
    }

    #[test]
    fn what_would_break_the_binding_can_not_be_made_overridable() {
        assert!(
            problems("overridable = [\"order_cancelled\"]")[0]
                .starts_with("line 1: order_cancelled may never be overridden")
        );
    }
}
