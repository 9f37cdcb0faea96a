//! Dots as PDF, for a printer that takes nothing else: each page is one picture in black and white, as large as its paper.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::Bitmap;
use super::proof::Sheets;

/// Points of a millimetre.
const POINTS_PER_MM: f64 = 72.0 / 25.4;

/// Objects before the first page: the catalogue and the list of pages.
const BEFORE: usize = 2;

/// Objects of a page: itself, what is drawn, the picture.
const OF_PAGE: usize = 3;

/// The file.
#[must_use]
pub fn dots_pdf<'p>(label: impl Into<Sheets<'p>>) -> Vec<u8> {
    let label = label.into();
    let [width, height] = label.size_mm().map(|side| side * POINTS_PER_MM);
    let count = label.pages().len();
    let kids: String = (0..count).map(|page| format!("{} 0 R ", BEFORE + 1 + page * OF_PAGE)).collect();
    let mut objects: Vec<Vec<u8>> = vec![
        b"<</Type/Catalog/Pages 2 0 R/ViewerPreferences<</PrintScaling/None>>>>".to_vec(),
        format!("<</Type/Pages/Count {count}/Kids[{kids}]>>").into_bytes(),
    ];
    for page in label.pages() {
        let (content, picture) = (objects.len() + 2, objects.len() + 3);
        objects.push(
            format!("<</Type/Page/Parent 2 0 R/MediaBox[0 0 {width:.3} {height:.3}]/Contents {content} 0 R/Resources<</XObject<</P {picture} 0 R>>>>>>")
                .into_bytes(),
        );
        let drawn = format!("q {width:.3} 0 0 {height:.3} 0 0 cm /P Do Q");
        objects.push(stream(&format!("<</Length {}>>", drawn.len()), drawn.as_bytes()));
        objects.push(picture_of(page));
    }
    file(&objects)
}

/// A page as a picture of one bit a dot, of which 1 is black.
fn picture_of(page: &Bitmap) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    // memory takes whatever is written
    let packed = encoder.write_all(page.bytes()).and_then(|()| encoder.finish()).unwrap_or_default();
    let head = format!(
        "<</Type/XObject/Subtype/Image/Width {}/Height {}/ColorSpace/DeviceGray/BitsPerComponent 1/Decode[1 0]/Filter/FlateDecode/Length {}>>",
        page.width(),
        page.height(),
        packed.len()
    );
    stream(&head, &packed)
}

fn stream(head: &str, bytes: &[u8]) -> Vec<u8> {
    [head.as_bytes(), b"stream\n", bytes, b"\nendstream"].concat()
}

fn file(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut file = b"%PDF-1.6\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut places = String::new();
    for (number, object) in (1..).zip(objects) {
        places.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.extend_from_slice(format!("{number} 0 obj\n").as_bytes());
        file.extend_from_slice(object);
        file.extend_from_slice(b"\nendobj\n");
    }
    let (start, size) = (file.len(), objects.len() + 1);
    let end = format!(
        "xref\n0 {size}\n0000000000 65535 f \n{places}trailer<</Size {size}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n"
    );
    file.extend_from_slice(end.as_bytes());
    file
}
