//! Reports in, frames out.

use super::super::FRAME_MAX;
use super::super::framer::Item;
use super::fields::Span;
use super::layout::PosLayout;

/// How much of a report or scan that can't be used is kept, in bytes, for people to see what it was.
const EXCERPT_MAX: usize = 256;

const BROKEN_OFF: &str = "a scan that breaks off";
const TOO_SHORT: &str = "a report shorter than its layout";
const BEHIND_SHORT: &str = "behind a report that was too short, perhaps the rest of a scan";
const BEYOND_FIELD: &str = "a length beyond the field";
const FULL: &str = "a full report of a scanner that can't say whether more follows";
const BEYOND_FRAME: &str = "a scan beyond the longest frame";

/// Where in a scan the next report stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It begins one.
    Between,
    /// It goes on with one.
    Within,
    /// It belongs to one that was given up.
    Skipping,
    /// The report before did not say whether it goes on with that.
    Unsure,
}

/// Makes frames of one scanner's reports.
pub struct HidPosFramer {
    layout: PosLayout,
    ignored: Vec<String>,
    state: State,
    /// The characters so far.
    message: Vec<u8>,
    /// The AIM identifier of its first report.
    aim: Option<[u8; 3]>,
}

impl HidPosFramer {
    /// A framer for a scanner with this layout.
    #[must_use]
    pub fn new(layout: PosLayout) -> Self {
        HidPosFramer { layout, ignored: Vec::new(), state: State::Between, message: Vec::new(), aim: None }
    }

    /// The same, for a scanner whose reports with these AIM identifiers are answers and no scans.
    #[must_use]
    pub fn ignoring(self, aims: &[String]) -> Self {
        HidPosFramer { ignored: aims.to_vec(), ..self }
    }

    /// Takes one report as it was read: with its id first, where the scanner's reports have ids. Reports with other
    /// ids are passed over.
    pub fn report(&mut self, bytes: &[u8], items: &mut Vec<Item>) {
        match (bytes.first(), self.layout.report_id) {
            (None, _) => return,
            (Some(first), Some(id)) if *first != id => return,
            _ => {}
        }
        if bytes.len() < self.layout.report_len {
            self.give_up(TOO_SHORT, bytes, items);
            self.state = State::Unsure;
            self.aim = None;
            return;
        }
        let aim = self.aim_of(bytes);
        let goes_on = self.layout.continued.is_some_and(|flag| number(bytes, flag) > 0);
        // only the first report of a scan can bring another symbology: the last one of the scan before got lost
        if aim.is_some() && self.aim.is_some() && aim != self.aim {
            if self.state == State::Within {
                self.give_up(BROKEN_OFF, bytes, items);
            }
            self.state = State::Between;
        }
        match self.state {
            State::Between | State::Within => self.gather(bytes, aim, goes_on, items),
            State::Skipping => {}
            State::Unsure => self.give_up(BEHIND_SHORT, bytes, items),
        }
        if !goes_on {
            self.state = State::Between;
            self.aim = None;
        } else if self.state == State::Unsure {
            self.state = State::Skipping;
        }
    }

    fn gather(&mut self, bytes: &[u8], aim: Option<[u8; 3]>, goes_on: bool, items: &mut Vec<Item>) {
        if self.state == State::Between {
            self.aim = aim;
        }
        self.state = State::Within;
        let (len, capacity) = (number(bytes, self.layout.length) as usize, self.layout.capacity());
        let fault = if len > capacity {
            Some(BEYOND_FIELD)
        } else if len == capacity && self.layout.continued.is_none() {
            Some(FULL)
        } else if self.message.len() + len > FRAME_MAX {
            Some(BEYOND_FRAME)
        } else {
            None
        };
        if let Some(why) = fault {
            self.give_up(why, bytes, items);
            self.state = State::Skipping;
            return;
        }
        let at = self.layout.characters.bit;
        self.message.extend((0..len).map(|index| number(bytes, Span { bit: at + index * 8, bits: 8 }) as u8));
        if !goes_on {
            self.end(items);
        }
    }

    /// The scan is whole.
    fn end(&mut self, items: &mut Vec<Item>) {
        let message = std::mem::take(&mut self.message);
        if self.is_ignored() {
            return;
        }
        if message.is_empty() {
            items.push(Item::NoRead);
            return;
        }
        let mut frame = self.aim.map(Vec::from).unwrap_or_default();
        frame.extend(message);
        items.push(Item::Frame(frame));
    }

    /// What there is becomes no scan.
    fn give_up(&mut self, why: &'static str, report: &[u8], items: &mut Vec<Item>) {
        let message = std::mem::take(&mut self.message);
        if self.state == State::Within && self.is_ignored() {
            return;
        }
        let seen = if message.is_empty() { report } else { &message };
        items.push(Item::Broken(why, seen[..seen.len().min(EXCERPT_MAX)].to_vec()));
    }

    fn is_ignored(&self) -> bool {
        self.aim.is_some_and(|aim| self.ignored.iter().any(|ignored| ignored.as_bytes() == aim))
    }

    /// The AIM identifier of a report, where it carries one that is none by accident: `]`, a letter, a modifier.
    fn aim_of(&self, bytes: &[u8]) -> Option<[u8; 3]> {
        let aim = self.layout.aim?.map(|place| number(bytes, place) as u8);
        let [bracket, letter, modifier] = aim;
        let plausible = bracket == b']'
            && letter.is_ascii_alphabetic()
            && (modifier.is_ascii_digit() || modifier.is_ascii_uppercase());
        plausible.then_some(aim)
    }

    /// Says that nothing came for a while: half a scan is given up, and the next report begins one.
    pub fn pause(&mut self, items: &mut Vec<Item>) {
        if self.state == State::Within {
            self.give_up(BROKEN_OFF, &[], items);
        }
        self.state = State::Between;
        self.aim = None;
    }

    /// Whether something was begun that a pause would end.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.state != State::Between
    }
}

/// The number in a place of up to 32 bits, the lowest bit first; what lies behind the report's end counts as 0.
fn number(bytes: &[u8], place: Span) -> u32 {
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| u32::from(byte >> (at % 8) & 1));
    (0..place.bits.min(32)).fold(0, |value, index| value | bit(place.bit + index) << index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(aim: &str, text: &str, continued: u8) -> Vec<u8> {
        let mut bytes = vec![2, text.len() as u8];
        bytes.extend(aim.bytes().chain(text.bytes()));
        bytes.resize(63, 0);
        bytes.push(continued);
        bytes
    }

    fn play(reports: &[Vec<u8>]) -> (HidPosFramer, Vec<Item>) {
        let (mut framer, mut items) = (HidPosFramer::new(PosLayout::honeywell()), Vec::new());
        for bytes in reports {
            framer.report(bytes, &mut items);
        }
        (framer, items)
    }

    fn frame(text: &str) -> Item {
        Item::Frame(text.as_bytes().to_vec())
    }

    fn told(items: &[Item]) -> Vec<&str> {
        let tell = |item| match item {
            &Item::Broken(why, _) => why,
            Item::Frame(data) => std::str::from_utf8(data).unwrap_or("?"),
            _ => "-",
        };
        items.iter().map(tell).collect()
    }

    #[test]
    fn numbers_lie_across_bytes_lowest_bit_first() {
        assert_eq!(number(&[0xF0, 0x0A], Span { bit: 4, bits: 8 }), 0xAF);
        assert_eq!(number(&[1, 2, 3, 4], Span { bit: 0, bits: 32 }), 0x0403_0201);
        assert_eq!(number(&[0xFF], Span { bit: 4, bits: 16 }), 0x0F);
    }

    #[test]
    fn a_scan_whose_end_is_lost_is_broken_and_the_next_is_read() {
        let (mut framer, mut items) = play(&[report("]C1", "0109", 1)]);
        assert!(framer.is_pending() && items.is_empty());
        framer.pause(&mut items);
        assert!(!framer.is_pending());
        framer.report(&report("]C1", "21A", 0), &mut items);
        assert_eq!(told(&items), [BROKEN_OFF, "]C121A"]);
        // a symbology of its own tells it without a pause
        let (_, items) = play(&[report("]C1", "0109", 1), report("]E0", "4006381333931", 0)]);
        assert_eq!(told(&items), [BROKEN_OFF, "]E04006381333931"]);
    }

    #[test]
    fn the_rest_of_a_broken_scan_is_no_scan() {
        let mut bad = report("]C1", "0109", 1);
        bad[1] = 57;
        let (_, items) = play(&[bad, report("]C1", "x", 1), report("]C1", "y", 0), report("]C1", "z", 0)]);
        assert_eq!(told(&items), [BEYOND_FIELD, "]C1z"]);
    }

    #[test]
    fn what_follows_a_short_report_is_not_taken_for_a_whole_scan() {
        let short = report("]C1", "0109", 0)[..40].to_vec();
        let (_, items) = play(&[short.clone(), report("]C1", "y", 0), report("]C1", "z", 0)]);
        assert_eq!(told(&items), [TOO_SHORT, BEHIND_SHORT, "]C1z"]);
        let (mut framer, mut items) = play(&[short]);
        framer.pause(&mut items);
        framer.report(&report("]C1", "z", 0), &mut items);
        assert_eq!(told(&items), [TOO_SHORT, "]C1z"]);
    }

    #[test]
    fn a_scan_without_end_is_bounded_and_told_once() {
        let text = "x".repeat(56);
        let mut reports = vec![report("]Q1", &text, 1); FRAME_MAX / 56 * 3];
        reports.push(report("]Q1", &text, 0));
        reports.push(report("]Q1", "y", 0));
        let (framer, items) = play(&reports);
        assert_eq!(told(&items), [BEYOND_FRAME, "]Q1y"]);
        assert!(framer.message.capacity() <= 2 * FRAME_MAX);
    }

    #[test]
    fn only_a_plausible_identifier_is_put_before() {
        let aims = ["]d2", "\0\0\0", "]2d", "]dd", "Xd2"];
        let (_, items) = play(&aims.map(|aim| report(aim, "A", 0)));
        assert_eq!(items, ["]d2A", "A", "A", "A", "A"].map(frame));
    }

    #[test]
    fn an_empty_report_is_no_scan_and_a_full_one_without_a_flag_is_not_trusted() {
        let (_, items) = play(&[report("\0\0\0", "", 0)]);
        assert_eq!(items, [Item::NoRead]);
        let mut framer = HidPosFramer::new(PosLayout { continued: None, ..PosLayout::honeywell() });
        let mut items = Vec::new();
        framer.report(&report("]C0", &"x".repeat(56), 1), &mut items);
        framer.report(&report("]C0", "y", 1), &mut items);
        assert_eq!(told(&items), [FULL, "]C0y"]);
    }

    #[test]
    fn answers_are_no_scans_whole_or_broken() {
        let mut framer = HidPosFramer::new(PosLayout::honeywell()).ignoring(&["]Z6".to_owned()]);
        let mut items = Vec::new();
        let mut bad = report("]Z6", "REVINF", 0);
        bad[1] = 99;
        for bytes in [report("]Z6", "REVINF", 1), report("]Z6", "\u{6}.", 0), bad, report("]X0", "9771234567003", 0)] {
            framer.report(&bytes, &mut items);
        }
        assert_eq!(items, [frame("]X09771234567003")]);
    }

    #[test]
    fn other_reports_are_passed_over_even_within_a_scan() {
        let other = vec![3; 64];
        let (_, items) = play(&[report("]C0", "a", 1), other, Vec::new(), report("]C0", "b", 0)]);
        assert_eq!(items, [frame("]C0ab")]);
    }
}
