//! waybind's own codes: `WB:<kind>:<id>:<check>`, all within the QR alphanumeric alphabet.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What a code of ours names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CodeKind {
    /// An order.
    Order,
    /// A pick list.
    PickList,
    /// A parcel.
    Parcel,
    /// A member of an aggregated label.
    LabelMember,
    /// A manifest.
    Manifest,
    /// A tote, a put-wall slot or a shelf.
    Place,
    /// A station.
    Station,
    /// A product.
    Product,
    /// An operator's badge.
    Badge,
}

impl CodeKind {
    const ALL: [(CodeKind, char); 9] = [
        (CodeKind::Order, 'O'),
        (CodeKind::PickList, 'P'),
        (CodeKind::Parcel, 'B'),
        (CodeKind::LabelMember, 'L'),
        (CodeKind::Manifest, 'M'),
        (CodeKind::Place, 'T'),
        (CodeKind::Station, 'S'),
        (CodeKind::Product, 'K'),
        (CodeKind::Badge, 'U'),
    ];

    /// The letter in the code.
    #[must_use]
    pub fn letter(self) -> char {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or('?', |(_, letter)| *letter)
    }

    fn from_letter(text: &str) -> Option<CodeKind> {
        let mut characters = text.chars();
        let letter = characters.next().filter(|_| characters.next().is_none())?;
        Self::ALL.iter().find(|(_, known)| *known == letter).map(|(kind, _)| *kind)
    }
}

/// What a command code asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Reverse the last count.
    Undo,
    /// Acknowledge the alarm, or confirm the note that is shown.
    Ack,
    /// Close the open work.
    Done,
    /// Park the open work.
    Pause,
    /// The next item or line is short.
    Short(ShortReason),
    /// Seal the open parcel.
    Seal,
    /// Let the last refusal pass, with a badge and a reason.
    Override,
    /// The next waybill comes off the truck again.
    Unload,
    /// The next items or the next order's items are put back.
    PutBack,
    /// The next item counts this many times.
    Quantity(u32),
    /// The operator leaves the station.
    SignOut,
    /// Print the last label again.
    Reprint,
    /// Teach a barcode: the code, the product, a supervisor's badge.
    Teach,
}

/// Why less was found than wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShortReason {
    /// The shelf is empty.
    NotFound,
    /// What is there is damaged.
    Damaged,
    /// What is there may not be sold.
    Blocked,
}

/// A code of ours, as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnCode {
    /// A command; printed once for all, carries no check.
    Command(Command),
    /// A thing.
    Thing {
        /// What it names.
        kind: CodeKind,
        /// waybind's own short id of it.
        id: String,
        /// Whether its check characters match the site's key.
        check: CodeCheck,
    },
}

/// Whether the check characters of a code of ours match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeCheck {
    /// They match the site's key.
    Ok,
    /// They don't: mistyped, damaged, or another site's.
    Bad,
    /// There is no key to check with.
    Unverified,
}

/// The key of a site's codes, shared by its boxes.
#[derive(Clone)]
pub struct SiteKey([u8; 32]);

impl std::fmt::Debug for SiteKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("SiteKey(…)")
    }
}

/// Digits and upper-case letters without I, L, O and U, which people misread.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CHECK_LEN: usize = 4;
/// Longest code that is looked at.
const CODE_MAX: usize = 64;
/// Highest quantity of a `QTY` command, as for an order line.
const QUANTITY_MAX: u32 = 1_000_000;

impl SiteKey {
    /// A key from 32 random bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        SiteKey(bytes)
    }

    fn check(&self, kind: CodeKind, id: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(&[kind.letter() as u8, b':']);
        mac.update(id.as_bytes());
        let tag = mac.finalize().into_bytes();
        tag.iter().take(CHECK_LEN).map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect()
    }

    /// The code to print for a thing.
    #[must_use]
    pub fn code(&self, kind: CodeKind, id: &str) -> String {
        format!("WB:{}:{id}:{}", kind.letter(), self.check(kind, id))
    }

    /// A salt for a secret of this person: the same at every box of the site, and known to nobody without its key.
    #[must_use]
    pub fn salt(&self, id: &str) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(b"salt:");
        mac.update(id.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// A badge's secret from random bytes, in the codes' alphabet.
    #[must_use]
    pub fn secret(random: [u8; 16]) -> String {
        random.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect()
    }
}

/// Whether a text begins like our codes; nothing of somebody else's may, whatever follows.
#[must_use]
pub fn looks_ours(text: &str) -> bool {
    text.get(..3).is_some_and(|prefix| prefix.eq_ignore_ascii_case("WB:"))
}

/// Reads a text as one of our codes; lower case is accepted, scanners and people type it.
#[must_use]
pub fn read(text: &str, key: Option<&SiteKey>) -> Option<OwnCode> {
    if text.len() > CODE_MAX || !text.is_ascii() || !looks_ours(text) {
        return None;
    }
    let upper = text.to_ascii_uppercase();
    let mut parts = upper[3..].splitn(3, ':');
    match (parts.next()?, parts.next()?, parts.next()) {
        ("C", name, None) => command(name).map(OwnCode::Command),
        (letter, id, Some(check)) if check.len() == CHECK_LEN => {
            let kind = CodeKind::from_letter(letter)?;
            let check = match key {
                None => CodeCheck::Unverified,
                Some(key) if key.check(kind, id) == check => CodeCheck::Ok,
                Some(_) => CodeCheck::Bad,
            };
            (!id.is_empty()).then(|| OwnCode::Thing { kind, id: id.to_owned(), check })
        }
        _ => None,
    }
}

fn command(name: &str) -> Option<Command> {
    Some(match name {
        "UNDO" => Command::Undo,
        "ACK" => Command::Ack,
        "DONE" => Command::Done,
        "PAUSE" => Command::Pause,
        "SHORT" | "SHORT-NOTFOUND" => Command::Short(ShortReason::NotFound),
        "SHORT-DAMAGED" => Command::Short(ShortReason::Damaged),
        "SHORT-BLOCKED" => Command::Short(ShortReason::Blocked),
        "SEAL" => Command::Seal,
        "OVERRIDE" => Command::Override,
        "UNLOAD" => Command::Unload,
        "PUTBACK" => Command::PutBack,
        "SIGNOUT" => Command::SignOut,
        "REPRINT" => Command::Reprint,
        "TEACH" => Command::Teach,
        _ => {
            let number: u32 = name.strip_prefix("QTY-")?.parse().ok()?;
            Command::Quantity(Some(number).filter(|number| (1..=QUANTITY_MAX).contains(number))?)
        }
    })
}

/// A text as people may see it: what makes a badge a badge is a secret, and a screen in the hall is no place for it.
#[must_use]
pub fn without_secret(text: &str) -> std::borrow::Cow<'_, str> {
    const BADGE: &str = "WB:U:";
    match text.to_ascii_uppercase().find(BADGE) {
        Some(at) => format!("{}…", &text[..at + BADGE.len()]).into(),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_badge_keeps_its_secret() {
        assert_eq!(without_secret("]Q3wb:u:K7Q2:0000"), "]Q3wb:u:…");
        assert_eq!(without_secret("WB:U:K7Q2:0000WB:U:K7Q2:0000"), "WB:U:…");
        assert_eq!(without_secret("批 WB:O:1042:7K3M"), "批 WB:O:1042:7K3M");
    }

    #[test]
    fn a_printed_code_is_read_back_and_a_mistyped_one_is_not_ours() {
        let key = SiteKey::new([7; 32]);
        let code = key.code(CodeKind::Order, "1042");
        let thing = |check| Some(OwnCode::Thing { kind: CodeKind::Order, id: "1042".into(), check });
        assert_eq!(read(&code, Some(&key)), thing(CodeCheck::Ok));
        assert_eq!(read(&code.to_lowercase(), Some(&key)), thing(CodeCheck::Ok));
        assert_eq!(read(&code, Some(&SiteKey::new([8; 32]))), thing(CodeCheck::Bad));
        assert_eq!(read(&code, None), thing(CodeCheck::Unverified));
        assert_eq!(
            read(&code.replace("1042", "1043"), Some(&key)).map(|code| code != thing(CodeCheck::Ok).expect("some")),
            Some(true)
        );
    }

    #[test]
    fn commands_carry_no_check() {
        assert_eq!(read("WB:C:UNDO", None), Some(OwnCode::Command(Command::Undo)));
        assert_eq!(read("wb:c:qty-12", None), Some(OwnCode::Command(Command::Quantity(12))));
        for wrong in [
            "WB:C:QTY-0",
            "WB:C:QTY-1000001",
            "WB:C:QTY--1",
            "WB:C:DANCE",
            "WB:C:UNDO:X",
            "WB:O:1",
            "WB:O:1:ABC",
            "WB:O:1:ABCDE",
            "WB:Q:1:2345",
            "WB",
            "WB:O::ABCD",
        ] {
            assert_eq!(read(wrong, None), None, "{wrong}");
        }
    }
}
