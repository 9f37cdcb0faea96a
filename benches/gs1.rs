//! GS1 element strings a second on one core, with every check on, over a mixed corpus of 10,000.
//!
//! The same run times a plain copy of the corpus, so that the printed ratio says something on any machine.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jiff::civil::date;
use waybind::barcode::check::mod10_digit;
use waybind::barcode::gs1;

/// Element strings as warehouses see them: article with lot, serial and dates; cartons with counts; pallets; weights;
/// and one in twenty that is broken.
fn corpus() -> Vec<String> {
    let gtin = |number: usize| {
        let body = format!("0{:012}", 690_000_000_000_usize + number * 37);
        format!("{body}{}", char::from(mod10_digit(&body).unwrap()))
    };
    let sscc = |number: usize| {
        let body = format!("{:017}", 36_900_000_000_000_000_usize + number * 11);
        format!("{body}{}", char::from(mod10_digit(&body).unwrap()))
    };
    (0..10_000)
        .map(|number| match number % 20 {
            0..=5 => format!("01{}17271231", gtin(number)) + &format!("10LOT{number}"),
            6..=9 => format!("01{}21SN{number:08}\u{1d}10B{number}", gtin(number)),
            10..=12 => format!("02{}37{}\u{1d}00{}", gtin(number), number % 90 + 1, sscc(number)),
            13..=14 => format!("00{}", sscc(number)),
            15..=16 => format!("01{}3103{:06}15271100", gtin(number), number),
            17 => {
                format!("01{}11261101", gtin(number))
                    + "17281101"
                    + &format!("10{number}\u{1d}240PART-{number}\u{1d}30{}", number % 50 + 1)
            }
            18 => format!("01{}", gtin(number)),
            _ => format!("01{}99", &gtin(number)[..13]),
        })
        .collect()
}

fn parse_all(corpus: &[String]) -> usize {
    let today = date(2026, 11, 21);
    let parse = |text: &String| {
        gs1::parse(black_box(text), today).map_or(0, |parsed| parsed.elements().len() + parsed.warnings().len())
    };
    corpus.iter().map(parse).sum()
}

fn copy_all(corpus: &[String]) -> usize {
    corpus.iter().map(|text| black_box(text.clone()).len()).sum()
}

fn timed(work: impl Fn() -> usize) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..30 {
        let start = Instant::now();
        black_box(work());
        best = best.min(start.elapsed());
    }
    best
}

fn element_strings(criterion: &mut Criterion) {
    let corpus = corpus();
    let good = corpus.iter().filter(|text| gs1::parse(text, date(2026, 11, 21)).is_ok()).count();
    assert_eq!(good, 9_500, "the corpus is what it says");
    let (parse, copy) = (timed(|| parse_all(&corpus)), timed(|| copy_all(&corpus)));
    let rate = corpus.len() as f64 / parse.as_secs_f64();
    println!(
        "gs1: {:.2} million element strings a second; {:.1} times a copy of the text",
        rate / 1e6,
        parse.as_secs_f64() / copy.as_secs_f64()
    );
    let mut group = criterion.benchmark_group("gs1");
    group.throughput(Throughput::Elements(corpus.len() as u64)).sample_size(30);
    group.bench_function("parse with warnings, mixed corpus", |bencher| bencher.iter(|| parse_all(&corpus)));
    group.finish();
}

criterion_group!(benches, element_strings);
criterion_main!(benches);
