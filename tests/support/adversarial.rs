//! Pictures made to keep a reader busy: textures of what codes are found by, without a code.

#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "test support")]

use fast_qr::{ECL, QRBuilder};

use super::pictures::{Chance, Picture};

fn painted(width: usize, height: usize, dark: impl Fn(usize, usize) -> bool) -> Picture {
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let pixels = places.map(|(x, y)| if dark(x, y) { 0 } else { 255 }).collect();
    Picture { width, height, pixels, texts: Vec::new() }
}

/// Corner squares of QR codes side by side, so many modules apart.
fn corner_squares(x: usize, y: usize, module: usize, gap: usize) -> bool {
    let (u, v) = (x / module % (7 + gap), y / module % (7 + gap));
    u < 7 && v < 7 && u.abs_diff(3).max(v.abs_diff(3)) != 2
}

/// Corner squares of many sizes anywhere, one over another.
fn scattered(width: usize, height: usize) -> Picture {
    let mut picture = painted(width, height, |_, _| false);
    let mut chance = Chance::new(11);
    for _ in 0..width * height / 1_500 {
        let (module, left, top) = (1 + chance.below(5), chance.below(width), chance.below(height));
        for y in top..(top + 7 * module).min(height) {
            for x in left..(left + 7 * module).min(width) {
                let dark = corner_squares(x - left, y - top, module, 0);
                picture.pixels[y * width + x] = if dark { 0 } else { 255 };
            }
        }
    }
    picture
}

/// Large QR codes side by side whose corner squares and timing patterns are whole and whose data are noise.
fn spoiled(width: usize, height: usize, characters: usize, module: usize) -> Picture {
    let code = QRBuilder::new("X".repeat(characters)).ecl(ECL::L).build().expect("it fits");
    let pitch = code.size + 6;
    painted(width, height, |x, y| {
        let (u, v) = (x / module % pitch, y / module % pitch);
        let frame = u < 9 || v < 9 || u + 9 > code.size || v + 9 > code.size;
        let noise = Chance::new((y / module * 90_001 + x / module) as u64).next().is_multiple_of(2);
        u < code.size && v < code.size && (if frame { code[v][u].value() } else { noise })
    })
}

/// All of them by name.
pub fn all(width: usize, height: usize) -> Vec<(String, Picture)> {
    let mut all = Vec::new();
    let mut add = |name: String, dark: &dyn Fn(usize, usize) -> bool| all.push((name, painted(width, height, dark)));
    for size in [1, 2, 3, 5, 9] {
        add(format!("stripes of {size}"), &|x, _| (x / size).is_multiple_of(2));
        add(format!("checks of {size}"), &|x, y| (x / size + y / size).is_multiple_of(2));
        add(format!("noise of {size}"), &|x, y| Chance::new((y / size * 90_001 + x / size) as u64).next() & 1 == 1);
        add(format!("rings of {size}"), &|x, y| {
            let away = (x as f32 - width as f32 / 2.0).hypot(y as f32 - height as f32 / 2.0);
            (away as usize / size).is_multiple_of(2)
        });
        add(format!("bars as wide as corner squares', {size}"), &|x, _| ![1, 5, 7].contains(&(x / size % 8)));
        add(format!("the borders of Data Matrix codes, {size}"), &|x, y| {
            let (u, v) = (x / size % 14, y / size % 14);
            u < 12 && v < 12 && (u == 0 || v == 11 || (v == 0 && u % 2 == 0) || (u == 11 && v % 2 == 1))
        });
        for gap in [1, 2, 7, 21, 60] {
            add(format!("corner squares of {size}, {gap} apart"), &|x, y| corner_squares(x, y, size, gap));
        }
    }
    all.push(("scattered corner squares".into(), scattered(width, height)));
    for (characters, module) in [(10, 2), (100, 2), (100, 3), (900, 2), (2_500, 2), (2_500, 3)] {
        all.push((format!("spoiled codes of {characters}, {module}"), spoiled(width, height, characters, module)));
    }
    all
}
