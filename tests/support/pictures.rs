//! Pictures of worn, badly printed and badly lit labels, made from a seed: what reading codes is measured by.

#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "test support")]

use fast_qr::{ECL, QRBuilder};
use rxing::common::BitMatrix;
use rxing::{BarcodeFormat, MultiFormatWriter, Writer as _};

/// Random numbers that are the same for the same seed (SplitMix64).
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Chance(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to and without `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// Between two numbers.
    pub fn between(&mut self, from: f32, to: f32) -> f32 {
        from + (to - from) * (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Around 0 with a standard deviation of about 1: the sum of twelve even numbers.
    fn normal(&mut self) -> f32 {
        (0..3)
            .map(|_| self.next())
            .flat_map(|bits| [bits & 0xffff, bits >> 16 & 0xffff, bits >> 32 & 0xffff, bits >> 48])
            .map(|part| part as f32 / 65536.0)
            .sum::<f32>()
            - 6.0
    }
}

/// What happened to a label before its picture was taken, and while it was.
#[derive(Clone, Copy, Debug)]
pub struct Wear {
    /// Dots of the print for a module of the code.
    pub module: usize,
    /// Light columns of one dot each: dead elements of the print head.
    pub streaks: usize,
    /// Dots that dark parts are grown by, or thinned by if negative.
    pub spread: i32,
    /// Degrees; anything random for 360 and more.
    pub turn: f32,
    /// How far each corner is out of place, as a share of the side.
    pub tilt: f32,
    /// Standard deviation in dots.
    pub blur: f32,
    /// Black to white as a share of the whole range.
    pub contrast: f32,
    /// The light in the darkest corner as a share of that in the lightest.
    pub shade: f32,
    /// Standard deviation in 256 greys.
    pub noise: f32,
}

/// A good print seen well.
pub const GOOD: Wear =
    Wear { module: 4, streaks: 0, spread: 0, turn: 0.0, tilt: 0.0, blur: 0.0, contrast: 1.0, shade: 1.0, noise: 0.0 };

/// A picture and what is to be read in it.
pub struct Picture {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<u8>,
    pub texts: Vec<String>,
}

impl Picture {
    /// It as a file.
    pub fn bmp(&self) -> Vec<u8> {
        let stride = self.width.next_multiple_of(4);
        let mut file = b"BM".to_vec();
        for word in [0, 0, 1078, 40, self.width as u32, self.height as u32, 1 | 8 << 16, 0, 0, 0, 0, 256, 0] {
            file.extend(word.to_le_bytes());
        }
        file.extend((0..=255u8).flat_map(|grey| [grey, grey, grey, 0]));
        // rows from the bottom up, each of whole words
        for row in self.pixels.chunks_exact(self.width).rev() {
            file.extend(row);
            file.extend(std::iter::repeat_n(0, stride - self.width));
        }
        file
    }
}

/// The cases by name.
pub fn cases() -> Vec<(String, Wear)> {
    let mut all = Vec::new();
    let mut add = |name: &str, wear: Wear| {
        for module in [4, 6] {
            all.push((format!("{name}, {module} dots"), Wear { module, ..wear }));
        }
    };
    add("clean", GOOD);
    for blur in [0.5, 1.0, 2.0, 3.0] {
        add(&format!("blur {blur}"), Wear { blur, ..GOOD });
    }
    for noise in [20.0, 40.0, 80.0] {
        add(&format!("noise {noise}"), Wear { noise, ..GOOD });
    }
    add("contrast 10 %", Wear { contrast: 0.1, ..GOOD });
    add("contrast 10 %, noise 3", Wear { contrast: 0.1, noise: 3.0, ..GOOD });
    add("uneven light", Wear { shade: 0.25, ..GOOD });
    add("turned", Wear { turn: 360.0, ..GOOD });
    add("tilted", Wear { turn: 360.0, tilt: 0.12, ..GOOD });
    for streaks in [1, 3, 6] {
        add(&format!("{streaks} streaks"), Wear { streaks, ..GOOD });
    }
    add("bloated", Wear { spread: 1, ..GOOD });
    add("thinned", Wear { spread: -1, ..GOOD });
    add("turn 7, blur 1, contrast 50 %, noise 12", Wear { turn: 7.0, blur: 1.0, contrast: 0.5, noise: 12.0, ..GOOD });
    add("streaks, turned, blur 0.7", Wear { streaks: 3, turn: 360.0, blur: 0.7, ..GOOD });
    add("bloated, shade, noise 10", Wear { spread: 1, shade: 0.4, noise: 10.0, ..GOOD });
    add("thinned, turned, blur 1", Wear { spread: -1, turn: 360.0, blur: 1.0, ..GOOD });
    add("tilted, shade, blur 1.2, noise 8", Wear { turn: 360.0, tilt: 0.1, shade: 0.3, blur: 1.2, noise: 8.0, ..GOOD });
    add("contrast 20 %, shade, turned", Wear { contrast: 0.2, shade: 0.4, turn: 360.0, ..GOOD });
    all
}

/// A label of 100 × 130 mm at 203 dots an inch with one to three codes, worn and taken as told.
pub fn label(seed: u64, wear: &Wear) -> Picture {
    let mut chance = Chance::new(seed);
    let (width, height) = (800, 1040);
    let mut paper = Paper { width, height, dark: vec![false; width * height] };
    let count = 1 + chance.below(3);
    let mut texts = Vec::new();
    for nth in 0..count {
        let text = format!("HTTPS://WH.CN/O/{:08X}-{:04X}?S={nth}", chance.next() as u32, chance.next() as u16);
        let (left, top) = (40 + chance.below(60) + (nth % 2) * 380, 40 + nth * 330 + chance.below(30));
        let size = paper.qr(left, top, wear.module, &text);
        let beside = if nth % 2 == 0 { left + size + 30 } else { 30 };
        let until = if nth % 2 == 0 { width - 30 } else { left - 30 };
        paper.writing(beside, top, until.saturating_sub(beside), size, &mut chance);
        paper.frame(
            left.saturating_sub(4 * wear.module + 3),
            top.saturating_sub(4 * wear.module + 3),
            size + 8 * wear.module + 6,
        );
        texts.push(text);
    }
    paper.spread(wear.spread);
    for _ in 0..wear.streaks {
        // each goes through the band where codes stand
        let column = 40 + chance.below(width - 80);
        paper.streak(column);
    }
    taken(&paper, wear, texts, &mut chance)
}

/// How people take pictures of codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// At arm's length.
    Usual,
    /// So near that the code fills the picture.
    Near,
    /// So far that a module is two or three pixels.
    Far,
    /// Of a code with hundreds of characters.
    Dense,
}

/// A single code somewhere in a busy scene, as people take pictures of them.
pub fn photo(seed: u64, scene: Scene) -> Picture {
    let mut chance = Chance::new(seed);
    let length = if scene == Scene::Dense { 150 + chance.below(350) } else { 10 + chance.below(120) };
    let text: String =
        (0..length).map(|_| char::from(b"abcdefghijklmnopqrstuvwxyz0123456789/:.-ABCDEF"[chance.below(46)])).collect();
    let modules = QRBuilder::new(text.as_str()).ecl(ECL::M).build().expect("a short text fits").size;
    let module = match scene {
        Scene::Usual => 3 + chance.below(5),
        Scene::Near => 12 + chance.below(16),
        Scene::Far => 2 + chance.below(2),
        Scene::Dense => 4 + chance.below(3),
    };
    let size = modules * module;
    let (width, height) = (size + 120 + chance.below(400), size + 200 + chance.below(200));
    let mut paper = Paper { width, height, dark: vec![false; width * height] };
    paper.writing(10, 10, width - 20, 70, &mut chance);
    let (left, top) = (60 + chance.below(width - size - 115), 120 + chance.below(height - size - 175));
    paper.qr(left, top, module, &text);
    paper.writing(5, top, left.saturating_sub(5 + 4 * module), size, &mut chance);
    let small = module as f32 / 3.0;
    let wear = Wear {
        module,
        turn: 360.0,
        tilt: chance.between(0.0, 0.2),
        blur: chance.between(0.2 * small, 1.2 * small).min(6.0),
        contrast: chance.between(0.25, 1.0),
        shade: chance.between(0.3, 1.0),
        noise: chance.between(0.0, 12.0) * if scene == Scene::Far { 0.5 } else { 1.0 },
        ..GOOD
    };
    taken(&paper, &wear, vec![text], &mut chance)
}

/// Kinds of codes beside QR, with a text that each can say.
pub const OTHERS: [(BarcodeFormat, &str); 6] = [
    (BarcodeFormat::CODE_128, "75312345678901"),
    (BarcodeFormat::CODE_128, "SF1234567890123"),
    (BarcodeFormat::EAN_13, "6901234567892"),
    (BarcodeFormat::ITF, "16901234567892"),
    (BarcodeFormat::DATA_MATRIX, "WB:K:4711:A1B2"),
    (BarcodeFormat::CODE_39, "LOC-A1-07"),
];

/// A QR code of coarse modules that fills its picture but for a module around it.
pub fn filling(text: &str) -> Picture {
    const MODULE: usize = 8;
    let side = QRBuilder::new(text).ecl(ECL::M).build().expect("a short text fits").size * MODULE + 2 * MODULE;
    let mut paper = Paper { width: side, height: side, dark: vec![false; side * side] };
    paper.qr(MODULE, MODULE, MODULE, text);
    let pixels = paper.dark.iter().map(|dark| if *dark { 0 } else { 255 }).collect();
    Picture { width: side, height: side, pixels, texts: vec![text.to_owned()] }
}

/// Codes of bars close above each other, as on a sheet of locations, cut out without paper beside them.
pub fn sheet(texts: &[&str]) -> Picture {
    const HIGH: usize = 44;
    let codes: Vec<_> = texts
        .iter()
        .map(|text| MultiFormatWriter.encode(text, &BarcodeFormat::CODE_39, 0, 0).expect("its characters"))
        .collect();
    let ink = |code: &BitMatrix| (0..code.width()).filter(|x| code.get(*x, 0)).collect::<Vec<u32>>();
    let width = codes.iter().map(ink).map(|ink| (ink[ink.len() - 1] + 1 - ink[0]) as usize * 2).max();
    let (width, height) = (width.expect("some codes"), (HIGH + 10) * texts.len());
    let mut paper = Paper { width, height, dark: vec![false; width * height] };
    for (nth, code) in codes.iter().enumerate() {
        let ink = ink(code);
        for x in &ink {
            paper.fill((x - ink[0]) as usize * 2, nth * (HIGH + 10), 2, HIGH, true);
        }
    }
    let pixels = paper.dark.iter().map(|dark| if *dark { 0 } else { 255 }).collect();
    Picture { width, height, pixels, texts: texts.iter().map(|text| (*text).to_owned()).collect() }
}

/// A label with one of the other codes and some writing, worn and taken as told.
pub fn other(seed: u64, nth: usize, wear: &Wear) -> Picture {
    let mut chance = Chance::new(seed);
    let (format, text) = OTHERS[nth % OTHERS.len()];
    let size = if format == BarcodeFormat::DATA_MATRIX { 24 } else { 0 };
    let code = MultiFormatWriter.encode(text, &format, size, size).expect("a text of its kind");
    let mut paper = Paper { width: 640, height: 420, dark: vec![false; 640 * 420] };
    paper.writing(20, 20, 600, 90, &mut chance);
    let module = if size > 0 { wear.module * 2 } else { (wear.module * 3 / 4).max(2) };
    let (left, top) = (60 + chance.below(40), 150 + chance.below(60));
    for y in 0..code.height() as usize {
        for x in (0..code.width() as usize).filter(|x| code.get(*x as u32, y as u32)) {
            let height = if size > 0 { module } else { 110 };
            paper.fill(left + x * module, top + y * module, module, height, true);
        }
    }
    paper.spread(wear.spread);
    for _ in 0..wear.streaks {
        paper.streak(chance.below(640));
    }
    taken(&paper, wear, vec![text.to_owned()], &mut chance)
}

struct Paper {
    width: usize,
    height: usize,
    dark: Vec<bool>,
}

impl Paper {
    fn fill(&mut self, left: usize, top: usize, width: usize, height: usize, dark: bool) {
        for y in top..(top + height).min(self.height) {
            for x in left..(left + width).min(self.width) {
                self.dark[y * self.width + x] = dark;
            }
        }
    }

    /// Draws a code and gives the length of its side.
    fn qr(&mut self, left: usize, top: usize, module: usize, text: &str) -> usize {
        let code = QRBuilder::new(text).ecl(ECL::M).build().expect("a short text fits");
        for row in 0..code.size {
            for column in 0..code.size {
                if code[row][column].value() {
                    self.fill(left + column * module, top + row * module, module, module, true);
                }
            }
        }
        code.size * module
    }

    fn frame(&mut self, left: usize, top: usize, size: usize) {
        for (x, y, width, height) in [
            (left, top, size, 3),
            (left, top + size - 3, size, 3),
            (left, top, 3, size),
            (left + size - 3, top, 3, size),
        ] {
            self.fill(x, y, width, height, true);
        }
    }

    /// Lines of dense signs: strokes, crosses and nested boxes in square cells.
    fn writing(&mut self, left: usize, top: usize, width: usize, height: usize, chance: &mut Chance) {
        let cell = 22 + chance.below(14);
        for row in 0..height / (cell + 6) {
            for column in 0..width / (cell + 3) {
                let (x, y) = (left + column * (cell + 3), top + row * (cell + 6));
                for _ in 0..4 + chance.below(5) {
                    let thick = 2 + chance.below(2);
                    let at = chance.below(cell - thick);
                    let from = chance.below(cell / 2);
                    let length = (cell / 3 + chance.below(cell / 2)).min(cell - from);
                    if chance.below(2) == 0 {
                        self.fill(x + from, y + at, length, thick, true);
                    } else {
                        self.fill(x + at, y + from, thick, length, true);
                    }
                }
                if chance.below(60) == 0 {
                    // like 回: a box in a box
                    self.fill(x, y, cell, cell, true);
                    self.fill(x + 3, y + 3, cell - 6, cell - 6, false);
                    let inner = cell / 3 + chance.below(4);
                    let inset = (cell - inner) / 2;
                    self.fill(x + inset, y + inset, inner, inner, true);
                }
            }
        }
    }

    fn spread(&mut self, dots: i32) {
        let grow = dots > 0;
        for _ in 0..dots.unsigned_abs() {
            let before = self.dark.clone();
            let at = |x: usize, y: usize| before[y.min(self.height - 1) * self.width + x.min(self.width - 1)];
            for y in 0..self.height {
                for x in 0..self.width {
                    let mut around =
                        (y.saturating_sub(1)..=y + 1).flat_map(|y| (x.saturating_sub(1)..=x + 1).map(move |x| (x, y)));
                    let dark = if grow { around.any(|(x, y)| at(x, y)) } else { around.all(|(x, y)| at(x, y)) };
                    self.dark[y * self.width + x] = dark;
                }
            }
        }
    }

    fn streak(&mut self, column: usize) {
        self.fill(column, 0, 1, self.height, false);
    }
}

/// Takes the picture: turn and tilt, blur, light, contrast, noise.
fn taken(paper: &Paper, wear: &Wear, texts: Vec<String>, chance: &mut Chance) -> Picture {
    let mut picture = Picture { width: paper.width, height: paper.height, pixels: Vec::new(), texts };
    let mut light: Vec<f32> = if wear.turn == 0.0 && wear.tilt == 0.0 {
        paper.dark.iter().map(|dark| if *dark { 0.0 } else { 1.0 }).collect()
    } else {
        turned(paper, wear, &mut picture, chance)
    };
    blur(&mut light, picture.width, picture.height, wear.blur);
    let (dark_end, bright_end) = (0.5 - wear.contrast / 2.0, 0.5 + wear.contrast / 2.0);
    let slant = (chance.between(-1.0, 1.0), chance.between(-1.0, 1.0));
    let reach = slant.0.abs() + slant.1.abs();
    for y in 0..picture.height {
        for x in 0..picture.width {
            let (u, v) = (x as f32 / picture.width as f32 - 0.5, y as f32 / picture.height as f32 - 0.5);
            let place = ((u * slant.0 + v * slant.1) / reach.max(0.01) + 0.5).clamp(0.0, 1.0);
            let lamp = wear.shade + (1.0 - wear.shade) * place;
            let grey = (dark_end + (bright_end - dark_end) * light[y * picture.width + x]) * lamp * 255.0;
            let grain = if wear.noise > 0.0 { chance.normal() * wear.noise } else { 0.0 };
            picture.pixels.push((grey + grain).round().clamp(0.0, 255.0) as u8);
        }
    }
    picture
}

/// The paper turned and tilted on a mottled table.
fn turned(paper: &Paper, wear: &Wear, picture: &mut Picture, chance: &mut Chance) -> Vec<f32> {
    let degrees = if wear.turn >= 360.0 { chance.between(0.0, 360.0) } else { wear.turn };
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let (width, height) = (paper.width as f32, paper.height as f32);
    let (out_width, out_height) =
        ((width * cosine.abs() + height * sine.abs()).ceil(), (width * sine.abs() + height * cosine.abs()).ceil());
    picture.width = out_width as usize;
    picture.height = out_height as usize;
    // depth falls off towards one side: a tilt of the camera
    let (tilt_x, tilt_y) = (chance.between(-1.0, 1.0) * wear.tilt * 2.0, chance.between(-1.0, 1.0) * wear.tilt * 2.0);
    let table: Vec<f32> = (0..64).map(|_| chance.between(0.25, 0.75)).collect();
    let mut light = Vec::with_capacity(picture.width * picture.height);
    for y in 0..picture.height {
        for x in 0..picture.width {
            let mut sum = 0.0;
            for (dx, dy) in [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)] {
                let (u, v) = (x as f32 + dx - out_width / 2.0, y as f32 + dy - out_height / 2.0);
                let depth = 1.0 + tilt_x * u / out_width + tilt_y * v / out_height;
                let (u, v) = (u / depth, v / depth);
                let (u, v) = (u * cosine + v * sine + width / 2.0, v * cosine - u * sine + height / 2.0);
                sum += if u >= 0.0 && v >= 0.0 && u < width && v < height {
                    if paper.dark[v as usize * paper.width + u as usize] { 0.0 } else { 1.0 }
                } else {
                    table[(x / 40 * 7 + y / 40 * 13) % 64]
                };
            }
            light.push(sum / 4.0);
        }
    }
    light
}

fn blur(light: &mut [f32], width: usize, height: usize, sigma: f32) {
    if sigma <= 0.0 {
        return;
    }
    let reach = (sigma * 3.0).ceil() as isize;
    let kernel: Vec<f32> = (-reach..=reach).map(|at| (-(at * at) as f32 / (2.0 * sigma * sigma)).exp()).collect();
    let total: f32 = kernel.iter().sum();
    for (along, across, step, jump) in [(width, height, 1, width), (height, width, width, 1)] {
        let mut line = vec![0.0; along];
        for nth in 0..across {
            for (at, cell) in line.iter_mut().enumerate() {
                *cell = light[nth * jump + at * step];
            }
            for at in 0..along {
                let sum: f32 = kernel
                    .iter()
                    .zip(-reach..=reach)
                    .map(|(weight, away)| weight * line[(at as isize + away).clamp(0, along as isize - 1) as usize])
                    .sum();
                light[nth * jump + at * step] = sum / total;
            }
        }
    }
}
