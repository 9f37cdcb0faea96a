//! Bytes in, frames out.

use std::sync::Arc;

use super::bcc::BccFramer;
use super::definition::{Definition, Framing, Symbology};
use super::dmcc::DmccFramer;
use super::line::LineFramer;
use super::packets::{Layout, PacketFramer};
use super::replies::ReplyFilter;
use super::ssi::SsiFramer;
use super::stx::StxFramer;
use super::unmarked::UnmarkedFramer;

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
    Bcc(BccFramer),
    Stx(StxFramer),
    Ssi(Box<SsiFramer>),
    Packets(PacketFramer),
    Dmcc(DmccFramer),
    Unmarked(UnmarkedFramer),
}

impl Kind {
    fn new(framing: Framing) -> Kind {
        match framing {
            Framing::Line { terminators, prefix, acknowledge } => {
                Kind::Line(LineFramer::new(terminators, prefix, acknowledge))
            }
            Framing::LineBcc { terminator, acknowledge, reject } => {
                Kind::Bcc(BccFramer::new(terminator, acknowledge, reject))
            }
            Framing::StxEtx { start, end, lrc, acknowledge, reject } => {
                Kind::Stx(StxFramer::new(&start, &end, lrc, acknowledge, reject))
            }
            Framing::Ssi { layout } => Kind::Ssi(Box::new(SsiFramer::new(layout))),
            Framing::HoneywellPacket {} => Kind::Packets(PacketFramer::new(Layout::Honeywell)),
            Framing::Koamtac { count_bytes } => {
                Kind::Packets(PacketFramer::new(Layout::Koamtac { count: count_bytes.into() }))
            }
            Framing::Dmcc {} => Kind::Dmcc(DmccFramer::new()),
            Framing::Fixed { length } => Kind::Unmarked(UnmarkedFramer::Fixed { length, buffer: Vec::new() }),
            Framing::Gap { trim } => Kind::Unmarked(UnmarkedFramer::Gap { trim, buffer: Vec::new() }),
        }
    }

    fn feed(&mut self, bytes: &[u8], items: &mut Vec<Item>) {
        match self {
            Kind::Line(framer) => framer.feed(bytes, items),
            Kind::Bcc(framer) => framer.feed(bytes, items),
            Kind::Stx(framer) => framer.feed(bytes, items),
            Kind::Ssi(framer) => framer.feed(bytes, items),
            Kind::Packets(framer) => framer.feed(bytes, items),
            Kind::Dmcc(framer) => framer.feed(bytes, items),
            Kind::Unmarked(framer) => framer.feed(bytes, items),
        }
    }

    fn pause(&mut self, items: &mut Vec<Item>) {
        match self {
            Kind::Line(framer) => framer.pause(items),
            Kind::Bcc(framer) => framer.pause(items),
            Kind::Stx(framer) => framer.pause(items),
            Kind::Ssi(framer) => framer.pause(items),
            Kind::Packets(framer) => framer.pause(items),
            Kind::Dmcc(framer) => framer.pause(items),
            Kind::Unmarked(framer) => framer.pause(items),
        }
    }

    fn is_pending(&self) -> bool {
        match self {
            Kind::Line(framer) => framer.is_pending(),
            Kind::Bcc(framer) => framer.is_pending(),
            Kind::Stx(framer) => framer.is_pending(),
            Kind::Ssi(framer) => framer.is_pending(),
            Kind::Packets(framer) => framer.is_pending(),
            Kind::Dmcc(framer) => framer.is_pending(),
            Kind::Unmarked(framer) => framer.is_pending(),
        }
    }
}

/// Makes frames of one device's bytes.
pub struct Framer {
    definition: Arc<Definition>,
    replies: ReplyFilter,
    kind: Kind,
}

impl Framer {
    /// A framer for a device.
    #[must_use]
    pub fn new(definition: Arc<Definition>) -> Self {
        let kind = Kind::new(definition.framing.clone());
        Framer { replies: ReplyFilter::new(definition.reply.clone()), definition, kind }
    }

    /// Takes bytes as they come, in whatever pieces.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Item> {
        let mut items = Vec::new();
        let bytes = self.replies.feed(bytes, &mut items);
        self.kind.feed(&bytes, &mut items);
        self.finish(items)
    }

    /// Says that nothing came for [`Framer::gap_ms`]: half a frame is given up.
    pub fn pause(&mut self) -> Vec<Item> {
        let mut items = Vec::new();
        let bytes = self.replies.pause(&mut items);
        self.kind.feed(&bytes, &mut items);
        self.kind.pause(&mut items);
        if self.holds_an_answer()
            && let Kind::Line(framer) = &mut self.kind
        {
            framer.forget();
        }
        self.finish(items)
    }

    /// Whether something was begun that a pause would end.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.replies.is_pending() || self.kind.is_pending() || self.holds_an_answer()
    }

    /// Whether what stands on the line is an answer that has no terminator.
    fn holds_an_answer(&self) -> bool {
        matches!(&self.kind, Kind::Line(framer) if !framer.pending().is_empty() && self.is_answer(framer.pending()))
    }

    fn is_answer(&self, frame: &[u8]) -> bool {
        let patterns = &self.definition.not_scans;
        !patterns.is_empty() && {
            let text = String::from_utf8_lossy(frame);
            patterns.iter().any(|pattern| pattern.fits(&text))
        }
    }

    /// The pause, in milliseconds.
    #[must_use]
    pub fn gap_ms(&self) -> u64 {
        self.definition.gap_ms.unwrap_or(super::GAP_MS)
    }

    /// Names symbologies in AIM's way, tells a frame from "nothing read", and drops answers.
    fn finish(&self, items: Vec<Item>) -> Vec<Item> {
        let named = |item| match item {
            Item::Frame(data) if self.definition.no_read.iter().any(|word| word.as_bytes() == data) => {
                Some(Item::NoRead)
            }
            Item::Frame(data) if self.is_answer(&data) => None,
            Item::Frame(data) => Some(Item::Frame(self.with_aim(data))),
            other => Some(other),
        };
        items.into_iter().filter_map(named).collect()
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
