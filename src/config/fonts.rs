//! The fonts of labels, found where Debian and its relatives install them.

use std::path::{Path, PathBuf};

use crate::codec::FontFile;

/// A font that may be installed: its package, where it lies, which face of the file. Preferred ones first.
const KNOWN: &[(&str, &[&str], u32)] = &[
    (
        "fonts-wqy-microhei",
        &["/usr/share/fonts/truetype/wqy/wqy-microhei.ttc", "/usr/share/fonts/wqy-microhei/wqy-microhei.ttc"],
        0,
    ),
    // the third face is the one for simplified Chinese
    (
        "fonts-noto-cjk",
        &[
            "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
            "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
            "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
        ],
        2,
    ),
    (
        "fonts-dejavu-core",
        &["/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", "/usr/share/fonts/TTF/DejaVuSans.ttf"],
        0,
    ),
    ("fonts-liberation", &["/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf"], 0),
];

/// Largest font file in bytes; Noto's has twenty million.
const FONT_MAX: u64 = 64 * 1024 * 1024;

/// The fonts that are there: the named ones first, then the installed ones.
#[must_use]
pub fn find_fonts(named: &[PathBuf]) -> Vec<FontFile> {
    let named = named.iter().filter_map(|path| read(path, "", 0));
    let known = KNOWN
        .iter()
        .filter_map(|(package, paths, index)| paths.iter().find_map(|path| read(Path::new(path), package, *index)));
    named.chain(known).collect()
}

fn read(path: &Path, package: &str, index: u32) -> Option<FontFile> {
    let size = std::fs::metadata(path).ok()?.len();
    let bytes = (size <= FONT_MAX).then(|| std::fs::read(path).ok()).flatten()?;
    Some(FontFile { name: path.display().to_string(), package: package.to_owned(), index, bytes })
}
