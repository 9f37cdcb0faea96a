//! Whether what stations print has a printer that takes it; where it has none, why, and what would.

use super::file::{Problem, Reader};
use super::{Config, PrinterSettings, Profiles, StationSettings, TemplateFile, Templates};
use crate::domain::bag::Bagging;
use crate::domain::printing::MANIFEST_TEMPLATE;
use crate::domain::station::Mode;

/// Something that a station prints.
pub(super) struct Need<'c> {
    station: &'c StationSettings,
    template: &'c str,
    /// What the station does, for which it prints.
    does: Does,
}

/// What a station does, for which it prints.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    Waybills,
    Bags,
    Manifests,
}

impl std::fmt::Display for Does {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Does::Waybills => "prints waybills",
            Does::Bags => "fills bags",
            Does::Manifests => "closes manifests",
        })
    }
}

/// What the stations print, where printers are configured.
fn needs(config: &Config) -> Vec<Need<'_>> {
    let mut needs = Vec::new();
    for station in &config.station {
        let mut need = |template, does| needs.push(Need { station, template, does });
        if station.print_waybill {
            need(station.waybill_template.as_str(), Does::Waybills);
        }
        if station.bag != Bagging::Off && !config.printer.is_empty() {
            need(config.labels.template.as_str(), Does::Bags);
        }
        if station.mode == Mode::Load && !config.printer.is_empty() {
            need(MANIFEST_TEMPLATE, Does::Manifests);
        }
    }
    needs
}

/// The printers with their profiles, in the order of the configuration.
fn printers<'c>(config: &'c Config, profiles: &'c Profiles) -> Vec<(&'c PrinterSettings, &'c super::PrinterProfile)> {
    let known = |printer: &'c PrinterSettings| Some((printer, &**profiles.get(printer.profile.as_deref()?)?));
    config.printer.iter().filter_map(known).collect()
}

/// The printer that a station's template goes to without anybody choosing one.
fn routed<'c>(config: &'c Config, profiles: &Profiles, need: &Need<'_>, file: &TemplateFile) -> Option<&'c str> {
    let takes = |printer: &&PrinterSettings| {
        let profile = printer.profile.as_ref().and_then(|name| profiles.get(name));
        profile.is_some_and(|profile| printer.takes(profile, file))
    };
    let own = config.printer.iter().find(|printer| need.station.printer.as_ref() == Some(&printer.name));
    let listed = || config.printer.iter().filter(|printer| !printer.templates.is_empty()).find(takes);
    own.filter(takes).or_else(listed).map(|printer| printer.name.as_str())
}

fn size(file: &TemplateFile) -> String {
    let [width, height] = file.template.size;
    format!("{} ({width} × {height} mm)", file.name)
}

/// Why no printer takes a template, one after another.
fn why(config: &Config, profiles: &Profiles, file: &TemplateFile) -> String {
    let of = |(printer, profile): &(&PrinterSettings, &super::PrinterProfile)| {
        let why = printer.objection(profile, file);
        format!("{}: {}", printer.name, why.as_deref().unwrap_or("it is not this station's, and lists no templates"))
    };
    let told: Vec<String> = printers(config, profiles).iter().map(of).collect();
    if told.is_empty() { String::new() } else { format!("; {}", told.join("; ")) }
}

/// What would help: a printer that takes the template as it is, a kind of printer that is wide enough, or a template like it
/// that one of the printers takes.
fn remedy(config: &Config, profiles: &Profiles, templates: &Templates, file: &TemplateFile) -> String {
    let wide = |profile: &super::PrinterProfile| PrinterSettings::default().takes(profile, file);
    let known = printers(config, profiles);
    let mut ways = Vec::new();
    let unlisted = known.iter().filter(|(printer, profile)| printer.takes(profile, file));
    let names: Vec<&str> = unlisted.map(|(printer, _)| printer.name.as_str()).collect();
    if !names.is_empty() {
        ways.push(format!("write printer = \"{}\", or list the template there", names.join("\" or \"")));
    }
    let kinds: Vec<&str> = profiles.iter().filter(|(_, profile)| wide(profile)).map(|(name, _)| name).collect();
    if names.is_empty() && !kinds.is_empty() {
        ways.push(format!("add a [[printer]] with a profile such as {}", kinds.join(", ")));
    }
    let family = |name: &str| name.split('-').next().unwrap_or_default().to_owned();
    let alike = templates.iter().filter(|other| family(&other.name) == family(&file.name));
    let alike = alike.filter(|other| known.iter().any(|(printer, profile)| printer.takes(profile, other)));
    let alike: Vec<&str> = alike.map(|other| other.name.as_str()).filter(|name| *name != file.name).collect();
    if !alike.is_empty() {
        ways.push(format!("take the template {}", alike.join(" or ")));
    }
    ways.join("; ")
}

/// A station that prints waybills has a printer for them: without one a packer would wait for a label that never comes.
pub(super) fn check(config: &Config, profiles: &Profiles, reader: &mut Reader<'_>) {
    let (templates, _) = Templates::with_folder(config.templates.as_deref());
    for need in needs(config).into_iter().filter(|need| need.does == Does::Waybills) {
        let station = need.station;
        let Some(file) = templates.get(need.template) else {
            let nearest = templates.nearest(need.template).unwrap_or_default();
            let message = format!("station \"{}\": there is no template \"{}\"", station.id, need.template);
            reader.problem(station.line, message, format!("the nearest is \"{nearest}\""));
            continue;
        };
        if routed(config, profiles, &need, file).is_none() {
            let why = why(config, profiles, file);
            let message = format!("station \"{}\" {}, and no printer takes {}{why}", station.id, need.does, size(file));
            reader.problem(station.line, message, remedy(config, profiles, &templates, file));
        }
    }
}

/// A template with the printer that a station's goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The station.
    pub station: String,
    /// Where it stands in the file.
    pub line: Option<usize>,
    /// The template.
    pub template: String,
    /// The printer.
    pub printer: String,
    /// Its dots an inch.
    pub dpi: u32,
}

impl Config {
    /// Where what the stations print goes, without anybody choosing a printer.
    #[must_use]
    pub fn routes(&self) -> Vec<Route> {
        let (profiles, _) = Profiles::with_folder(self.templates.as_deref());
        let (templates, _) = Templates::with_folder(self.templates.as_deref());
        let route = |need: Need<'_>| {
            let file = templates.get(need.template)?;
            let name = routed(self, &profiles, &need, file)?;
            let (_, profile) = printers(self, &profiles).into_iter().find(|(printer, _)| printer.name == name)?;
            let (template, printer) = (file.name.clone(), name.to_owned());
            let (station, line) = (need.station.id.clone(), need.station.line);
            Some(Route { station, line, template, printer, dpi: profile.dpi })
        };
        needs(self).into_iter().filter_map(route).collect()
    }

    /// What stations print and no printer takes, and what comes out of another printer than the station's own.
    pub(super) fn route_warnings(&self) -> Vec<Problem> {
        let (profiles, _) = Profiles::with_folder(self.templates.as_deref());
        let (templates, _) = Templates::with_folder(self.templates.as_deref());
        let mut told = Vec::new();
        for need in needs(self) {
            let mut tell = |message: String, hint: String| {
                told.push(Problem { line: need.station.line, message, hint });
            };
            let id = &need.station.id;
            let Some(file) = templates.get(need.template) else {
                let nearest = templates.nearest(need.template).unwrap_or_default();
                let message = format!("station \"{id}\" {}, and there is no template \"{}\"", need.does, need.template);
                tell(message, format!("the nearest is \"{nearest}\""));
                continue;
            };
            let routed = routed(self, &profiles, &need, file);
            match (routed, need.station.printer.as_deref()) {
                (None, _) => tell(
                    format!(
                        "station \"{id}\" {}, and no printer takes {}{}",
                        need.does,
                        size(file),
                        why(self, &profiles, file)
                    ),
                    remedy(self, &profiles, &templates, file),
                ),
                (Some(printer), Some(own)) if printer != own && need.does != Does::Manifests => {
                    let known = printers(self, &profiles).into_iter().find(|(known, _)| known.name == own);
                    let why = known.and_then(|(own, profile)| own.objection(profile, file)).unwrap_or_default();
                    tell(
                        format!(
                            "station \"{id}\" {}: {} comes out of {printer}, not of its own {own}",
                            need.does,
                            size(file)
                        ),
                        why,
                    );
                }
                _ => {}
            }
            if let Some((second, why)) = routed.and_then(|name| self.second_objects(&profiles, name, file)) {
                tell(
                    format!("station \"{id}\" {}: {second}, which takes over, does not take {}", need.does, size(file)),
                    why,
                );
            }
        }
        told
    }

    /// The printer that takes over for another, and why it does not take a template.
    fn second_objects(&self, profiles: &Profiles, name: &str, file: &TemplateFile) -> Option<(String, String)> {
        let known = printers(self, profiles);
        let first = known.iter().find(|(printer, _)| printer.name == name)?.0;
        let (second, profile) = known.iter().find(|(printer, _)| first.fallback.as_ref() == Some(&printer.name))?;
        Some((second.name.clone(), second.objection(profile, file)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn warnings(text: &str) -> Vec<String> {
        let config = Config::parse(text, &BTreeMap::new()).expect("right");
        config.warnings().iter().map(ToString::to_string).collect()
    }

    const NARROW: &str =
        "[[printer]]\nname = \"P1\"\nprofile = \"zpl-203\"\naddress = \"h:9100\"\npaper_mm = [76, 130]\n";

    #[test]
    fn what_no_printer_takes_is_told_with_what_would() {
        let station = "[[station]]\nid = \"bench\"\nbag = \"scan\"\nprinter = \"P1\"\n";
        let told = warnings(&format!("{station}{NARROW}"));
        assert_eq!(told.len(), 1, "{told:#?}");
        for part in [
            "line 1: station \"bench\" fills bags, and no printer takes aggregated-100x150 (100 × 150 mm)",
            "P1: its paper is 76 × 130 mm",
            "add a [[printer]] with a profile such as",
            "take the template aggregated-76x130",
        ] {
            assert!(told[0].contains(part), "{part}: {}", told[0]);
        }
        let fits = format!("[labels]\ntemplate = \"aggregated-76x130\"\n{station}{NARROW}");
        assert_eq!(warnings(&fits), Vec::<String>::new());
        let unknown = format!("[labels]\ntemplate = \"agregated-76x130\"\n{station}{NARROW}");
        assert!(warnings(&unknown)[0].contains("there is no template \"agregated-76x130\" (the nearest is"));
    }

    #[test]
    fn a_dock_without_office_paper_and_a_printer_elsewhere_are_told() {
        let wide =
            "[[printer]]\nname = \"P2\"\nprofile = \"zpl-203\"\naddress = \"h:9100\"\ntemplates = [\"waybill-*\"]\n";
        let text = format!(
            "[[station]]\nid = \"dock\"\nmode = \"load\"\n[[station]]\nid = \"bench\"\nprint_waybill = true\nprinter = \"P1\"\n{NARROW}{wide}"
        );
        let told = warnings(&text);
        assert_eq!(told.len(), 2, "{told:#?}");
        assert!(
            told[0].contains("closes manifests, and no printer takes manifest-a4") && told[0].contains("office-a4")
        );
        assert!(told[1].contains("waybill-100x150 (100 × 150 mm) comes out of P2, not of its own P1"), "{}", told[1]);
        assert!(told[1].contains("its paper is 76 × 130 mm"));
    }

    #[test]
    fn a_printer_that_takes_over_takes_the_same() {
        let first = "[[printer]]\nname = \"P0\"\nprofile = \"zpl-203\"\naddress = \"h:9100\"\nfallback = \"P1\"\n";
        let text = format!("[[station]]\nid = \"bench\"\nprint_waybill = true\nprinter = \"P0\"\n{first}{NARROW}");
        let told = warnings(&text);
        assert_eq!(told.len(), 1, "{told:#?}");
        assert!(told[0].contains("P1, which takes over, does not take waybill-100x150"), "{}", told[0]);
    }

    #[test]
    fn a_station_without_a_printer_for_its_waybills_is_a_mistake_with_a_remedy() {
        let text = format!("[[station]]\nid = \"bench\"\nprint_waybill = true\nprinter = \"P1\"\n{NARROW}");
        let told = Config::parse(&text, &BTreeMap::new()).expect_err("nothing takes it");
        let told = told[0].to_string();
        assert!(
            told.contains("no printer takes waybill-100x150 (100 × 150 mm); P1: its paper is 76 × 130 mm"),
            "{told}"
        );
        assert!(told.contains("take the template waybill-76x130"), "{told}");
        let other = "[[station]]\nid = \"bench\"\nprint_waybill = true\n[[printer]]\nname = \"P3\"\nprofile = \"zpl-203\"\naddress = \"h:9100\"\n";
        let told = Config::parse(other, &BTreeMap::new()).expect_err("P3 is nobody's");
        assert!(told[0].to_string().contains("write printer = \"P3\", or list the template there"), "{}", told[0]);
    }
}
