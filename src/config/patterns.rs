//! Patterns of events and stations: one that fits nothing would choose nothing, for ever and silently.

use super::Config;
use super::file::Reader;
use super::stations::without_configuration;
use super::targets::TargetKind;
use crate::intake::nearest;
use crate::message::{EXCEPTIONS, FACTS, TARGET_DOWN};
use crate::protocol::Glob;

/// Who chooses by patterns.
struct Chooser<'c> {
    what: &'static str,
    name: &'c str,
    line: Option<usize>,
    events: &'c [Glob],
    stations: &'c [Glob],
}

pub(super) fn check(config: &Config, reader: &mut Reader<'_>) {
    let facts = || FACTS.iter().map(|(name, ..)| *name);
    let unconfigured = if config.station.is_empty() { without_configuration() } else { Vec::new() };
    let stations = || config.station.iter().chain(&unconfigured).map(|station| station.id.as_str());
    for target in &config.target {
        let (name, line) = (target.name.as_str(), target.line);
        let chooser = Chooser { what: "target", name, line, events: &target.events, stations: &target.stations };
        if target.events.is_empty() && target.kind != Some(TargetKind::Robot) {
            let hint = "leave `events` out to get all; only a robot may have none, for escalations";
            reader.problem(line, format!("target \"{name}\" gets no events"), hint);
        }
        match target.kind {
            Some(TargetKind::Robot) => chooser.check_events(|| EXCEPTIONS.iter().copied(), reader),
            _ => chooser.check_events(facts, reader),
        }
        chooser.check_stations(stations, reader);
    }
    for ladder in &config.escalation {
        let (name, line) = (ladder.name.as_str(), ladder.line);
        let chooser = Chooser { what: "escalation", name, line, events: &ladder.events, stations: &ladder.stations };
        chooser.check_events(|| EXCEPTIONS.iter().copied().chain([TARGET_DOWN]), reader);
        chooser.check_stations(stations, reader);
    }
}

impl Chooser<'_> {
    fn check_events<'k, I: Iterator<Item = &'k str>>(&self, known: impl Fn() -> I, reader: &mut Reader<'_>) {
        self.check(self.events, "event", known, reader);
    }

    fn check_stations<'k, I: Iterator<Item = &'k str>>(&self, known: impl Fn() -> I, reader: &mut Reader<'_>) {
        self.check(self.stations, "station", known, reader);
    }

    fn check<'k, I: Iterator<Item = &'k str>>(
        &self,
        patterns: &[Glob],
        kind: &str,
        known: impl Fn() -> I,
        reader: &mut Reader<'_>,
    ) {
        for pattern in patterns.iter().filter(|pattern| !known().any(|name| pattern.fits(name))) {
            let (what, name, pattern) = (self.what, self.name, pattern.as_str());
            let hint = nearest(pattern, known()).map(|nearest| format!("the nearest is \"{nearest}\""));
            let message = format!("{what} \"{name}\": no {kind} that it could choose is called \"{pattern}\"");
            reader.problem(self.line, message, hint.unwrap_or_default());
        }
    }
}
