//! Parsers under any input: no panic, offsets within the text, time in proportion to the length.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, Instant};

use jiff::civil::{Date, date};
use proptest::prelude::*;
use waybind::barcode::check::{mod10, mod10_digit};
use waybind::barcode::{self, Content, Hint, SCAN_MAX, gs1};

const TODAY: Date = date(2026, 11, 21);

fn hints() -> impl Strategy<Value = Hint> {
    prop_oneof![Just(Hint::None), Just(Hint::Gs1)]
}

/// Text that looks like something: prefixes, identifiers, separators, digits.
fn plausible() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("]C1".to_owned()),
        Just("]E0".to_owned()),
        Just("]Q3".to_owned()),
        Just("\u{1d}".to_owned()),
        Just("(01)".to_owned()),
        Just("(10)".to_owned()),
        Just("01".to_owned()),
        Just("17".to_owned()),
        Just("3103".to_owned()),
        Just("8110".to_owned()),
        Just("7040".to_owned()),
        Just("https://id.gs1.org/01/".to_owned()),
        Just("WB:".to_owned()),
        Just("WB:O:1:".to_owned()),
        Just("SF".to_owned()),
        Just("/10/".to_owned()),
        Just("?17=".to_owned()),
        Just("%".to_owned()),
        "[0-9]{1,14}",
        "[ -~]{0,12}",
        "\\PC{0,4}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), hint in hints()) {
        if let Err(error) = barcode::read_bytes(&bytes, hint, None, TODAY) {
            prop_assert!(error.offset <= bytes.len());
        }
    }

    #[test]
    fn any_plausible_text_is_read_or_refused(text in plausible(), hint in hints()) {
        match barcode::read(&text, hint, None, TODAY) {
            Ok(reading) => prop_assert!(text.ends_with(&reading.text)),
            Err(error) => prop_assert!(error.offset <= text.len() && !error.message.is_empty()),
        }
    }

    #[test]
    fn what_is_written_in_brackets_is_what_the_symbol_says(body in "[0-9]{13}", lot in "[A-Z0-9]{1,20}", serial in "[A-Za-z0-9/.-]{1,20}") {
        let gtin = format!("{body}{}", char::from(mod10_digit(&body).unwrap()));
        prop_assert!(mod10(&gtin));
        let symbol = format!("01{gtin}10{lot}\u{1d}21{serial}");
        let written = format!("(01){gtin}(10){lot}(21){serial}");
        let pairs = |parsed: &gs1::ElementString<'_>| parsed.elements().iter().map(|element| (element.ai.to_owned(), element.value.to_owned())).collect::<Vec<_>>();
        // a company prefix begins with digits, which any 13 digits do
        prop_assert_eq!(pairs(&gs1::parse(&symbol, TODAY).unwrap()), pairs(&gs1::parse_bracketed(&written, TODAY).unwrap()));
    }

    #[test]
    fn one_wrong_digit_in_an_article_number_is_found(body in "[0-9]{12}", at in 0..13_usize, by in 1..10_u8) {
        let mut digits = format!("{body}{}", char::from(mod10_digit(&body).unwrap())).into_bytes();
        digits[at] = (digits[at] - b'0' + by) % 10 + b'0';
        let raw = format!("]E0{}", String::from_utf8(digits).unwrap());
        prop_assert!(barcode::read(&raw, Hint::None, None, TODAY).is_err());
    }
}

/// The time of the fastest of some tries.
fn fastest(text: &str) -> Duration {
    (0..5)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..20 {
                drop(std::hint::black_box(barcode::read(std::hint::black_box(text), Hint::Gs1, None, TODAY)));
            }
            start.elapsed()
        })
        .min()
        .unwrap()
}

#[test]
fn time_grows_no_faster_than_the_text() {
    let shapes = [
        "(01)",
        "(10)A",
        "01",
        "\u{1d}",
        "10A\u{1d}",
        "/01/1",
        "%",
        "]C1",
        "(9",
        "91-",
        "1",
        "https://a/01/",
        "WB:",
        "-1-1",
    ];
    for shape in shapes {
        let text = |len: usize| {
            format!("https://a/{}", shape.repeat(len))[if shape.starts_with('/') { 0 } else { 10 }..]
                .chars()
                .take(len)
                .collect::<String>()
        };
        let (short, long) = (fastest(&text(SCAN_MAX / 8)), fastest(&text(SCAN_MAX)));
        // eight times the text: a square would take 64 times as long
        assert!(long < short * 30 + Duration::from_millis(2), "{shape:?}: {short:?} and {long:?}");
    }
}

#[test]
fn a_reading_of_an_article_keeps_its_number() {
    let reading = barcode::read("]E06901234567892", Hint::None, None, TODAY).unwrap();
    assert!(matches!(reading.content, Content::Article { gtin, .. } if gtin == "06901234567892"));
}
