//! `devices probe`: scan something, and see its bytes, its frames by every definition that fits, and what it means.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::devices::library;
use super::{Failure, Target, runtime, say, say_lines};
use crate::barcode::{self, Content, Hint, Reading};
use crate::clock::Clock;
use crate::config::{Config, Library};
use crate::device::{Connection, Heard, LineChange, Plugs, Roots, Scanner, Selector, Spoken, plugged, probe};
use crate::domain::ids::{DeviceId, StationId};
use crate::protocol::{Definition, Framer, Framing, Input, Item};

/// The device's own pieces are shown up to this many bytes.
const SHOWN_MAX: usize = 64;

pub(super) fn run(node: &Path, baud: Option<u32>, target: &Target) -> Result<(), Failure> {
    let config = target.load()?;
    let library = library(&config);
    let input = input_of(node);
    let mut listener = Listener::new(&library, input, &config);
    say(&format!("Listening to {}; scan something. Ctrl+C ends it.", node.display()))?;
    let scanner = scanner(node, input, baud, &library)?;
    let mut failed = None;
    let ended = runtime()?.block_on(probe(scanner, |heard| {
        let told = listener.hear(heard);
        let goes_on = told.is_ok();
        failed = told.err();
        goes_on
    }));
    let busy = "; where the running service reads it, `waybind devices` tells how it is";
    ended.map_err(|error| Failure::Failed(format!("{}: {error}{busy}", node.display())))?;
    failed.map_or(Ok(()), Err)
}

/// What kind of device a node is; everything that is not USB HID is a stream of bytes.
fn input_of(node: &Path) -> Input {
    let node = std::fs::canonicalize(node).unwrap_or(node.to_owned());
    let known = plugged(&Roots::default()).into_iter().find(|device| device.node == node);
    known.map_or(Input::Serial, |device| device.identity.input)
}

fn scanner(node: &Path, input: Input, baud: Option<u32>, library: &Library) -> Result<Scanner, Failure> {
    let named = |error: crate::domain::ids::IdError| Failure::Failed(error.to_string());
    let protocol = Library::generic(input);
    let unknown = || Failure::Failed(format!("the definition {protocol} is missing"));
    let mut definition = Definition::clone(library.get(protocol).ok_or_else(unknown)?);
    // every definition listens, so a code is over when the most patient of those whom only a pause tells its end
    let by_pause = |definition: &Definition| matches!(definition.framing, Framing::Gap { .. } | Framing::Keyboard(_));
    let fitting = library.iter().filter(|(_, other)| other.input() == input && by_pause(other.as_ref()));
    definition.gap_ms = fitting.filter_map(|(_, definition)| definition.gap_ms).chain([PAUSE_MS]).max();
    let definition = Arc::new(definition);
    let selector = Selector::Path(node.to_owned());
    let layouts = library.layout_of(&definition).cloned().into_iter().collect();
    let spoken = Spoken { protocol: protocol.to_owned(), definition, layouts };
    Ok(Scanner {
        id: DeviceId::new("probe").map_err(named)?,
        station: StationId::new("probe").map_err(named)?,
        connection: match input {
            Input::Serial => Connection::Serial(selector, LineChange { baud, ..LineChange::default() }),
            Input::Keyboard => Connection::Keyboard(selector),
            Input::HidPos => Connection::HidPos(selector),
        },
        configured: spoken.clone(),
        spoken,
        definitions: None,
        plugs: Plugs::default(),
        bounce: None,
        trace: None,
    })
}

/// The shortest pause after which a code is shown, in milliseconds: longer than any family pauses within a code unless
/// its definition says so.
const PAUSE_MS: u64 = 500;

/// Every definition of a kind of device, each with its framer.
struct Listener<'l> {
    library: &'l Library,
    input: Input,
    clock: Clock,
    framers: Vec<(&'l str, Framer)>,
    bytes: Vec<u8>,
    items: BTreeMap<String, BTreeSet<&'l str>>,
    broken: BTreeMap<&'static str, BTreeSet<&'l str>>,
}

impl<'l> Listener<'l> {
    fn new(library: &'l Library, input: Input, config: &Config) -> Self {
        Listener {
            library,
            input,
            clock: Clock::new(config.zone()),
            framers: Vec::new(),
            bytes: Vec::new(),
            items: BTreeMap::new(),
            broken: BTreeMap::new(),
        }
    }

    fn hear(&mut self, heard: Heard) -> Result<(), Failure> {
        match heard {
            Heard::Opened(descriptor) => self.open(&descriptor),
            Heard::Piece(bytes, at) => {
                self.take(&bytes, at);
                Ok(())
            }
            Heard::Pause => self.tell(),
        }
    }

    fn open(&mut self, descriptor: &[u8]) -> Result<(), Failure> {
        let fitting = self.library.iter().filter(|(_, definition)| definition.input() == self.input);
        for (name, definition) in fitting {
            let definition: Arc<Definition> = definition.clone();
            let layout = self.library.layout_of(&definition).cloned();
            match Framer::of_device(definition, layout, descriptor) {
                Ok(framer) => self.framers.push((name, framer)),
                Err(error) => say(&format!("  {name}: {error}"))?,
            }
        }
        Ok(())
    }

    fn take(&mut self, bytes: &[u8], at: Duration) {
        if self.bytes.len() < SHOWN_MAX {
            self.bytes.extend(bytes);
        }
        let made: Vec<(&'l str, Vec<Item>)> =
            self.framers.iter_mut().map(|(name, framer)| (*name, framer.feed_at(bytes, at))).collect();
        self.keep(made);
    }

    fn keep(&mut self, made: Vec<(&'l str, Vec<Item>)>) {
        for (name, items) in made {
            for item in items {
                match item {
                    Item::Frame(data) => {
                        self.items.entry(String::from_utf8_lossy(&data).into_owned()).or_default().insert(name);
                    }
                    Item::Broken(why, _) => drop(self.broken.entry(why).or_default().insert(name)),
                    Item::NoRead | Item::Reply(_) => {}
                }
            }
        }
    }

    /// What came since the last pause.
    fn tell(&mut self) -> Result<(), Failure> {
        let made: Vec<(&'l str, Vec<Item>)> =
            self.framers.iter_mut().map(|(name, framer)| (*name, framer.pause())).collect();
        self.keep(made);
        let bytes = std::mem::take(&mut self.bytes);
        let hexadecimal: Vec<String> = bytes.iter().take(SHOWN_MAX).map(|byte| format!("{byte:02X}")).collect();
        let more = if bytes.len() > SHOWN_MAX { "…" } else { "" };
        say_lines(&format!("\n{}{more}", hexadecimal.join(" ")))?;
        let mut read: Vec<_> = std::mem::take(&mut self.items).into_iter().collect();
        read.sort_by_key(|(_, names)| std::cmp::Reverse(names.len()));
        for (text, names) in read {
            let meaning = match barcode::read(&text, Hint::None, None, self.clock.now().today) {
                Ok(reading) => meaning(&reading),
                Err(error) => error.to_string(),
            };
            say_lines(&format!("  \"{}\"  {meaning}\n    {}", shown(&text), listed(&names)))?;
        }
        for (why, names) in std::mem::take(&mut self.broken) {
            say_lines(&format!("  broken: {why}\n    {}", listed(&names)))?;
        }
        Ok(())
    }
}

/// A code on one line: GS as its symbol, what has no sign of its own escaped.
fn shown(text: &str) -> String {
    let escaped = |character: char| match character {
        '\u{1d}' => vec!['␝'],
        control if control.is_control() => control.escape_default().collect(),
        other => vec![other],
    };
    text.chars().flat_map(escaped).collect()
}

/// What a code says, for people.
fn meaning(reading: &Reading) -> String {
    let says = match &reading.content {
        Content::Gs1(elements) | Content::DigitalLink(elements) => {
            elements.all.iter().map(|(ai, value)| format!("({ai}){}", shown(value))).collect()
        }
        Content::Article { gtin, .. } => gtin.clone(),
        Content::Waybill(waybill) => {
            let carriers: Vec<&str> = waybill.candidates.iter().map(|candidate| candidate.carrier).collect();
            format!("{}, by its shape of {}", waybill.number, carriers.join(" or "))
        }
        Content::Own(_) | Content::Text => String::new(),
    };
    let symbology = reading.aim.map(|aim| aim.symbology()).unwrap_or_default();
    let parts = [reading.content.kind(), symbology, says.as_str()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}

/// Definitions that are named, ours for everything first; most scanners speak in lines, and dozens of definitions do.
const NAMED_MAX: usize = 8;

fn listed(names: &BTreeSet<&str>) -> String {
    let (generic, others): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| name.starts_with("generic/"));
    let named: Vec<&str> = generic.into_iter().chain(others).take(NAMED_MAX).collect();
    match names.len() - named.len() {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}
