//! HID report descriptors (HID 1.11, section 6.2.2), as far as a scanner's input reports need them.

use std::ops::RangeInclusive;

use super::fields::{Field, InputFields, SCANNER_PAGE};

/// The longest descriptor, in bytes: Linux takes no longer one either.
pub const DESCRIPTOR_MAX: usize = 4096;

/// The longest report, in bytes: four times the largest packet of a high-speed interrupt endpoint.
pub const REPORT_MAX: usize = 4096;

/// How deep collections and pushed states may nest; scanners use two or three levels.
const DEPTH_MAX: usize = 16;

/// Badge reader, scanner, dumb scanner, cordless base, cradle.
const SCANNERS: RangeInclusive<u16> = 0x01..=0x05;
/// The kinds of reports that a scanner may have.
const REPORTS: RangeInclusive<u16> = 0x10..=0x1F;

/// The first byte of a long item.
const LONG_ITEM: u8 = 0xFE;
/// The type of a collection that is a device of its own.
const APPLICATION: u32 = 0x01;
/// In an input item: the field is padding.
const CONSTANT: u32 = 0x01;
/// In an input item: each element has its own usage.
const VARIABLE: u32 = 0x02;

/// What is wrong with a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DescriptorFault {
    /// It ends within an item.
    #[error("it ends within an item")]
    Truncated,
    /// It is longer than [`DESCRIPTOR_MAX`].
    #[error("it is longer than {DESCRIPTOR_MAX} bytes")]
    TooLong,
    /// Collections or pushed states nest too deep.
    #[error("it nests deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// A collection or pushed state ends that was not begun, or does not end.
    #[error("a collection or pushed state has only one end")]
    Unbalanced,
    /// A report id that is none.
    #[error("a report id outside 1 to 255")]
    ReportId,
    /// A report is longer than [`REPORT_MAX`].
    #[error("a report is longer than {REPORT_MAX} bytes")]
    ReportTooLong,
    /// No application collection of a scanner.
    #[error("it describes no bar code scanner")]
    NoScanner,
    /// No field of bytes for decoded data.
    #[error("no report carries decoded data")]
    NoDecodedData,
    /// Nothing says how many bytes of the decoded data count.
    #[error("nothing says how long the decoded data is; a definition with `layout` can")]
    NoLength,
}

/// Why a descriptor can't be used, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("report descriptor, byte {offset}: {fault}")]
pub struct DescriptorError {
    /// The byte of the descriptor; its length where something is missing from the whole.
    pub offset: usize,
    /// What is wrong.
    pub fault: DescriptorFault,
}

impl DescriptorError {
    pub(super) fn at(offset: usize, fault: DescriptorFault) -> Self {
        DescriptorError { offset, fault }
    }
}

/// Reads a report descriptor, in time linear in its length.
///
/// # Errors
/// It breaks the rules of HID 1.11, or a limit of this file. Whether there is a scanner in it is not asked.
pub fn parse(bytes: &[u8]) -> Result<InputFields, DescriptorError> {
    if bytes.len() > DESCRIPTOR_MAX {
        return Err(DescriptorError::at(DESCRIPTOR_MAX, DescriptorFault::TooLong));
    }
    let mut parser = Parser::default();
    let mut at = 0;
    while at < bytes.len() {
        let item = Item::read(bytes, at).ok_or(DescriptorError::at(at, DescriptorFault::Truncated))?;
        parser.take(&item).map_err(|fault| DescriptorError::at(at, fault))?;
        at = item.end;
    }
    match parser.open.is_empty() {
        true => Ok(parser.found),
        false => Err(DescriptorError::at(bytes.len(), DescriptorFault::Unbalanced)),
    }
}

struct Item {
    /// Type and tag, as they stand in the first byte, the size taken out.
    head: u8,
    /// The data, up to four bytes, the lowest first.
    value: u32,
    /// Whether the data is a page and an id.
    extended: bool,
    end: usize,
}

impl Item {
    fn read(bytes: &[u8], at: usize) -> Option<Item> {
        let head = *bytes.get(at)?;
        if head == LONG_ITEM {
            let end = at + 3 + usize::from(*bytes.get(at + 1)?);
            return (end <= bytes.len()).then_some(Item { head, value: 0, extended: false, end });
        }
        let size = [0, 1, 2, 4][usize::from(head & 0x03)];
        let end = at + 1 + size;
        let data = bytes.get(at + 1..end)?;
        let value = data.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte));
        Some(Item { head: head & !0x03, value, extended: size == 4, end })
    }
}

/// What holds until it is changed.
#[derive(Clone, Copy, Default)]
struct Globals {
    page: u16,
    size: u32,
    count: u32,
    report: u8,
}

/// Usages that wait for the main item that they belong to.
#[derive(Clone)]
struct Usages {
    page: u16,
    ids: RangeInclusive<u16>,
    /// Whether the page came with the usage.
    extended: bool,
}

#[derive(Clone, Copy)]
struct Collection {
    scanner: bool,
    kind: Option<u16>,
}

#[derive(Default)]
struct Parser {
    globals: Globals,
    pushed: Vec<Globals>,
    usages: Vec<Usages>,
    minimum: Option<Usages>,
    /// Within a set of alternative usages: whether its first, which counts, was seen.
    delimited: Option<bool>,
    open: Vec<Collection>,
    found: InputFields,
}

impl Parser {
    fn take(&mut self, item: &Item) -> Result<(), DescriptorFault> {
        match item.head {
            0x80 => self.input(item.value)?,
            0xA0 => self.begin(item.value)?,
            0xC0 => drop(self.open.pop().ok_or(DescriptorFault::Unbalanced)?),
            // a number beyond 16 bits is no page
            0x04 => self.globals.page = u16::try_from(item.value).unwrap_or(0),
            0x74 => self.globals.size = item.value,
            0x94 => self.globals.count = item.value,
            0x84 => {
                let id = u8::try_from(item.value).ok().filter(|id| *id > 0);
                self.globals.report = id.ok_or(DescriptorFault::ReportId)?;
                self.found.numbered = true;
            }
            0xA4 if self.pushed.len() >= DEPTH_MAX => return Err(DescriptorFault::TooDeep),
            0xA4 => self.pushed.push(self.globals),
            0xB4 => self.globals = self.pushed.pop().ok_or(DescriptorFault::Unbalanced)?,
            0x08 => {
                let usage = self.usage(item);
                self.add(usage);
            }
            0x18 => self.minimum = Some(self.usage(item)),
            0x28 => {
                let last = self.usage(item);
                if let Some(first) = self.minimum.take().filter(|first| first.page == last.page) {
                    self.add(Usages { ids: *first.ids.start()..=*last.ids.start(), ..first });
                }
            }
            0xA8 => self.delimited = (item.value == 1).then_some(false),
            _ => {}
        }
        // a main item, known or not, ends what was said for it alone
        if item.head & 0x0C == 0 {
            self.usages.clear();
            self.minimum = None;
            self.delimited = None;
        }
        Ok(())
    }

    fn usage(&self, item: &Item) -> Usages {
        let (high, id) = ((item.value >> 16) as u16, item.value as u16);
        let page = if item.extended { high } else { self.globals.page };
        Usages { page, ids: id..=id, extended: item.extended }
    }

    fn add(&mut self, usages: Usages) {
        match &mut self.delimited {
            Some(true) => return,
            Some(first) => *first = true,
            None => {}
        }
        if !usages.ids.is_empty() {
            self.usages.push(usages);
        }
    }

    /// Usages take the page that holds at their main item, unless the page was changed between them.
    fn settle_pages(&mut self) {
        for usages in self.usages.iter_mut().rev().filter(|usages| !usages.extended) {
            if usages.page == self.globals.page {
                break;
            }
            usages.page = self.globals.page;
        }
    }

    fn begin(&mut self, kind: u32) -> Result<(), DescriptorFault> {
        if self.open.len() >= DEPTH_MAX {
            return Err(DescriptorFault::TooDeep);
        }
        self.settle_pages();
        let usage = self.usages.first().filter(|usages| usages.page == SCANNER_PAGE).map(|usages| *usages.ids.start());
        let around = self.open.last().copied().unwrap_or(Collection { scanner: false, kind: None });
        let begins = kind == APPLICATION && usage.is_some_and(|id| SCANNERS.contains(&id));
        self.found.scanner |= begins;
        self.open.push(Collection {
            scanner: around.scanner || begins,
            kind: usage.filter(|id| REPORTS.contains(id)).or(around.kind),
        });
        Ok(())
    }

    fn input(&mut self, flags: u32) -> Result<(), DescriptorFault> {
        self.settle_pages();
        let Globals { size, count, report, .. } = self.globals;
        let before = self.found.bits.get(&report).copied().unwrap_or(0);
        let bits = u64::from(size) * u64::from(count) + before as u64;
        let bits = usize::try_from(bits).ok().filter(|bits| *bits <= REPORT_MAX * 8);
        self.found.bits.insert(report, bits.ok_or(DescriptorFault::ReportTooLong)?);
        let collection = self.open.last().copied().filter(|collection| collection.scanner);
        // the elements of an array have their usages in common, so only a single one says what they are
        let told =
            flags & VARIABLE != 0 || matches!(self.usages.as_slice(), [only] if only.ids.start() == only.ids.end());
        let Some(collection) = collection.filter(|_| flags & CONSTANT == 0 && size > 0 && told) else { return Ok(()) };
        // both fit: their product is no longer than a report
        let (size, mut left) = (size as usize, count as usize);
        let mut bit = before;
        let several = self.usages.len();
        for (index, usages) in self.usages.iter().enumerate() {
            let named = usize::from(usages.ids.end() - usages.ids.start()) + 1;
            let count = if index + 1 == several { left } else { named.min(left) };
            if count == 0 {
                break;
            }
            let Usages { page, ids, .. } = usages.clone();
            self.found.fields.push(Field { report, kind: collection.kind, bit, size, count, page, ids });
            bit += count * size;
            left -= count;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::fields::Usage;
    use super::*;

    /// A scanner whose scanned-data report has id 2 and begins with these items.
    fn scanner(items: &[u8]) -> Vec<u8> {
        [&[0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, 0x09, 0x12, 0xA1, 0x02, 0x85, 0x02], items, &[0xC0, 0xC0]].concat()
    }

    fn places(items: &[u8], usages: &[(u16, u16)]) -> Vec<Option<(usize, usize)>> {
        let found = parse(&scanner(items)).expect("a descriptor");
        let of = |usage| found.fields.iter().find_map(|field| field.of(usage)).map(|span| (span.bit, span.bits));
        usages.iter().map(|(page, id)| of(Usage { page: *page, id: *id })).collect()
    }

    #[test]
    fn usages_are_given_to_elements_in_order_and_the_last_one_repeats() {
        let one_by_one = [0x75, 8, 0x95, 59, 0x09, 0xFB, 0x09, 0xFC, 0x09, 0xFD, 0x09, 0xFE, 0x81, 0x02];
        let range = [0x75, 8, 0x95, 59, 0x19, 0xFB, 0x29, 0xFE, 0x81, 0x02];
        for items in [one_by_one.as_slice(), &range] {
            let wanted = [(0x8C, 0xFB), (0x8C, 0xFD), (0x8C, 0xFE), (0x8C, 0xFF)];
            assert_eq!(places(items, &wanted), [Some((0, 8)), Some((16, 8)), Some((24, 448)), None]);
        }
    }

    #[test]
    fn padding_and_arrays_of_choices_name_nothing_but_take_their_room() {
        let items = [
            0x75, 8, 0x95, 1, 0x09, 0xFE, 0x81, 0x03, // constant
            0x19, 0xFB, 0x29, 0xFD, 0x81, 0x00, // array of three choices
            0x95, 4, 0x09, 0xFE, 0x81, 0x00, // array with one usage
        ];
        assert_eq!(places(&items, &[(0x8C, 0xFE), (0x8C, 0xFB)]), [Some((16, 32)), None]);
    }

    #[test]
    fn pages_come_from_the_main_item_the_usage_or_a_pushed_state() {
        let late = [0x75, 8, 0x95, 1, 0x05, 0x01, 0x09, 0xFE, 0x05, 0x8C, 0x81, 0x02];
        assert_eq!(places(&late, &[(0x8C, 0xFE)]), [Some((0, 8))]);
        let mixed = [0x75, 8, 0x95, 2, 0x05, 0x01, 0x09, 0x3B, 0x05, 0x8C, 0x09, 0xFE, 0x81, 0x02];
        assert_eq!(places(&mixed, &[(1, 0x3B), (0x8C, 0xFE)]), [Some((0, 8)), Some((8, 8))]);
        let extended = [0x75, 8, 0x95, 1, 0x05, 0x01, 0x0B, 0xFE, 0, 0x8C, 0, 0x81, 0x02];
        assert_eq!(places(&extended, &[(0x8C, 0xFE)]), [Some((0, 8))]);
        let pushed =
            [0x75, 8, 0x95, 3, 0xA4, 0x05, 0x01, 0x75, 16, 0x95, 1, 0xB4, 0xFE, 2, 0x10, 0, 0, 0x09, 0xFE, 0x81, 0x02];
        assert_eq!(places(&pushed, &[(0x8C, 0xFE)]), [Some((0, 24))]);
    }

    #[test]
    fn of_alternative_usages_the_first_counts() {
        let items = [0x75, 8, 0x95, 1, 0xA9, 1, 0x09, 0xFE, 0x09, 0x01, 0xA9, 0, 0x81, 0x02];
        assert_eq!(places(&items, &[(0x8C, 0xFE), (0x8C, 0x01)]), [Some((0, 8)), None]);
    }

    #[test]
    fn each_report_counts_its_own_bits_and_only_the_scanners_fields_are_kept() {
        let keyboard = [0x05, 0x01, 0x09, 0x06, 0xA1, 0x01, 0x85, 0x01, 0x75, 8, 0x95, 8, 0x09, 0x30, 0x81, 0x02, 0xC0];
        let both = [keyboard.as_slice(), &scanner(&[0x75, 1, 0x95, 12, 0x09, 0xFE, 0x81, 0x02])].concat();
        let found = parse(&both).expect("a descriptor");
        assert_eq!(found.bits, BTreeMap::from([(1, 64), (2, 12)]));
        assert_eq!((found.fields.len(), found.fields[0].report, found.fields[0].kind), (1, 2, Some(0x12)));
        assert!(found.scanner && found.numbered);
        assert!(!parse(&keyboard).expect("a descriptor").scanner);
    }

    #[test]
    fn nonsense_is_named_with_its_place() {
        let deep = [0xA1, 0x01].repeat(17);
        let pushes = [0xA4].repeat(17);
        let long = [0x75, 8, 0x96, 0x01, 0x10, 0x81, 0x02];
        let huge = [0x77, 0xFF, 0xFF, 0xFF, 0xFF, 0x97, 0xFF, 0xFF, 0xFF, 0xFF, 0x81, 0x02];
        let too_long = [0x05].repeat(5000);
        let cases: [(&[u8], usize, DescriptorFault); 12] = [
            (&[0x05], 0, DescriptorFault::Truncated),
            (&[0x05, 0x8C, 0x27, 0, 0, 0], 2, DescriptorFault::Truncated),
            (&[0xFE], 0, DescriptorFault::Truncated),
            (&[0xFE, 4, 0, 1], 0, DescriptorFault::Truncated),
            (&too_long, 4096, DescriptorFault::TooLong),
            (&deep, 32, DescriptorFault::TooDeep),
            (&pushes, 16, DescriptorFault::TooDeep),
            (&[0xC0], 0, DescriptorFault::Unbalanced),
            (&[0x09, 0x02, 0xA1, 0x01], 4, DescriptorFault::Unbalanced),
            (&[0x85, 0], 0, DescriptorFault::ReportId),
            (&long, 5, DescriptorFault::ReportTooLong),
            (&huge, 10, DescriptorFault::ReportTooLong),
        ];
        for (bytes, offset, fault) in cases {
            assert_eq!(parse(bytes), Err(DescriptorError { offset, fault }));
        }
    }
}
