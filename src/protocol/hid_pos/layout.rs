//! Where in a scanned-data report everything stands.

use super::descriptor::{DescriptorError, DescriptorFault, parse};
use super::fields::{BYTE_COUNT, Field, InputFields, SCANNER_PAGE, Span, Usage};

/// The report that carries a scan.
const SCANNED_DATA: u16 = 0x12;
/// The three characters of the AIM identifier.
const SYMBOLOGY: [Usage; 3] = [scanner(0xFB), scanner(0xFC), scanner(0xFD)];
const DECODED_DATA: Usage = scanner(0xFE);
const CONTINUED: Usage = scanner(0xFF);

/// A length of more bits counts more than any report holds.
const LENGTH_BITS_MAX: usize = 32;

const fn scanner(id: u16) -> Usage {
    Usage { page: SCANNER_PAGE, id }
}

const fn byte(at: usize) -> Span {
    Span { bit: at * 8, bits: 8 }
}

/// Where everything stands in the report as it is read: from its id on, where reports have ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PosLayout {
    /// The id of the scanned-data report, which is its first byte; none where the device has only one report.
    pub report_id: Option<u8>,
    /// The length of the report, in bytes, id included.
    pub report_len: usize,
    /// How many bytes of the characters count; the lowest byte first.
    pub length: Span,
    /// The AIM identifier, character by character, where the report has one.
    pub aim: Option<[Span; 3]>,
    /// The characters.
    pub characters: Span,
    /// Set where the scan goes on in the next report; where there is none, a report is a scan.
    pub continued: Option<Span>,
}

impl PosLayout {
    /// Access-IS LSR118 and ATR110, Honeywell Voyager 1602g: length in byte 1, AIM identifier in 2 to 4, characters in
    /// 5 to 60, continuation in bit 0 of byte 63.
    #[must_use]
    pub fn honeywell() -> PosLayout {
        PosLayout {
            report_id: Some(2),
            report_len: 64,
            length: byte(1),
            aim: Some([byte(2), byte(3), byte(4)]),
            characters: Span { bit: 5 * 8, bits: 56 * 8 },
            continued: Some(Span { bit: 63 * 8, bits: 1 }),
        }
    }

    /// Newland FM420, ID Tech FX100: length in byte 1, characters in 2 to 57, continuation in bit 0 of byte 63, no AIM
    /// identifier.
    #[must_use]
    pub fn newland() -> PosLayout {
        PosLayout { aim: None, characters: Span { bit: 2 * 8, bits: 56 * 8 }, ..PosLayout::honeywell() }
    }

    /// The layout that a report descriptor tells. What it leaves unnamed is taken from the documented layout whose
    /// characters stand in the same place of a report of the same length.
    ///
    /// # Errors
    /// The descriptor is malformed, describes no scanner or no scanned data, or does not say how long the data is and
    /// resembles no documented layout.
    pub fn from_descriptor(descriptor: &[u8]) -> Result<PosLayout, DescriptorError> {
        let missing = |fault| DescriptorError::at(descriptor.len(), fault);
        let found = parse(descriptor)?;
        if !found.scanner {
            return Err(missing(DescriptorFault::NoScanner));
        }
        let report = Report::scanned(&found).ok_or(missing(DescriptorFault::NoDecodedData))?;
        report.layout().ok_or(missing(DescriptorFault::NoLength))
    }

    /// How many bytes of characters a report holds.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.characters.bits / 8
    }
}

/// The scanned-data report as a descriptor has it.
struct Report<'a> {
    id: Option<u8>,
    len: usize,
    fields: Vec<&'a Field>,
    characters: Span,
}

impl<'a> Report<'a> {
    /// The first report with decoded data, one that is said to be for it before any other.
    fn scanned(found: &'a InputFields) -> Option<Report<'a>> {
        // in a device with ids, what belongs to no id never arrives
        let arriving = || found.fields.iter().filter(|field| !found.numbered || field.report > 0);
        let mut with_data = arriving().filter(|field| decoded(field).is_some());
        let first = with_data.clone().find(|field| field.kind == Some(SCANNED_DATA)).or_else(|| with_data.next())?;
        let fields: Vec<&Field> = arriving().filter(|field| field.report == first.report).collect();
        let mut characters = decoded(first)?;
        // bytes that are described one after the other are one field
        for more in fields.iter().filter_map(|field| decoded(field)) {
            if more.bit == characters.end() {
                characters.bits += more.bits;
            }
        }
        let bits = found.bits.get(&first.report)?;
        let id = found.numbered.then_some(first.report);
        let behind_id = Self::behind_id(id);
        characters.bit += behind_id;
        Some(Report { id, len: (behind_id + bits).div_ceil(8), fields, characters })
    }

    /// How many bits the id takes.
    fn behind_id(id: Option<u8>) -> usize {
        if id.is_some() { 8 } else { 0 }
    }

    fn place(&self, usage: Usage) -> Option<Span> {
        let span = self.fields.iter().find_map(|field| field.of(usage))?;
        Some(Span { bit: span.bit + Self::behind_id(self.id), ..span })
    }

    /// The documented layout that this one resembles.
    fn documented(&self) -> Option<PosLayout> {
        [PosLayout::honeywell(), PosLayout::newland()].into_iter().find(|known| {
            self.id.is_some()
                && self.len == known.report_len
                && self.characters.bit == known.characters.bit
                && self.characters.bits >= known.characters.bits
        })
    }

    /// Whether a place is described as something other than characters.
    fn is_taken(&self, place: Span) -> bool {
        let behind_id = Self::behind_id(self.id);
        self.fields.iter().filter(|field| field.page == SCANNER_PAGE || field.of(BYTE_COUNT).is_some()).any(|field| {
            let span = field.span();
            let characters = decoded(field).unwrap_or(Span { bit: span.end(), bits: 0 });
            let before = Span { bit: span.bit + behind_id, bits: characters.bit - span.bit };
            let after = Span { bit: characters.end() + behind_id, bits: span.end() - characters.end() };
            before.overlaps(place) || after.overlaps(place)
        })
    }

    /// The layout; none where the length is not to be found.
    fn layout(&self) -> Option<PosLayout> {
        let documented = self.documented();
        let free = |place: &Span| !self.is_taken(*place);
        let named = self.place(BYTE_COUNT).filter(|place| place.bits <= LENGTH_BITS_MAX);
        let documented_length = || documented.as_ref().map(|known| known.length).filter(free);
        let length = named.or_else(documented_length)?;
        let characters = match &documented {
            // a field that runs on over the maker's own bytes
            Some(known) if named.is_none() => known.characters,
            _ => self.characters,
        };
        let flag = self.place(CONTINUED).map(|place| Span { bits: 1, ..place });
        let documented_flag = || {
            let flag = documented.as_ref().and_then(|known| known.continued).filter(free);
            flag.filter(|place| !place.overlaps(characters))
        };
        let [first, second, third] = SYMBOLOGY.map(|usage| self.place(usage).filter(|place| place.bits == 8));
        let aim = first.zip(second).zip(third).map(|((first, second), third)| [first, second, third]);
        Some(PosLayout {
            report_id: self.id,
            report_len: self.len,
            length,
            aim: aim.or(documented.as_ref().and_then(|known| known.aim)),
            characters,
            continued: flag.or_else(documented_flag),
        })
    }
}

/// Where a field has decoded data in whole bytes.
fn decoded(field: &Field) -> Option<Span> {
    field.of(DECODED_DATA).filter(|span| field.size.is_multiple_of(8) && span.bits > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(items: &[u8]) -> Vec<u8> {
        let head = [0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, 0x09, 0x12, 0xA1, 0x02, 0x85, 0x02, 0x75, 8];
        [&head, items, &[0xC0, 0xC0]].concat()
    }

    const FE_56: [u8; 6] = [0x95, 56, 0x09, 0xFE, 0x81, 0x02];

    fn padding(bytes: u8) -> [u8; 4] {
        [0x95, bytes, 0x81, 0x03]
    }

    fn fault(descriptor: &[u8]) -> Option<DescriptorFault> {
        PosLayout::from_descriptor(descriptor).err().map(|error| error.fault)
    }

    #[test]
    fn what_is_not_named_is_taken_from_the_layout_with_the_same_place_for_characters() {
        let at_five = numbered(&[&padding(4)[..], &FE_56, &padding(3)].concat());
        assert_eq!(PosLayout::from_descriptor(&at_five), Ok(PosLayout::honeywell()));
        let at_two = numbered(&[&padding(1)[..], &FE_56, &padding(6)].concat());
        assert_eq!(PosLayout::from_descriptor(&at_two), Ok(PosLayout::newland()));
        let to_the_end = numbered(&[&padding(4)[..], &[0x95, 59, 0x09, 0xFE, 0x81, 0x02]].concat());
        assert_eq!(PosLayout::from_descriptor(&to_the_end), Ok(PosLayout::honeywell()));
    }

    #[test]
    fn what_is_named_counts_more_than_what_is_documented() {
        let count = [0x95, 1, 0x05, 0x01, 0x09, 0x3B, 0x81, 0x02, 0x05, 0x8C];
        let data = [0x95, 58, 0x09, 0xFE, 0x81, 0x02];
        let flag = [0x75, 1, 0x95, 7, 0x81, 0x03, 0x95, 1, 0x09, 0xFF, 0x81, 0x02];
        let layout = PosLayout::from_descriptor(&numbered(&[&padding(3)[..], &count, &data, &flag].concat()));
        let layout = layout.expect("a layout");
        assert_eq!((layout.length, layout.capacity()), (byte(4), 58));
        assert_eq!(layout.continued, Some(Span { bit: 63 * 8 + 7, bits: 1 }));
    }

    #[test]
    fn no_length_is_guessed() {
        // elsewhere, over the whole report, and where the byte of the length is something else
        let elsewhere = numbered(&[&padding(2)[..], &FE_56, &padding(5)].concat());
        let whole = numbered(&[0x95, 63, 0x09, 0xFE, 0x81, 0x02]);
        let taken = numbered(&[&[0x95, 1, 0x09, 0xFD, 0x81, 0x02][..], &FE_56, &padding(6)].concat());
        let shorter = numbered(&[&padding(1)[..], &FE_56].concat());
        for descriptor in [elsewhere, whole, taken, shorter] {
            assert_eq!(fault(&descriptor), Some(DescriptorFault::NoLength));
        }
    }

    #[test]
    fn a_device_without_scans_says_so() {
        assert_eq!(fault(&[]), Some(DescriptorFault::NoScanner));
        assert_eq!(fault(&[0x05, 0x01, 0x09, 0x06, 0xA1, 0x01, 0xC0]), Some(DescriptorFault::NoScanner));
        assert_eq!(fault(&numbered(&padding(8))), Some(DescriptorFault::NoDecodedData));
        let bits = [0x75, 1, 0x95, 8, 0x09, 0xFE, 0x81, 0x02];
        assert_eq!(fault(&numbered(&bits)), Some(DescriptorFault::NoDecodedData));
    }

    #[test]
    fn a_device_with_one_report_has_no_id_in_it() {
        let head = [0x05, 0x8C, 0x09, 0x04, 0xA1, 0x01, 0x75, 8];
        let count = [0x95, 1, 0x05, 0x01, 0x09, 0x3B, 0x81, 0x02, 0x05, 0x8C];
        let halves = [0x95, 5, 0x09, 0xFE, 0x81, 0x02, 0x09, 0xFE, 0x81, 0x02, 0xC0];
        let layout = PosLayout::from_descriptor(&[&head[..], &count, &halves].concat()).expect("a layout");
        assert_eq!((layout.report_id, layout.report_len, layout.capacity()), (None, 11, 10));
        assert_eq!((layout.length, layout.characters.bit, layout.continued), (byte(0), 8, None));
    }

    #[test]
    fn the_report_for_scans_goes_before_one_for_raw_data() {
        let raw = [0xC0, 0x09, 0x13, 0xA1, 0x02, 0x85, 0x09, 0x75, 8];
        let count = [0x95, 1, 0x05, 0x01, 0x09, 0x3B, 0x81, 0x02, 0x05, 0x8C];
        let raw_first = [
            &[0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, 0x09, 0x12, 0xA1, 0x02][..],
            &raw,
            &count,
            &FE_56,
            &[0xC0],
            &[0x09, 0x12, 0xA1, 0x02, 0x85, 0x03],
            &count,
            &FE_56,
            &[0xC0, 0xC0],
        ];
        let layout = PosLayout::from_descriptor(&raw_first.concat()).expect("a layout");
        assert_eq!(layout.report_id, Some(3));
    }
}
