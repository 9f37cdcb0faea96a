//! Codes read in worn, badly printed and badly lit labels and in photographs: rqrr alone, rxing alone, and ours, in the
//! same run over the same pictures. `cargo bench --bench read [-- PICTURES-A-CASE]`.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

#[path = "../tests/support/pictures.rs"]
mod pictures;

use std::time::Instant;

use pictures::{Picture, Scene};
use waybind::codec::read::{Limits, alone, read};

/// A reader's share and times over some pictures.
#[derive(Default)]
struct Tally {
    read: usize,
    wrong: usize,
    times: Vec<f64>,
}

impl Tally {
    fn count(&mut self, picture: &Picture, reader: impl FnOnce(&[u8]) -> Vec<Vec<u8>>) {
        let bytes = picture.bmp();
        let start = Instant::now();
        let texts = reader(&bytes);
        self.times.push(start.elapsed().as_secs_f64() * 1000.0);
        let meant = |text: &&Vec<u8>| picture.texts.iter().any(|meant| meant.as_bytes() == text.as_slice());
        self.wrong += texts.iter().filter(|text| !meant(text)).count();
        self.read += picture.texts.iter().filter(|meant| texts.iter().any(|text| text == meant.as_bytes())).count();
    }

    fn add(&mut self, other: Tally) {
        self.read += other.read;
        self.wrong += other.wrong;
        self.times.extend(other.times);
    }

    fn median(&mut self) -> f64 {
        self.times.sort_by(f64::total_cmp);
        self.times[self.times.len() / 2]
    }
}

fn main() {
    let each: u64 = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(6);
    let limits = Limits::default();
    let mut cases: Vec<(String, Vec<Picture>)> = pictures::cases()
        .into_iter()
        .map(|(name, wear)| (name, (0..each).map(|seed| pictures::label(seed, &wear)).collect()))
        .collect();
    for scene in [Scene::Usual, Scene::Near, Scene::Far, Scene::Dense] {
        let photos = (0..each * 4).map(|seed| pictures::photo(seed, scene)).collect();
        cases.push((format!("photograph, {scene:?}"), photos));
    }
    println!("{:46} codes   rqrr  rxing   ours   (share read; wrong texts)", "case");
    let mut all: [Tally; 3] = Default::default();
    let mut codes = 0;
    for (name, pictures) in &cases {
        let mut tallies: [Tally; 3] = Default::default();
        for picture in pictures {
            tallies[0].count(picture, |bytes| alone::rqrr(bytes, &limits).unwrap());
            tallies[1].count(picture, |bytes| alone::rxing(bytes, &limits).unwrap());
            tallies[2]
                .count(picture, |bytes| read(bytes, &limits).unwrap().into_iter().map(|symbol| symbol.text).collect());
        }
        let meant: usize = pictures.iter().map(|picture| picture.texts.len()).sum();
        codes += meant;
        let shares = tallies.each_ref().map(|tally| format!("{:4.0} %", 100.0 * tally.read as f64 / meant as f64));
        println!("{name:46} {meant:5} {}   {}", shares.join(" "), tallies[2].wrong);
        for (sum, tally) in all.iter_mut().zip(tallies) {
            sum.add(tally);
        }
    }
    let medians = all.each_mut().map(Tally::median);
    let shares = all.each_ref().map(|tally| format!("{:4.1} %", 100.0 * tally.read as f64 / codes as f64));
    println!("{:46} {codes:5} {}   {}", "all", shares.join(" "), all[2].wrong);
    println!(
        "median: rqrr {:.1} ms, rxing {:.1} ms, ours {:.1} ms; ours is {:.2} x rqrr alone",
        medians[0],
        medians[1],
        medians[2],
        medians[2] / medians[0]
    );
}
