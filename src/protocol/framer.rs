//! Bytes in, frames out.

use std::sync::Arc;
use std::time::Duration;

use super::bcc::BccFramer;
use super::definition::{Definition, Framing, Symbology};
use super::dmcc::DmccFramer;
use super::hid_pos::{DescriptorError, HidPosFramer};
use super::keyboard::{KeyboardFramer, Keystroke, Layout};
use super::line::LineFramer;
use super::packets::{Layout as Packet, PacketFramer};
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

/// What is kept of bytes that belong to no frame: enough to know them again.
const EXCERPT: usize = 256;

/// Pauses until nothing is pending, at most: half a packet, half a message, its rest.
const PAUSES_MAX: usize = 3;

enum Kind {
    Line(LineFramer),
    Bcc(BccFramer),
    Stx(StxFramer),
    Ssi(Box<SsiFramer>),
    Packets(PacketFramer),
    Dmcc(DmccFramer),
    Unmarked(UnmarkedFramer),
    Keys(Box<KeyboardFramer>),
    Reports(Box<HidPosFramer>),
    /// A HID device without what only the device or its layout can tell: why nothing of it can be read.
    Unready(&'static str),
}

impl Kind {
    fn new(definition: &Definition, layout: Option<Arc<Layout>>, descriptor: &[u8]) -> Result<Kind, DescriptorError> {
        Ok(match definition.framing.clone() {
            Framing::Line { terminators, prefix, acknowledge } => {
                Kind::Line(LineFramer::new(terminators, prefix, acknowledge))
            }
            Framing::LineBcc { terminator, acknowledge, reject } => {
                Kind::Bcc(BccFramer::new(terminator, acknowledge, reject))
            }
            Framing::StxEtx { start, end, lrc, acknowledge, reject } => {
                Kind::Stx(StxFramer::new(&start, &end, lrc, acknowledge, reject))
            }
            Framing::Ssi { layout, message_gap_ms } => Kind::Ssi(Box::new(SsiFramer::new(layout, message_gap_ms))),
            Framing::HoneywellPacket {} => Kind::Packets(PacketFramer::new(Packet::Honeywell)),
            Framing::Koamtac { count_bytes } => {
                Kind::Packets(PacketFramer::new(Packet::Koamtac { count: count_bytes.into() }))
            }
            Framing::Dmcc {} => Kind::Dmcc(DmccFramer::new()),
            Framing::Fixed { length } => Kind::Unmarked(UnmarkedFramer::Fixed { length, buffer: Vec::new() }),
            Framing::Gap { trim } => Kind::Unmarked(UnmarkedFramer::Gap { trim, buffer: Vec::new() }),
            Framing::Keyboard(_) => match layout.and_then(|layout| KeyboardFramer::of(definition, layout)) {
                Some(framer) => Kind::Keys(Box::new(framer)),
                None => Kind::Unready("the keyboard's layout is not known"),
            },
            Framing::HidPos(settings) => {
                let framer = HidPosFramer::new(settings.layout(descriptor)?);
                Kind::Reports(Box::new(framer.ignoring(&settings.ignore_aim)))
            }
        })
    }

    fn feed(&mut self, bytes: &[u8], at: Duration, items: &mut Vec<Item>) {
        match self {
            Kind::Line(framer) => framer.feed(bytes, items),
            Kind::Bcc(framer) => framer.feed(bytes, items),
            Kind::Stx(framer) => framer.feed(bytes, items),
            Kind::Ssi(framer) => framer.feed(bytes, items),
            Kind::Packets(framer) => framer.feed(bytes, items),
            Kind::Dmcc(framer) => framer.feed(bytes, items),
            Kind::Unmarked(framer) => framer.feed(bytes, items),
            Kind::Keys(framer) => match Keystroke::from_bytes(bytes) {
                Some(Keystroke::Key(event)) => framer.key(event, at, items),
                Some(Keystroke::Lost) => framer.dropped(),
                None => items.push(Item::Broken("bytes that are no keystroke", excerpt(bytes))),
            },
            Kind::Reports(framer) => framer.report(bytes, items),
            Kind::Unready(why) => items.push(Item::Broken(why, excerpt(bytes))),
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
            Kind::Keys(framer) => framer.pause(items),
            Kind::Reports(framer) => framer.pause(items),
            Kind::Unready(_) => {}
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
            Kind::Keys(framer) => framer.is_pending(),
            Kind::Reports(framer) => framer.is_pending(),
            Kind::Unready(_) => false,
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
    /// A framer for a device that sends a stream of bytes. One for a HID device takes everything for broken;
    /// [`Framer::of_device`] makes one that does not.
    #[must_use]
    pub fn new(definition: Arc<Definition>) -> Self {
        let kind = Kind::new(&definition, None, &[]);
        Framer::with(definition, kind.unwrap_or(Kind::Unready("the report descriptor was not read")))
    }

    /// A framer for a device that is plugged in. `layout` is the one that a keyboard's definition names; `descriptor` is
    /// the report descriptor of a HID POS device. Others need neither.
    ///
    /// # Errors
    /// The descriptor does not tell the layout of a scanner's reports.
    pub fn of_device(
        definition: Arc<Definition>,
        layout: Option<Arc<Layout>>,
        descriptor: &[u8],
    ) -> Result<Self, DescriptorError> {
        let kind = Kind::new(&definition, layout, descriptor)?;
        Ok(Framer::with(definition, kind))
    }

    fn with(definition: Arc<Definition>, kind: Kind) -> Self {
        Framer { replies: ReplyFilter::new(definition.reply.clone()), definition, kind }
    }

    /// Takes bytes as they come, in whatever pieces.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Item> {
        self.feed_at(bytes, Duration::ZERO)
    }

    /// Takes bytes as they come, in whatever pieces; of a HID POS device one report, of a keyboard one [`Keystroke`].
    /// `at` is the device's own time, on any clock.
    pub fn feed_at(&mut self, bytes: &[u8], at: Duration) -> Vec<Item> {
        let mut items = Vec::new();
        let bytes = self.replies.feed(bytes, &mut items);
        self.kind.feed(&bytes, at, &mut items);
        self.definition.finish(items)
    }

    /// Says that nothing came for [`Framer::gap_ms`]: half a frame is given up.
    pub fn pause(&mut self) -> Vec<Item> {
        let mut items = Vec::new();
        let bytes = self.replies.pause(&mut items);
        if !bytes.is_empty() {
            self.kind.feed(&bytes, Duration::ZERO, &mut items);
        }
        let (is_answer, mut given_up) = (self.holds_an_answer(), Vec::new());
        self.kind.pause(&mut given_up);
        if !is_answer {
            items.append(&mut given_up);
        }
        self.definition.finish(items)
    }

    /// Says that nothing came for so many milliseconds: what is begun is given up if that is long enough.
    pub fn silence(&mut self, mut ms: u64) -> Vec<Item> {
        let mut items = Vec::new();
        for _ in 0..PAUSES_MAX {
            let left = ms.checked_sub(self.gap_ms()).filter(|_| self.is_pending());
            let Some(left) = left else { break };
            ms = left;
            items.extend(self.pause());
        }
        items
    }

    /// Whether something was begun that a pause would end.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.replies.is_pending() || self.kind.is_pending()
    }

    /// Whether a code was begun and not ended.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        match &self.kind {
            Kind::Ssi(framer) => framer.is_begun(),
            kind => kind.is_pending(),
        }
    }

    /// Whether what stands on the line is an answer that has no terminator.
    fn holds_an_answer(&self) -> bool {
        matches!(&self.kind, Kind::Line(framer) if framer.is_pending() && self.definition.is_answer(framer.pending()))
    }

    /// The pause, in milliseconds.
    #[must_use]
    pub fn gap_ms(&self) -> u64 {
        let own = match &self.kind {
            Kind::Keys(framer) => Some(framer.gap_ms()),
            Kind::Ssi(framer) => framer.gap_ms(),
            // nothing of it is missing, and a code may follow
            Kind::Line(_) if self.holds_an_answer() => Some(super::GAP_MS),
            _ => None,
        };
        own.or(self.definition.gap_ms).unwrap_or(super::GAP_MS)
    }
}

pub(super) fn excerpt(bytes: &[u8]) -> Vec<u8> {
    bytes[..bytes.len().min(EXCERPT)].to_vec()
}

impl Definition {
    fn is_answer(&self, frame: &[u8]) -> bool {
        !self.not_scans.is_empty() && {
            let text = String::from_utf8_lossy(frame);
            self.not_scans.iter().any(|pattern| pattern.fits(&text))
        }
    }

    /// Names symbologies in AIM's way, tells a frame from "nothing read", and drops answers. A [`Framer`] has done that
    /// with its items.
    #[must_use]
    pub fn finish(&self, items: Vec<Item>) -> Vec<Item> {
        let named = |item| match item {
            Item::Frame(data) if self.no_read.iter().any(|word| word.as_bytes() == data) => Some(Item::NoRead),
            Item::Frame(data) if self.is_answer(&data) => None,
            Item::Frame(data) => Some(Item::Frame(self.with_aim(data))),
            other => Some(other),
        };
        items.into_iter().filter_map(named).collect()
    }

    fn with_aim(&self, data: Vec<u8>) -> Vec<u8> {
        let Symbology::CodeId { ids } = &self.symbology else { return data };
        let fitting = ids.iter().filter(|(own, _)| data.starts_with(own.as_bytes())).max_by_key(|(own, _)| own.len());
        match fitting {
            Some((own, aim)) => aim.bytes().chain(data[own.len()..].iter().copied()).collect(),
            // SSI code types always stand before the data and are never part of it
            None if matches!(self.framing, Framing::Ssi { .. }) => data[2.min(data.len())..].to_vec(),
            None => data,
        }
    }
}
