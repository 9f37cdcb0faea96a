//! Printers in the configuration: where each is, and what kind of printer it is (its profile, which is data).

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::Uri;
use include_dir::{Dir, include_dir};
use serde::Deserialize;
use toml::de::DeTable;

use super::file::{Problem, Reader, Tables, section};
use super::{Config, TemplateFile, Templates, routes};
use crate::codec::PrinterFont;
use crate::domain::ids::PrinterId;
use crate::protocol::Glob;

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/label-templates/printers");

/// Largest profile in bytes; those of the program have some hundreds.
const FILE_MAX: u64 = 64 * 1024;

/// How much larger than a printer's paper a template may say that it is: labels of 104 mm are sold as 4 inches.
const SLACK_MM: f64 = 1.0;

/// Sides of paper that printers take, in millimetres: from a small tag to A2.
const PAPER_MM: std::ops::RangeInclusive<f64> = 10.0..=600.0;

section! {
    /// A printer.
    PrinterSettings {
        /// What people call it; also the code on it.
        name: String = String::new();
        /// What kind of printer it is: a file of `label-templates/printers`, or of `printers/` in a warehouse's own
        /// folder of templates.
        profile: Option<String> = None;
        /// On the network: host and port, usually 9100.
        address: Option<String> = None;
        /// On USB: its node, usually /dev/usb/lp0.
        path: Option<PathBuf> = None;
        /// Behind IPP or CUPS: ipp://host:631/printers/name.
        url: Option<String> = None;
        /// A folder into which each job is written as a file.
        folder: Option<PathBuf> = None;
        /// Width and height of the paper in it, in millimetres; without them that of each template.
        paper_mm: Option<[f64; 2]> = None;
        /// The printer that takes over while this one can't print.
        fallback: Option<String> = None;
        /// The templates that it is for: `*` stands for any characters, `?` for one. Without a list, all that fit.
        templates: Vec<Glob> = Vec::new();
    }
}

/// The language of a printer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrinterLanguage {
    /// ZPL II.
    Zpl,
    /// TSPL.
    Tspl,
    /// PDF.
    Pdf,
}

impl PrinterLanguage {
    /// As profiles and carriers' labels write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            PrinterLanguage::Zpl => "zpl",
            PrinterLanguage::Tspl => "tspl",
            PrinterLanguage::Pdf => "pdf",
        }
    }
}

/// How a printer is asked how it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StatusDialect {
    /// Not at all.
    #[default]
    None,
    /// By `~HS`.
    Zpl,
    /// By `<ESC>!?`.
    Tspl,
}

/// How dots are packed for a ZPL printer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Packing {
    /// Deflate in base64.
    #[default]
    Deflate,
    /// Runs of digits.
    RunLength,
}

/// What a printer is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Commands {
    /// The dots that were proved.
    #[default]
    Bitmap,
    /// What to set and draw by itself; what it can't goes as dots. Nobody reads back what comes of it.
    Native,
}

/// A kind of printer.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrinterProfile {
    /// What people call it.
    pub title: String,
    /// What it speaks.
    pub language: PrinterLanguage,
    /// Dots an inch.
    pub dpi: u32,
    /// How wide its paper may be.
    pub width_mm: f64,
    /// How it is asked.
    #[serde(default)]
    pub status: StatusDialect,
    /// What it is told.
    #[serde(default)]
    pub commands: Commands,
    /// For TSPL with native commands: its own letters. Without them every text goes as dots.
    #[serde(default)]
    pub text_fonts: Vec<PrinterFont>,
    /// For ZPL: how dots are packed.
    #[serde(default)]
    pub compression: Packing,
    /// For ZPL: bytes of a band at most.
    #[serde(default = "band_max")]
    pub band_bytes: usize,
    /// 0 or 1; for ZPL 0 turns the page.
    #[serde(default = "one")]
    pub direction: u8,
    /// For TSPL: how a bitmap is laid over the page.
    #[serde(default)]
    pub bitmap_mode: u8,
    /// For TSPL: whether 1 is black.
    #[serde(default)]
    pub inverted: bool,
    /// What the length of a page is multiplied by, where the feed is not what the printer says.
    #[serde(default = "unscaled")]
    pub feed_scale: f64,
    /// For TSPL: the gap between labels.
    #[serde(default = "gap")]
    pub gap_mm: f64,
}

/// Most fonts of a printer that are told apart; they are numbered with one digit.
const FONTS_MAX: usize = 32;

/// Whether a font's name can stand in a command, and its letters on a label.
fn is_font(font: &PrinterFont) -> bool {
    let is_name = |name: &str| {
        (1..=16).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
    };
    is_name(&font.name) && (4..=200).contains(&font.width) && (4..=200).contains(&font.height)
}

fn band_max() -> usize {
    99_999
}

fn one() -> u8 {
    1
}

fn unscaled() -> f64 {
    1.0
}

fn gap() -> f64 {
    2.0
}

impl PrinterProfile {
    /// Whether its paper is wide enough.
    #[must_use]
    pub fn fits(&self, width_mm: f64) -> bool {
        width_mm <= self.width_mm + SLACK_MM
    }

    /// The feed's correction in thousandths.
    #[must_use]
    pub fn feed_permille(&self) -> u32 {
        // checked when the profile was read: between 0.9 and 1.1
        (self.feed_scale * 1_000.0).round() as u32
    }

    fn parse(text: &str) -> Result<PrinterProfile, Problem> {
        let failed = |line, message: String| Problem { line, message, hint: "see label-templates/printers".into() };
        let profile: PrinterProfile = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| text[..span.start.min(text.len())].lines().count().max(1));
            failed(line, error.message().to_owned())
        })?;
        let wrong = match &profile {
            profile if ![203, 300, 600].contains(&profile.dpi) => "dpi is 203, 300 or 600",
            profile if !(10.0..=420.0).contains(&profile.width_mm) => "width_mm is 10 to 420",
            profile if !(0.9..=1.1).contains(&profile.feed_scale) => "feed_scale is 0.9 to 1.1",
            profile if profile.direction > 1 => "direction is 0 or 1",
            profile if profile.bitmap_mode > 1 => "bitmap_mode is 0 or 1",
            profile if !(1_000..=band_max()).contains(&profile.band_bytes) => "band_bytes is 1000 to 99999",
            profile if !(0.0..=50.0).contains(&profile.gap_mm) => "gap_mm is 0 to 50",
            profile if profile.text_fonts.len() > FONTS_MAX => "text_fonts has more than 32 fonts",
            profile if !profile.text_fonts.iter().all(is_font) => {
                "a font of text_fonts has a name of letters and digits, and 4 to 200 dots across and down"
            }
            profile if profile.commands == Commands::Native && profile.language == PrinterLanguage::Pdf => {
                "commands = \"native\" is for zpl and tspl"
            }
            profile if profile.commands == Commands::Native && profile.feed_permille() != 1_000 => {
                "commands = \"native\" can't correct the feed: leave feed_scale out, or take bitmap"
            }
            _ => return Ok(profile),
        };
        Err(failed(None, wrong.to_owned()))
    }
}

/// The kinds of printers by name.
#[derive(Clone, Debug, Default)]
pub struct Profiles {
    profiles: BTreeMap<String, Arc<PrinterProfile>>,
}

impl Profiles {
    /// The profiles of the program, and those of a warehouse's own folder of templates, which may take the place of
    /// ours; and what of the folder can't be used.
    #[must_use]
    pub fn with_folder(templates: Option<&Path>) -> (Profiles, Vec<(String, Problem)>) {
        let mut texts: BTreeMap<String, String> = BTreeMap::new();
        let mut wrong = Vec::new();
        for file in BUILT_IN.files() {
            texts.insert(stem(file.path()), file.contents_utf8().unwrap_or_default().to_owned());
        }
        let entries = templates.map(|folder| std::fs::read_dir(folder.join("printers"))).into_iter().flatten();
        for path in entries.flatten().flatten().map(|entry| entry.path()) {
            if path.extension().is_none_or(|extension| extension != "toml") {
                continue;
            }
            let small = std::fs::metadata(&path).is_ok_and(|found| found.len() <= FILE_MAX);
            match std::fs::read_to_string(&path).ok().filter(|_| small) {
                Some(text) => drop(texts.insert(stem(&path), text)),
                None => wrong.push((
                    stem(&path),
                    Problem { line: None, message: "can't be read, or is too large".into(), hint: String::new() },
                )),
            }
        }
        let mut profiles = Profiles::default();
        for (name, text) in texts {
            match PrinterProfile::parse(&text) {
                Ok(profile) => drop(profiles.profiles.insert(name, Arc::new(profile))),
                Err(problem) => wrong.push((name, problem)),
            }
        }
        (profiles, wrong)
    }

    /// A profile.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<PrinterProfile>> {
        self.profiles.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<PrinterProfile>)> {
        self.profiles.iter().map(|(name, profile)| (name.as_str(), profile))
    }

    fn nearest(&self, name: &str) -> Option<&str> {
        let likeness = |known: &str| strsim::jaro_winkler(name, known);
        let names = self.profiles.keys().map(String::as_str);
        names.max_by(|one, other| likeness(one).total_cmp(&likeness(other)))
    }
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

impl Tables for Vec<PrinterSettings> {
    type One = PrinterSettings;
    fn read_one(table: &DeTable<'_>, reader: &mut Reader<'_>) -> PrinterSettings {
        PrinterSettings::read(table, reader)
    }
}

impl PrinterSettings {
    /// Why a template may not be printed there: it is not listed, where anything is, or larger than the paper.
    #[must_use]
    pub fn objection(&self, profile: &PrinterProfile, template: &TemplateFile) -> Option<String> {
        let [width, height] = template.template.size;
        if !self.templates.is_empty() && !self.templates.iter().any(|glob| glob.fits(&template.name)) {
            return Some("it is not among its templates".into());
        }
        if !profile.fits(width) {
            return Some(format!("it prints {} mm wide", profile.width_mm));
        }
        let [paper_width, paper_height] = self.paper_mm?;
        let fits = width <= paper_width + SLACK_MM && height <= paper_height + SLACK_MM;
        (!fits).then(|| format!("its paper is {paper_width} × {paper_height} mm"))
    }

    /// Whether a template may be printed there.
    #[must_use]
    pub fn takes(&self, profile: &PrinterProfile, template: &TemplateFile) -> bool {
        self.objection(profile, template).is_none()
    }

    /// The names of the templates that may be printed there.
    #[must_use]
    pub fn templates(&self, profile: &PrinterProfile, templates: &Templates) -> Vec<String> {
        let fits = templates.iter().filter(|file| self.takes(profile, file));
        fits.map(|file| file.name.clone()).collect()
    }

    /// The parsed address of a printer behind IPP.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn uri(&self) -> Result<Uri, String> {
        let url = self.url.as_deref().unwrap_or_default();
        let uri: Uri = url.parse().map_err(|error| format!("its url is no address: {error}"))?;
        match (uri.scheme_str(), uri.host()) {
            (Some("ipp" | "http"), Some(host)) if !host.is_empty() => Ok(uri),
            (Some("ipps" | "https"), _) => Err("its url asks for TLS, which printers are not spoken to with".into()),
            _ => Err("its url does not begin with ipp:// and a host".into()),
        }
    }
}

pub(super) fn check(config: &Config, reader: &mut Reader<'_>) {
    let is_idle = config.printer.is_empty() && !config.station.iter().any(|station| station.print_waybill);
    let (profiles, wrong) = Profiles::with_folder(config.templates.as_deref());
    for (name, problem) in wrong {
        let place = problem.line.map(|line| format!(" line {line}")).unwrap_or_default();
        let message = format!("the printer profile {name}{place}: {}", problem.message);
        reader.problem(reader.line_of("templates"), message, problem.hint);
    }
    let names: HashSet<&str> = config.printer.iter().map(|printer| printer.name.as_str()).collect();
    let mut seen = HashSet::new();
    for printer in &config.printer {
        let name = &printer.name;
        if let Err(error) = PrinterId::new(name) {
            reader.problem(printer.line, format!("a printer's name {error}"), "write name = \"PACK-01\"");
        } else if !seen.insert(name.to_ascii_lowercase()) {
            reader.problem(printer.line, format!("printer \"{name}\" stands twice"), "give each printer its own name");
        }
        check_place(printer, reader);
        check_profile(printer, &profiles, reader);
        check_fallback(printer, config, reader);
    }
    for station in &config.station {
        if let Some(printer) = station.printer.as_ref().filter(|printer| !names.contains(printer.as_str())) {
            reader.problem(
                station.line,
                format!("station \"{}\" prints on \"{printer}\", which is not there", station.id),
                "add a [[printer]] with this name",
            );
        }
    }
    if !is_idle {
        routes::check(config, &profiles, reader);
    }
}

fn check_place(printer: &PrinterSettings, reader: &mut Reader<'_>) {
    let name = &printer.name;
    let mut problem =
        |message: String, hint: &str| reader.problem(printer.line, format!("printer \"{name}\" {message}"), hint);
    let places = [printer.address.is_some(), printer.path.is_some(), printer.url.is_some(), printer.folder.is_some()];
    if places.iter().filter(|given| **given).count() != 1 {
        problem("needs one place: an address, a path, a url or a folder".into(), "address = \"192.168.1.60:9100\"");
    }
    if let Some(address) = &printer.address {
        let port = address.rsplit_once(':').and_then(|(host, port)| {
            (!host.is_empty()).then_some(())?;
            port.parse::<u16>().ok()
        });
        if port.is_none() {
            problem(format!("has the address \"{address}\""), "write host and port: address = \"192.168.1.60:9100\"");
        }
    }
    if printer.url.is_some()
        && let Err(wrong) = printer.uri()
    {
        problem(format!("can't be reached: {wrong}"), "write url = \"ipp://192.168.1.61:631/ipp/print\"");
    }
    if let Some([width, height]) = printer.paper_mm
        && ![width, height].iter().all(|side| PAPER_MM.contains(side))
    {
        problem(format!("has paper of {width} × {height} mm"), "write paper_mm = [100, 150], width and height");
    }
    for glob in printer.templates.iter().filter(|glob| glob.as_str().is_empty()) {
        problem(format!("is for the template \"{}\"", glob.as_str()), "for example templates = [\"waybill-*\"]");
    }
}

fn check_profile(printer: &PrinterSettings, profiles: &Profiles, reader: &mut Reader<'_>) {
    let name = &printer.name;
    let Some(wanted) = &printer.profile else {
        let names: Vec<&str> = profiles.iter().map(|(name, _)| name).collect();
        let message = format!("printer \"{name}\" does not say what kind it is");
        reader.problem(printer.line, message, format!("profile = one of {}", names.join(", ")));
        return;
    };
    match profiles.get(wanted) {
        None => {
            let hint =
                profiles.nearest(wanted).map(|nearest| format!("the nearest is \"{nearest}\"")).unwrap_or_default();
            reader.problem(printer.line, format!("printer \"{name}\": there is no profile \"{wanted}\""), hint);
        }
        Some(profile) if profile.language == PrinterLanguage::Pdf && printer.address.is_some() => reader.problem(
            printer.line,
            format!("printer \"{name}\" takes PDF, which is not sent to a bare port"),
            "give it a url (IPP) instead of an address",
        ),
        Some(_) => {}
    }
}

fn check_fallback(printer: &PrinterSettings, config: &Config, reader: &mut Reader<'_>) {
    let Some(fallback) = &printer.fallback else { return };
    let name = &printer.name;
    if fallback == name {
        reader.problem(printer.line, format!("printer \"{name}\" is its own fallback"), "name another one");
    } else if !config.printer.iter().any(|other| other.name == *fallback) {
        let message = format!("printer \"{name}\" falls back to \"{fallback}\", which is not there");
        reader.problem(printer.line, message, "add a [[printer]] with this name");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let problems = Config::parse(text, &BTreeMap::new()).err().unwrap_or_default();
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_mistake_of_a_printer_is_told() {
        let text = [
            "[[printer]]",
            "name = \"\"",
            "profile = \"zpl-203\"",
            "address = \"10.0.0.1\"",
            "[[printer]]",
            "name = \"P1\"",
            "profile = \"zpl-230\"",
            "url = \"https://10.0.0.2/ipp\"",
            "fallback = \"P1\"",
            "[[printer]]",
            "name = \"p1\"",
            "adress = \"10.0.0.1:9100\"",
            "fallback = \"P9\"",
            "[[printer]]",
            "name = \"A4\"",
            "profile = \"office-a4\"",
            "address = \"10.0.0.3:9100\"",
            "[[station]]",
            "id = \"pack-01\"",
            "printer = \"P8\"",
            "print_waybill = true",
            "[[station]]",
            "id = \"pack-02\"",
            "print_waybill = true",
            "waybill_template = \"waybil-100x150\"",
        ]
        .join("\n");
        let told = problems(&text);
        let expected = [
            "line 1: a printer's name is empty",
            "line 1: printer \"\" has the address \"10.0.0.1\"",
            "line 5: printer \"P1\" can't be reached: its url asks for TLS",
            "line 5: printer \"P1\": there is no profile \"zpl-230\" (the nearest is \"zpl-203\")",
            "line 5: printer \"P1\" is its own fallback",
            "line 10: printer \"p1\" stands twice",
            "line 10: printer \"p1\" needs one place",
            "line 10: printer \"p1\" does not say what kind it is",
            "line 10: printer \"p1\" falls back to \"P9\"",
            "line 12: there is no key \"adress\" (the nearest is \"address\")",
            "line 14: printer \"A4\" takes PDF",
            "line 18: station \"pack-01\" prints on \"P8\"",
            "line 22: station \"pack-02\": there is no template \"waybil-100x150\" (the nearest is \"waybill-100x150\")",
        ];
        for start in expected {
            assert!(told.iter().any(|line| line.starts_with(start)), "{start} is not among {told:#?}");
        }
    }

    #[test]
    fn a_station_that_prints_has_a_printer_wide_enough() {
        let with = |rest: &str| {
            problems(&format!(
                "[[station]]\nid = \"s\"\nprint_waybill = true\nwaybill_template = \"waybill-76x130\"\n[[printer]]\nname = \"P\"\nprofile = \"zpl-203\"\naddress = \"h:9100\"\n{rest}"
            ))
        };
        assert!(with("")[0].contains("no printer takes waybill-76x130"));
        assert!(with("templates = [\"waybill-1*\"]")[0].contains("no printer takes"));
        assert_eq!(with("templates = [\"waybill-*\"]"), Vec::<String>::new());
        let (templates, _) = Templates::with_folder(None);
        let (profiles, wrong) = Profiles::with_folder(None);
        assert!(wrong.is_empty() && profiles.iter().count() >= 8, "{wrong:?}");
        let settings = PrinterSettings::default();
        let takes = |profile: &str| settings.templates(profiles.get(profile).expect("shipped"), &templates);
        assert!(takes("zpl-203").contains(&"waybill-100x150".to_owned()));
        assert!(!takes("zpl-203").contains(&"manifest-a4".to_owned()));
        assert!(takes("office-a4").contains(&"manifest-a4".to_owned()));
    }

    #[test]
    fn a_wrong_profile_is_told() {
        let wrong = |text: &str| PrinterProfile::parse(text).expect_err("wrong").to_string();
        assert!(wrong("title = \"x\"\nlanguage = \"epl\"\ndpi = 203\nwidth_mm = 100").starts_with("line 2"));
        assert!(wrong("title = \"x\"\nlanguage = \"zpl\"\ndpi = 100\nwidth_mm = 100").contains("dpi is 203"));
        assert!(wrong("title = \"x\"\nlanguage = \"zpl\"\ndpi = 203\nwidth_mm = 100\nfeed = 1").contains("feed"));
        let native = |language: &str, rest: &str| {
            wrong(&format!(
                "title = \"x\"\nlanguage = \"{language}\"\ndpi = 203\nwidth_mm = 100\ncommands = \"native\"\n{rest}"
            ))
        };
        assert!(native("pdf", "").contains("is for zpl and tspl"));
        assert!(native("zpl", "feed_scale = 1.019").contains("can't correct the feed"));
        for font in ["name = \"1\\\"\", width = 8, height = 12", "name = \"1\", width = 0, height = 12"] {
            assert!(native("tspl", &format!("text_fonts = [{{ {font} }}]")).contains("a font of text_fonts"), "{font}");
        }
    }
}
