//! A scanner that is set to another layout than its definition says: what its code would have been.

use std::sync::Arc;

use super::layout::{Layout, Stroke};

/// How many ways of typing one text are tried with each layout. Few characters have more than one key.
const READINGS_MAX: usize = 64;

/// What a text that was read with the layout `assumed` would be in each of `others`, with the layout's name: its characters
/// are led back to their keys, and the keys read anew. Control characters stay as they are. Which of these makes sense
/// tells to which layout the scanner is set.
pub fn retypings(text: &str, assumed: &Layout, others: &[Arc<Layout>]) -> Vec<(String, String)> {
    let others = others.iter().filter(|other| other.name() != assumed.name());
    let named = |other: &Arc<Layout>| {
        readings(text, assumed, other).into_iter().map(|reading| (other.name().to_owned(), reading)).collect::<Vec<_>>()
    };
    others.flat_map(named).collect()
}

/// What a text could be in another layout, each way of typing it once.
fn readings(text: &str, assumed: &Layout, other: &Layout) -> Vec<String> {
    // the keypad types the same in all layouts, so it is used throughout or not at all
    let mut found: Vec<String> = Vec::new();
    for keypad in [false, true] {
        let is_fixed = |character: char| character.is_control() || (keypad && character.is_ascii_digit());
        if keypad && !text.contains(|character: char| character.is_ascii_digit()) {
            continue;
        }
        let mut several: Vec<char> = text.chars().filter(|it| !is_fixed(*it) && assumed.ways(*it).len() > 1).collect();
        several.sort_unstable();
        several.dedup();
        let counts: Vec<usize> = several.iter().map(|character| assumed.ways(*character).len()).collect();
        let total = counts.iter().fold(1_usize, |total, count| total.saturating_mul(*count)).min(READINGS_MAX);
        for number in 0..total {
            let chosen = |character: char| choice(number, &several, &counts, character);
            let reading = translate(text, assumed, other, is_fixed, chosen);
            found.extend(reading.filter(|reading| reading != text && !found.contains(reading)));
        }
    }
    found
}

/// Which way of typing a character the number stands for, the ways counted through like digits.
fn choice(mut number: usize, several: &[char], counts: &[usize], character: char) -> usize {
    for (one, count) in several.iter().zip(counts) {
        if *one == character {
            return number % count;
        }
        number /= count;
    }
    0
}

/// Text to keys by one layout, keys to text by the other; what is fixed stands between them.
fn translate(
    text: &str,
    assumed: &Layout,
    other: &Layout,
    is_fixed: impl Fn(char) -> bool,
    chosen: impl Fn(char) -> usize,
) -> Option<String> {
    let mut reading = String::with_capacity(text.len());
    let mut run: (String, Vec<Stroke>) = Default::default();
    for character in text.chars() {
        if is_fixed(character) {
            reading.push_str(&read_run(&mut run, assumed, other)?);
            reading.push(character);
        } else {
            run.1.extend(assumed.ways(character).get(chosen(character))?);
            run.0.push(character);
        }
    }
    reading.push_str(&read_run(&mut run, assumed, other)?);
    Some(reading)
}

/// Reads keys with the other layout, if they are what the first one reads as the text.
fn read_run(run: &mut (String, Vec<Stroke>), assumed: &Layout, other: &Layout) -> Option<String> {
    let (text, strokes) = std::mem::take(run);
    let is_text = assumed.read(&strokes)? == text;
    is_text.then(|| other.read(&strokes)).flatten()
}
