//! Which definition belongs to a device that was plugged in: what is known of the device, what a definition asks for,
//! and how well the two fit.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use super::definition::{Definition, Framing};
use super::glob::Glob;

/// How a device hands over what it read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Input {
    /// A stream of bytes: RS-232, USB-CDC, Bluetooth SPP, TCP.
    Serial,
    /// Keystrokes of a HID keyboard.
    Keyboard,
    /// Reports of a HID point-of-sale device.
    HidPos,
}

/// What the system says of a device that is plugged in; what it does not say is `None` or empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// How it hands over what it read.
    pub input: Input,
    /// The USB vendor id.
    pub vendor: Option<u16>,
    /// The USB product id.
    pub product: Option<u16>,
    /// The name that it gives itself.
    pub name: String,
    /// Its serial number.
    pub serial: String,
    /// The USB interface, where it has several.
    pub interface: Option<u8>,
    /// The name of its link under `/dev/serial/by-id` or `/dev/input/by-id`.
    pub by_id: String,
}

/// USB vendor and product, written `05e0:1701`, or `05e0:*` for every product of a vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct UsbId {
    /// The vendor id.
    pub vendor: u16,
    /// The product id; `None`: any.
    pub product: Option<u16>,
}

impl TryFrom<String> for UsbId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let number = |digits: &str| {
            let fits = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            u16::from_str_radix(digits, 16).ok().filter(|_| fits)
        };
        let wrong = || format!("\"{text}\" is no USB id; write \"05e0:1701\", or \"05e0:*\" for every product");
        let (vendor, product) = text.split_once(':').ok_or_else(wrong)?;
        let product = if product == "*" { None } else { Some(number(product).ok_or_else(wrong)?) };
        Ok(UsbId { vendor: number(vendor).ok_or_else(wrong)?, product })
    }
}

impl fmt::Display for UsbId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.product {
            Some(product) => write!(out, "{:04x}:{product:04x}", self.vendor),
            None => write!(out, "{:04x}:*", self.vendor),
        }
    }
}

/// What a device must be like; every key that is given must fit, and at least one is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Keys")]
pub struct Match {
    usb: Option<UsbId>,
    name: Option<Glob>,
    serial: Option<Glob>,
    by_id: Option<Glob>,
    interface: Option<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Keys {
    usb: Option<UsbId>,
    name: Option<Glob>,
    serial: Option<Glob>,
    by_id: Option<Glob>,
    interface: Option<u8>,
}

impl TryFrom<Keys> for Match {
    type Error = String;

    fn try_from(keys: Keys) -> Result<Self, String> {
        let Keys { usb, name, serial, by_id, interface } = keys;
        if usb.is_none() && name.is_none() && serial.is_none() && by_id.is_none() {
            return Err("a match needs usb, name, serial or by-id, or every device fits".to_owned());
        }
        Ok(Match { usb, name, serial, by_id, interface })
    }
}

/// How well a device fits; the greater says more of it. A product beats a vendor, a vendor beats a name; then counts
/// how many keys were given, then how many characters they fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fit {
    /// 2: vendor and product, 1: the vendor only, 0: neither.
    usb: u8,
    keys: usize,
    weight: usize,
}

impl Match {
    /// How well the device fits; `None` if a key does not.
    #[must_use]
    pub fn fits(&self, identity: &Identity) -> Option<Fit> {
        let usb = match self.usb {
            None => 0,
            Some(id) if Some(id.vendor) != identity.vendor => return None,
            Some(UsbId { product: None, .. }) => 1,
            Some(UsbId { product, .. }) if product == identity.product => 2,
            Some(_) => return None,
        };
        let texts = self.texts().into_iter().zip([&identity.name, &identity.serial, &identity.by_id]);
        let mut given = texts.filter_map(|((_, glob), text)| Some((glob?, text)));
        let is_interface = self.interface.is_none() || self.interface == identity.interface;
        if !is_interface || !given.all(|(glob, text)| !text.is_empty() && glob.fits(text)) {
            return None;
        }
        let (keys, weight) = self.says();
        Some(Fit { usb, keys, weight })
    }

    /// Whether one device can fit both equally well.
    fn rivals(&self, other: &Match) -> bool {
        let both = self.texts().into_iter().zip(other.texts());
        let interfaces_agree =
            self.interface.is_none() || other.interface.is_none() || self.interface == other.interface;
        self.usb == other.usb
            && self.says() == other.says()
            && interfaces_agree
            && both.filter_map(|((_, one), (_, two))| one.zip(two)).all(|(one, two)| one.overlaps(two))
    }

    /// Whether it asks for the same.
    fn equals(&self, other: &Match) -> bool {
        self.to_string().eq_ignore_ascii_case(&other.to_string())
    }

    /// The keys that are given beside the USB id, and how much they fix.
    fn says(&self) -> (usize, usize) {
        let globs: Vec<&Glob> = self.texts().into_iter().filter_map(|(_, glob)| glob).collect();
        let keys = globs.len() + usize::from(self.interface.is_some());
        (keys, globs.iter().map(|glob| glob.weight()).sum())
    }

    fn texts(&self) -> [(&'static str, Option<&Glob>); 3] {
        [("name", self.name.as_ref()), ("serial number", self.serial.as_ref()), ("by-id", self.by_id.as_ref())]
    }
}

impl fmt::Display for Match {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = self.usb.iter().map(|id| format!("USB {id}")).collect();
        let texts = self.texts();
        parts.extend(texts.iter().filter_map(|(what, glob)| Some(format!("{what} \"{}\"", (*glob)?.as_str()))));
        parts.extend(self.interface.iter().map(|number| format!("interface {number}")));
        out.write_str(&parts.join(", "))
    }
}

impl Definition {
    /// How its devices hand over what they read.
    #[must_use]
    pub fn input(&self) -> Input {
        match self.framing {
            Framing::Line { .. }
            | Framing::LineBcc { .. }
            | Framing::StxEtx { .. }
            | Framing::Ssi { .. }
            | Framing::HoneywellPacket {}
            | Framing::Koamtac { .. }
            | Framing::Dmcc {}
            | Framing::Fixed { .. }
            | Framing::Gap { .. } => Input::Serial,
            Framing::Keyboard(_) => Input::Keyboard,
            Framing::HidPos(_) => Input::HidPos,
        }
    }

    /// How well a device fits the best of the match sections; `None` if it fits none.
    #[must_use]
    pub fn fits(&self, identity: &Identity) -> Option<Fit> {
        let sections = self.matches.iter().filter(|_| self.input() == identity.input);
        sections.filter_map(|section| section.fits(identity)).max()
    }
}

/// Several definitions fit a device equally well.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the definitions {} fit this device equally well", .names.join(", "))]
pub struct Ambiguous {
    /// Their names.
    pub names: Vec<String>,
}

/// The name of the definition that fits a device best, if one does.
///
/// # Errors
/// Several fit equally well.
pub fn choose<'a>(
    definitions: impl IntoIterator<Item = (&'a str, &'a Definition)>,
    identity: &Identity,
) -> Result<Option<&'a str>, Ambiguous> {
    let fitting: Vec<(&str, Fit)> =
        definitions.into_iter().filter_map(|(name, definition)| Some((name, definition.fits(identity)?))).collect();
    let Some(best) = fitting.iter().map(|(_, fit)| *fit).max() else { return Ok(None) };
    let names: Vec<&str> = fitting.iter().filter(|(_, fit)| *fit == best).map(|(name, _)| *name).collect();
    match names[..] {
        [name] => Ok(Some(name)),
        _ => Err(Ambiguous { names: names.into_iter().map(str::to_owned).collect() }),
    }
}

/// Two definitions that one device can fit equally well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collision {
    /// The definitions; the same twice if one says it twice.
    pub names: [String; 2],
    /// What each asks for.
    pub sections: [Match; 2],
}

impl fmt::Display for Collision {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ([first, second], [one, two]) = (&self.names, &self.sections);
        match one.equals(two) {
            true => write!(out, "{first} and {second} both match {one}"),
            false => write!(out, "{first} (match {one}) and {second} (match {two}) can fit one device equally well"),
        }
    }
}

/// Every pair of match sections that one device can fit equally well, among definitions of the same input.
pub fn collisions<'a>(definitions: impl IntoIterator<Item = (&'a str, &'a Definition)>) -> Vec<Collision> {
    type Seen<'a> = Vec<(&'a str, &'a Match)>;
    let mut seen: BTreeMap<(Input, (usize, usize)), Seen<'a>> = BTreeMap::new();
    let mut found = Vec::new();
    for (name, definition) in definitions {
        for section in &definition.matches {
            let like = seen.entry((definition.input(), section.says())).or_default();
            let is_collision =
                |(other, rival): &&(&str, &Match)| rival.equals(section) || (*other != name && rival.rivals(section));
            for (other, rival) in like.iter().filter(is_collision) {
                let names = [(*other).to_owned(), name.to_owned()];
                found.push(Collision { names, sections: [(*rival).clone(), section.clone()] });
            }
            like.push((name, section));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(kind: &str, sections: &str) -> Definition {
        let framing = if kind == "line" { "kind = \"line\"\nterminators = [\"0D\"]" } else { kind };
        toml::from_str(&format!("name = \"x\"\nsource = \"y\"\n[framing]\n{framing}\n{sections}"))
            .expect("a definition")
    }

    fn line(section: &str) -> Definition {
        definition("line", &format!("[[match]]\n{section}"))
    }

    fn zebra() -> Identity {
        Identity {
            input: Input::Serial,
            vendor: Some(0x05E0),
            product: Some(0x1701),
            name: "Symbol Bar Code Scanner::EA".into(),
            serial: "S/N:1234".into(),
            interface: Some(0),
            by_id: "usb-Symbol_Technologies__Inc_Symbol_Bar_Code_Scanner-if00".into(),
        }
    }

    #[test]
    fn a_product_beats_a_vendor_and_a_vendor_a_name() {
        let (name, vendor) = (line("name = \"symbol*\""), line("usb = \"05e0:*\""));
        let (product, both) = (line("usb = \"05E0:1701\""), line("usb = \"05e0:1701\"\ninterface = 0"));
        let all = [("both", &both), ("product", &product), ("vendor", &vendor), ("name", &name)];
        for from in 0..all.len() {
            assert_eq!(choose(all[from..].iter().copied(), &zebra()), Ok(Some(all[from].0)));
        }
        let elsewhere = Identity { product: Some(0x1200), interface: Some(1), ..zebra() };
        assert_eq!(choose(all, &elsewhere), Ok(Some("vendor")));
        let unknown = Identity { vendor: None, product: None, ..zebra() };
        assert_eq!(choose(all, &unknown), Ok(Some("name")));
        assert_eq!(choose(all, &Identity { name: String::new(), ..unknown }), Ok(None));
    }

    #[test]
    fn every_key_of_a_section_must_fit_and_any_section_suffices() {
        let two = line("usb = \"05e0:1701\"\nserial = \"*999\"\n[[match]]\nby-id = \"usb-Symbol_*-if0?\"");
        assert!(two.fits(&zebra()).is_some());
        assert!(two.matches[0].fits(&zebra()).is_none());
        assert!(two.fits(&Identity { by_id: String::new(), ..zebra() }).is_none());
        assert!(two.fits(&Identity { input: Input::Keyboard, ..zebra() }).is_none());
    }

    #[test]
    fn equal_fits_are_told_and_equal_sections_found() {
        let (one, other) = (line("usb = \"05e0:1701\""), line("usb = \"05E0:1701\""));
        let all = [("a/one", &one), ("b/other", &other)];
        let names = vec!["a/one".to_owned(), "b/other".to_owned()];
        assert_eq!(choose(all, &zebra()), Err(Ambiguous { names }));
        let found = collisions(all);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].to_string(), "a/one and b/other both match USB 05e0:1701");
        assert!(collisions([("a/one", &one), ("c/name", &line("name = \"05e0:1701\""))]).is_empty());
    }

    #[test]
    fn sections_that_one_device_can_fit_equally_well_are_found_before_it_is_plugged_in() {
        let names = |one: &str, two: &str| collisions([("a/one", &line(one)), ("b/two", &line(two))]).len();
        assert_eq!(names("name = \"Zebra*\"", "name = \"*DS220\""), 1);
        assert_eq!(names("name = \"Zebra*\"", "name = \"*DS2208\""), 0, "the second says more");
        assert_eq!(names("name = \"Zebra*\"", "name = \"Opti1*\""), 0, "no name fits both");
        assert_eq!(names("usb = \"05e0:*\"\nname = \"A*\"", "usb = \"05e0:*\"\nserial = \"B*\""), 1);
        assert_eq!(names("usb = \"05e0:*\"\ninterface = 0", "usb = \"05e0:*\"\ninterface = 1"), 0);
        let found = collisions([("a/one", &line("name = \"Zebra*\"")), ("b/two", &line("name = \"*DS220\""))]);
        let told = "a/one (match name \"Zebra*\") and b/two (match name \"*DS220\") can fit one device equally well";
        assert_eq!(found[0].to_string(), told);
    }

    #[test]
    fn what_says_nothing_or_nonsense_is_refused() {
        for wrong in [
            "",
            "interface = 0",
            "usb = \"5e0:1701\"",
            "usb = \"05e0\"",
            "usb = \"05e0:+701\"",
            "usbid = \"05e0:1701\"",
        ] {
            assert!(toml::from_str::<Match>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_match_reads_like_a_sentence() {
        let section: Match =
            toml::from_str("usb = \"1EAB:*\"\nname = \"N*\"\nserial = \"A?\"\ninterface = 2").expect("a match");
        assert_eq!(section.to_string(), "USB 1eab:*, name \"N*\", serial number \"A?\", interface 2");
    }
}
