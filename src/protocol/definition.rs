//! The definition of a device family, as it stands in a file of `firmware-protocols/`.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::glob::Glob;
use super::hid_pos::{HidPosSettings, ReportBytes, SettingsError};
use super::keyboard::{KeyScript, KeyboardSettings};
use super::matching::Match;
use super::replies::Reply;

/// Bytes written as hexadecimal pairs, spaces between them as one likes: `04 D0 04 00 FF 28`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HexBytes(pub Vec<u8>);

impl<'de> Deserialize<'de> for HexBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        HexBytes::read(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl HexBytes {
    /// Reads hexadecimal pairs; an error says what is none.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let digits: Vec<u32> = text
            .chars()
            .filter(|character| !character.is_whitespace())
            .map(|character| character.to_digit(16).ok_or(character))
            .collect::<Result<_, _>>()
            .map_err(|character| format!("'{character}' is no hexadecimal digit"))?;
        if digits.len() % 2 == 1 {
            return Err("an odd number of hexadecimal digits".into());
        }
        Ok(HexBytes(digits.chunks_exact(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()))
    }
}

/// A device family.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Definition {
    /// What people call it.
    pub name: String,
    /// The manual or measurement that it comes from.
    pub source: String,
    /// How its bytes become frames.
    pub framing: Framing,
    /// How it says which symbology it read.
    #[serde(default)]
    pub symbology: Symbology,
    /// What makes it beep.
    #[serde(default)]
    pub feedback: Feedback,
    /// How its serial line is set at the factory.
    #[serde(default)]
    pub serial: SerialSettings,
    /// What it sends when it read nothing; such a frame is no scan.
    #[serde(default)]
    pub no_read: Vec<String>,
    /// Frames that answer a command and are no scans either: patterns for the whole frame.
    #[serde(default)]
    pub not_scans: Vec<Glob>,
    /// Answers to commands that come between the scans without a frame of their own.
    #[serde(default)]
    pub reply: Vec<Reply>,
    /// By what its devices are known when they are plugged in; any of them suffices.
    #[serde(default, rename = "match")]
    pub matches: Vec<Match>,
    /// Bar codes that set the scanner up.
    #[serde(default)]
    pub setup: Vec<Setup>,
    /// An identical frame within this time is one trigger pull, in milliseconds; 0: never.
    #[serde(default)]
    pub bounce_ms: u64,
    /// A pause after which half a frame is given up, in milliseconds.
    pub gap_ms: Option<u64>,
}

impl Definition {
    /// Whether its parts fit together.
    ///
    /// # Errors
    /// They do not.
    pub fn check(&self) -> Result<(), SettingsError> {
        match &self.framing {
            Framing::HidPos(settings) => settings.check(&self.feedback),
            _ => Ok(()),
        }
    }

    /// Feedback as it is written to the device: for HID POS within its output report, else as it is. Empty where the
    /// device can't.
    #[must_use]
    pub fn feedback_report(&self, bytes: &[u8]) -> Vec<u8> {
        match &self.framing {
            Framing::HidPos(settings) => {
                settings.feedback_report.map(|report| report.report(bytes)).unwrap_or_default()
            }
            _ => bytes.to_vec(),
        }
    }
}

/// How bytes become frames.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", deny_unknown_fields, rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Framing {
    /// Text that ends with a terminator.
    Line {
        /// What may end it; the longest that fits counts.
        terminators: Vec<HexBytes>,
        /// What must stand before it.
        #[serde(default)]
        prefix: HexBytes,
        /// What is sent back for each frame.
        #[serde(default)]
        acknowledge: HexBytes,
    },
    /// Text that ends with a terminator and the exclusive or of everything before, terminator included.
    LineBcc {
        /// What ends it.
        #[serde(deserialize_with = "some_bytes")]
        terminator: HexBytes,
        /// What is sent back for a good frame.
        #[serde(default)]
        acknowledge: HexBytes,
        /// What is sent back for a broken one.
        #[serde(default)]
        reject: HexBytes,
    },
    /// A start byte, data, an end byte, perhaps a check byte.
    StxEtx {
        /// The start byte.
        #[serde(default = "stx")]
        start: HexBytes,
        /// The end byte.
        #[serde(default = "etx")]
        end: HexBytes,
        /// The longitudinal check, where there is one.
        lrc: Option<Lrc>,
        /// What is sent back for a good frame.
        #[serde(default)]
        acknowledge: HexBytes,
        /// What is sent back for a broken one.
        #[serde(default)]
        reject: HexBytes,
    },
    /// Zebra's and Symbol's Simple Serial Interface.
    Ssi {
        /// How the bar code stands in its packet.
        layout: SsiLayout,
        /// A pause after which a message of several packets is given up, in milliseconds: longer than a scanner takes
        /// to send a packet again.
        #[serde(default = "ssi_message_gap")]
        message_gap_ms: u64,
    },
    /// Honeywell's packets with the data header (`DECHDR1`).
    HoneywellPacket {},
    /// KOAMTAC's packet data format.
    Koamtac {
        /// How many bytes count the record, 1 or 2.
        #[serde(deserialize_with = "one_or_two")]
        count_bytes: u8,
    },
    /// Cognex DataMan's extended responses, with base64 read strings.
    Dmcc {},
    /// Every scan has the same length and nothing marks its end.
    Fixed {
        /// The length in bytes.
        #[serde(deserialize_with = "frame_length")]
        length: usize,
    },
    /// Nothing but a pause of `gap-ms` ends a scan: the last resort.
    Gap {
        /// What is taken off the end; the first that fits.
        #[serde(default)]
        trim: Vec<HexBytes>,
    },
    /// Keys of a keyboard; see [`KeyboardFramer`](super::KeyboardFramer).
    Keyboard(KeyboardSettings),
    /// Reports of a HID point-of-sale scanner.
    HidPos(HidPosSettings),
}

fn some_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HexBytes, D::Error> {
    let bytes = HexBytes::deserialize(deserializer)?;
    if bytes.0.is_empty() { Err(serde::de::Error::custom("at least one byte is needed")) } else { Ok(bytes) }
}

fn one_or_two<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let bytes = u8::deserialize(deserializer)?;
    if matches!(bytes, 1 | 2) { Ok(bytes) } else { Err(serde::de::Error::custom("a count has 1 or 2 bytes")) }
}

fn frame_length<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let length = usize::deserialize(deserializer)?;
    let fits = (1..=super::FRAME_MAX).contains(&length);
    if fits { Ok(length) } else { Err(serde::de::Error::custom(format!("a length is 1 to {}", super::FRAME_MAX))) }
}

fn stx() -> HexBytes {
    HexBytes(vec![0x02])
}

fn ssi_message_gap() -> u64 {
    5_000
}

fn etx() -> HexBytes {
    HexBytes(vec![0x03])
}

/// A longitudinal redundancy check: the exclusive or of the data, and of what this says.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Lrc {
    /// Whether the start byte counts.
    pub over_start: bool,
    /// Whether the end byte counts.
    pub over_end: bool,
}

/// How the bar code stands in an SSI packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SsiLayout {
    /// Code type, then the characters.
    Classic,
    /// Code type, 01, a length of two bytes, then the characters.
    Cordless,
}

/// How a scanner says which symbology it read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(tag = "kind", deny_unknown_fields, rename_all = "kebab-case")]
pub enum Symbology {
    /// Not at all, or by the AIM identifier, which is left where it stands.
    #[default]
    Aim,
    /// By a code of its own before the data; the longest that fits is replaced by the AIM identifier.
    CodeId {
        /// Own code to AIM identifier. For SSI the code is the code type as two hexadecimal digits.
        ids: BTreeMap<String, String>,
    },
}

/// Bytes that make the operator feel a verdict; empty where the device can't.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Feedback {
    /// It counted.
    pub accept: HexBytes,
    /// It was refused.
    pub refuse: HexBytes,
    /// Something more must be scanned.
    pub attention: HexBytes,
    /// Nothing is to be felt; for scanners that wait for an answer to every scan.
    pub silent: HexBytes,
    /// A pause between two of these bytes, in milliseconds, for scanners that lose what comes too fast.
    pub pace_ms: u8,
}

/// A bar code that sets a scanner up, for those whom the factory settings do not suit.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// What it does.
    pub name: SetupName,
    /// What the bar code must contain.
    pub text: String,
    /// In which symbology.
    pub symbology: SetupSymbology,
    /// The manual that it comes from.
    pub source: String,
}

/// What a set-up bar code does, in plain words.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetupName {
    /// In English.
    pub en: String,
    /// In Chinese.
    pub zh: String,
}

/// The symbology of a set-up bar code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SetupSymbology {
    /// Code 128.
    Code128,
    /// Code 39.
    Code39,
    /// QR Code.
    Qr,
}

/// A serial line's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct SerialSettings {
    /// Bits a second.
    pub baud: u32,
    /// Bits a character, 7 or 8.
    pub data_bits: u8,
    /// `none`, `even` or `odd`.
    pub parity: Parity,
    /// 1 or 2.
    pub stop_bits: u8,
    /// `none`, `rts-cts` or `xon-xoff`.
    pub flow: Flow,
    /// Whether the ready line is raised.
    pub dtr: bool,
    /// Whether the request line is raised, where flow control does not drive it.
    pub rts: bool,
}

impl Default for SerialSettings {
    fn default() -> Self {
        SerialSettings {
            baud: 9_600,
            data_bits: 8,
            parity: Parity::None,
            stop_bits: 1,
            flow: Flow::None,
            dtr: true,
            rts: true,
        }
    }
}

/// A parity bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Parity {
    /// None.
    None,
    /// Even.
    Even,
    /// Odd.
    Odd,
}

/// Flow control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flow {
    /// None.
    None,
    /// By wires.
    RtsCts,
    /// By characters.
    XonXoff,
}

/// The test vectors beside a definition.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VectorFile {
    /// At least one.
    pub vector: Vec<Vector>,
}

/// Bytes and what they must become.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    /// What it shows.
    pub name: String,
    /// What the device sends, where it sends a stream of bytes.
    #[serde(default)]
    pub bytes: HexBytes,
    /// What a keyboard types.
    #[serde(default)]
    pub keys: KeyScript,
    /// Of a HID POS device: its report descriptor.
    #[serde(default)]
    pub descriptor: HexBytes,
    /// Of a HID POS device: the reports that it sends.
    #[serde(default)]
    pub reports: Vec<ReportBytes>,
    /// The frames, as text in which `\u001d` and the like may stand.
    #[serde(default)]
    pub frames: Vec<String>,
    /// How many broken frames.
    #[serde(default)]
    pub broken: usize,
    /// How many frames that say that nothing was read.
    #[serde(default)]
    pub no_reads: usize,
    /// What is sent back at once.
    #[serde(default)]
    pub replies: HexBytes,
}
