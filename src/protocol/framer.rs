//! Bytes in, frames out.

use std::sync::Arc;

use super::definition::{Definition, Framing, Symbology};
use super::hid_pos::{DescriptorError, HidPosFramer, REPORT_MAX};
use super::line::LineFramer;
use super::ssi::SsiFramer;
use super::stx::StxFramer;

/// What a framer makes of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A whole frame: what was scanned, with the AIM identifier before it where the scanner says the symbology.
    Frame(Vec<u8>),
    /// Something that should have been a frame: why it is not, and what there is of it.
    Broken(&'static str, Vec<u8>),
    /// The device looked and read nothing.
    NoRead,
    /// Bytes to send back at once.
    Reply(Vec<u8>),
}

enum Kind {
    Line(LineFramer),
    Stx(StxFramer),
    Ssi(Box<SsiFramer>),
    HidPos(Box<HidPosFramer>),
    /// A HID scanner whose layout only its descriptor can tell, and nobody read that.
    Unread,
}

/// Makes frames of one device's bytes.
pub struct Framer {
    definition: Arc<Definition>,
    kind: Kind,
}

impl Framer {
    /// A framer for a device. One for HID whose layout only its report descriptor can tell takes everything for
    /// broken; [`Framer::with_descriptor`] makes one that does not.
    #[must_use]
    pub fn new(definition: Arc<Definition>) -> Self {
        let unread = Framer { definition: definition.clone(), kind: Kind::Unread };
        Framer::with_descriptor(definition, &[]).unwrap_or(unread)
    }

    /// A framer for a HID device with this report descriptor; others have none.
    ///
    /// # Errors
    /// The descriptor does not tell the layout of a scanner's reports.
    pub fn with_descriptor(definition: Arc<Definition>, descriptor: &[u8]) -> Result<Self, DescriptorError> {
        let kind = match definition.framing.clone() {
            Framing::Line { terminators, prefix, acknowledge } => {
                Kind::Line(LineFramer::new(terminators, prefix, acknowledge))
            }
            Framing::StxEtx { start, end, lrc, acknowledge, reject } => {
                Kind::Stx(StxFramer::new(&start, &end, lrc, acknowledge, reject))
            }
            Framing::Ssi { layout } => Kind::Ssi(Box::new(SsiFramer::new(layout))),
            Framing::HidPos(settings) => {
                let framer = HidPosFramer::new(settings.layout(descriptor)?);
                Kind::HidPos(Box::new(framer.ignoring(&settings.ignore_aim)))
            }
        };
        Ok(Framer { definition, kind })
    }

    /// Takes bytes as they come, in whatever pieces; of a HID device one report, as it was read.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Item> {
        let mut items = Vec::new();
        match &mut self.kind {
            Kind::Line(framer) => framer.feed(bytes, &mut items),
            Kind::Stx(framer) => framer.feed(bytes, &mut items),
            Kind::Ssi(framer) => framer.feed(bytes, &mut items),
            Kind::HidPos(framer) => framer.report(bytes, &mut items),
            Kind::Unread => {
                let seen = bytes[..bytes.len().min(REPORT_MAX)].to_vec();
                items.push(Item::Broken("the report descriptor was not read", seen));
            }
        }
        self.finish(items)
    }

    /// Says that nothing came for [`Framer::gap_ms`]: half a frame is given up.
    pub fn pause(&mut self) -> Vec<Item> {
        let mut items = Vec::new();
        match &mut self.kind {
            Kind::Line(framer) => framer.pause(&mut items),
            Kind::Stx(framer) => framer.pause(&mut items),
            Kind::Ssi(framer) => framer.pause(&mut items),
            Kind::HidPos(framer) => framer.pause(&mut items),
            Kind::Unread => {}
        }
        items
    }

    /// Whether something was begun that a pause would end.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        match &self.kind {
            Kind::Line(framer) => framer.is_pending(),
            Kind::Stx(framer) => framer.is_pending(),
            Kind::Ssi(framer) => framer.is_pending(),
            Kind::HidPos(framer) => framer.is_pending(),
            Kind::Unread => false,
        }
    }

    /// The pause, in milliseconds.
    #[must_use]
    pub fn gap_ms(&self) -> u64 {
        self.definition.gap_ms.unwrap_or(super::GAP_MS)
    }

    /// Names symbologies in AIM's way, and tells a frame from "nothing read".
    fn finish(&self, items: Vec<Item>) -> Vec<Item> {
        let named = |item| match item {
            Item::Frame(data) if self.definition.no_read.iter().any(|word| word.as_bytes() == data) => Item::NoRead,
            Item::Frame(data) => Item::Frame(self.with_aim(data)),
            other => other,
        };
        items.into_iter().map(named).collect()
    }

    fn with_aim(&self, data: Vec<u8>) -> Vec<u8> {
        let Symbology::CodeId { ids } = &self.definition.symbology else { return data };
        let fitting = ids.iter().filter(|(own, _)| data.starts_with(own.as_bytes())).max_by_key(|(own, _)| own.len());
        match fitting {
            Some((own, aim)) => aim.bytes().chain(data[own.len()..].iter().copied()).collect(),
            // SSI code types always stand before the data and are never part of it
            None if matches!(self.definition.framing, Framing::Ssi { .. }) => data[2.min(data.len())..].to_vec(),
            None => data,
        }
    }
}
