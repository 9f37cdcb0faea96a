//! Pictures in templates: the same dots in all four outputs, every mistake with its line, and nothing read from elsewhere.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::io::Cursor;
use std::path::Path;
use std::process::Command;

use image::{DynamicImage, GrayImage, ImageFormat, Luma};
use waybind::codec::outside::codes;
use waybind::codec::{Fonts, PICTURE_LIMITS, Proved, TsplSettings, Unproved, ZplSettings, png, tspl, zpl};
use waybind::config::{TemplateFile, Templates, find_fonts};
use waybind::label::{Item, Resolution, Settings};
use waybind::message::Language;
use waybind::service::{Format, Press, PressError};

/// Black on its left half, and in its lower right corner.
fn picture(format: ImageFormat) -> Vec<u8> {
    let ink = |x: u32, y: u32| if x < 20 || (x >= 30 && y >= 15) { 0 } else { 255 };
    let grey = GrayImage::from_fn(40, 20, |x, y| Luma([ink(x, y)]));
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(grey).to_rgb8().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn template(images: &str) -> String {
    format!(
        "title = {{ zh = \"图\", en = \"Picture\" }}\nsize = [60, 40]\n\n{images}\n[[qr]]\nat = [1, 1]\nsize = 17\ndata = \"{{code}}\"\nwhen = \"code\"\n\n[sample]\ncode = \"WB:O:7:K3M2\"\nfragile = true\n"
    )
}

fn put(folder: &Path, images: &str) -> std::path::PathBuf {
    let file = folder.join("own.toml");
    std::fs::write(&file, template(images)).unwrap();
    file
}

fn press() -> Press {
    Press::of(Templates::built_in().unwrap(), Fonts::new(find_fonts(&[])).unwrap())
}

fn prove(press: &Press, template: &TemplateFile, dpi: u32) -> Result<Proved, PressError> {
    let settings = Settings { language: Language::English, mask: Vec::new(), today: jiff::civil::date(2026, 11, 21) };
    press.prove(template, &template.template.sample, &settings, Resolution::from_dpi(dpi).unwrap())
}

const IMAGE: &str = "[[image]]\nat = [20, 10]\nsize = [30, 15]\nfile = \"logo.png\"\n";

#[test]
fn a_picture_has_the_same_dots_in_every_output() {
    let folder = tempfile::tempdir().unwrap();
    let press = press();
    for (format, name) in
        [(ImageFormat::Png, "png"), (ImageFormat::Jpeg, "jpg"), (ImageFormat::Bmp, "bmp"), (ImageFormat::WebP, "webp")]
    {
        std::fs::write(folder.path().join(format!("logo.{name}")), picture(format)).unwrap();
        let file = put(folder.path(), &IMAGE.replace("png", name));
        let label = prove(&press, &Templates::read(&file).unwrap(), 203).unwrap();
        let page = &label.pages()[0];
        // 30 × 15 mm from 20, 10: the right half is white but for a corner
        for (x, y, black) in [(160, 80, true), (279, 199, true), (281, 80, false), (399, 199, true), (399, 150, false)]
        {
            assert_eq!(page.is_black(x, y), black, "{name}: {x}, {y}");
        }
        assert!(!page.is_black(159, 100) && !page.is_black(200, 79) && !page.is_black(200, 200), "{name}");
        for (language, job) in
            [("zpl", zpl(&label, ZplSettings::default())), ("tspl", tspl(&label, TsplSettings::default()))]
        {
            assert_eq!(codes(language, &job).unwrap(), ["WB:O:7:K3M2"], "{name} as {language}");
        }
        assert!(png(&label, 0).unwrap().len() > 100);
    }
}

/// Ink of a page as poppler draws it, at the label's own dots.
fn drawn_by_poppler(folder: &Path, file: &[u8]) -> Option<(usize, Vec<u8>)> {
    let path = folder.join("label.pdf");
    std::fs::write(&path, file).unwrap();
    let drawn = Command::new("pdftoppm").args(["-gray", "-r", "203.2"]).arg(&path).output().ok()?.stdout;
    let mut head = drawn.splitn(4, |byte| byte.is_ascii_whitespace());
    assert_eq!(head.next(), Some(&b"P5"[..]));
    let width = std::str::from_utf8(head.next()?).unwrap().parse().unwrap();
    let dots = head.nth(1)?.splitn(2, |byte| byte.is_ascii_whitespace()).nth(1)?.to_vec();
    Some((width, dots))
}

#[test]
fn the_pdf_has_the_picture_where_the_bitmap_has_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("logo.png"), picture(ImageFormat::Png)).unwrap();
    let press = press();
    let images = format!("{}rotate = 90\nfit = \"stretch\"\n", IMAGE);
    let label = prove(&press, &Templates::read(&put(folder.path(), &images)).unwrap(), 203).unwrap();
    let file = press.write(&label, Format::Pdf).unwrap().remove(0);
    let Some((width, dots)) = drawn_by_poppler(folder.path(), &file) else {
        assert!(std::env::var_os("WAYBIND_FULL").is_none(), "poppler-utils are not installed");
        return;
    };
    let page = &label.pages()[0];
    let mut seen = 0;
    // edges may be grey: the middles of areas of three by three equal dots are held against each other
    for (x, y) in (150..410).flat_map(|x| (70..210).map(move |y| (x, y))) {
        let around = (x - 1..=x + 1).flat_map(|x| (y - 1..=y + 1).map(move |y| (x, y)));
        let black = page.is_black(x, y);
        if around.clone().all(|(x, y)| page.is_black(x, y) == black) {
            let grey = dots[y as usize * width + x as usize];
            assert_eq!(grey < 128, black, "{x}, {y}: {grey}");
            seen += 1;
        }
    }
    assert!(seen > 30_000, "{seen}");
}

fn mistakes(file: &Path) -> Vec<String> {
    let problems = Templates::read(file).err().map(|error| error.problems).unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn every_mistake_with_a_picture_has_its_line_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    write("text.png", b"no picture");
    write("broken.png", &picture(ImageFormat::Png)[..60]);
    write("long.png", &vec![0; PICTURE_LIMITS.bytes + 1]);
    let white = |side| {
        let mut bytes = Cursor::new(Vec::new());
        GrayImage::from_pixel(side, 9, Luma([250])).write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    };
    write("wide.png", &white(9_000));
    write("white.png", &white(9));
    std::fs::create_dir(folder.path().join("folder.png")).unwrap();
    std::fs::write(outside.path().join("secret.png"), picture(ImageFormat::Png)).unwrap();
    std::os::unix::fs::symlink(outside.path().join("secret.png"), folder.path().join("link.png")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        folder.path().join("pipe.png"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    for (name, expected) in [
        ("gone.png", "line 4: there is no picture"),
        ("text.png", "line 4: text.png: this is no PNG, JPEG, WebP or BMP picture (save the picture"),
        ("broken.png", "line 4: broken.png: the picture is damaged"),
        ("long.png", "line 4: long.png: the picture has more than 1048576 bytes (take the picture"),
        ("wide.png", "line 4: wide.png: the picture has 9000 x 9 pixels"),
        ("white.png", "line 4: white.png: all of it is too light"),
        ("folder.png", "line 4: "),
        ("pipe.png", "line 4: "),
        ("link.png", "line 4: "),
        ("../secret.png", "line 7: file: \"../secret.png\" is no picture beside the template"),
        ("/etc/passwd", "line 7: file: \"/etc/passwd\" is no picture beside the template"),
        ("logo.gif", "line 7: file: \"logo.gif\" is no picture; save it as"),
    ] {
        let told = mistakes(&put(folder.path(), &IMAGE.replace("logo.png", name)));
        assert!(told.len() == 1 && told[0].starts_with(expected), "{name}: {told:#?}");
        let why = match name {
            "folder.png" | "pipe.png" => "is no file",
            "link.png" => "leads out of its folder",
            _ => "",
        };
        assert!(told[0].contains(why), "{name}: {told:#?}");
    }
    write("logo.png", &picture(ImageFormat::Png));
    for (more, expected) in [
        ("threshold = 0\n", "line 4: nothing or all of a picture"),
        ("rotate = 45\n", "line 8: rotate: a picture is turned by 0, 90"),
        ("dither = \"grey\"\n", "line 8: dither: "),
        ("turn = 90\n", "line 8: there is no key \"turn\""),
    ] {
        let told = mistakes(&put(folder.path(), &format!("{IMAGE}{more}")));
        assert!(told.iter().any(|line| line.starts_with(expected)), "{more}: {told:#?}");
    }
}

#[test]
fn a_picture_on_a_code_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("logo.png"), picture(ImageFormat::Png)).unwrap();
    let told = mistakes(&put(folder.path(), &IMAGE.replace("[20, 10]", "[15, 5]")));
    assert!(told[0].contains("lie on each other"), "{told:#?}");
    let press = press();
    // where both depend on a field they may be meant in turn, and what is drawn decides
    for (at, near) in [("[9, 5]", false), ("[16, 5]", true)] {
        let images = format!("{}when = \"fragile\"\n", IMAGE.replace("[20, 10]", at));
        let template = Templates::read(&put(folder.path(), &images)).unwrap();
        match prove(&press, &template, 203).map(|_| ()) {
            Err(PressError::Unproved { line: Some(_), what: Unproved::QuietZone { .. } }) if near => {}
            Err(PressError::Unproved { line: Some(_), what: Unproved::Spoilt { .. } | Unproved::QuietZone { .. } }) => {
            }
            other => panic!("{at}: {other:?}"),
        }
    }
}

#[test]
fn the_shipped_picture_is_drawn_only_where_it_is_wanted() {
    let press = press();
    let template = press.template("product").unwrap();
    let (sample, language) = press.sample(template);
    let settings = Settings { language, mask: Vec::new(), today: jiff::civil::date(2026, 11, 21) };
    let has_picture = |record| {
        let label = press.prove(template, &record, &settings, Resolution::DPI_203).unwrap();
        label.layout().pages[0].iter().any(|item| matches!(item, Item::Picture(_)))
    };
    assert!(has_picture(sample.clone()));
    let waybind::label::Value::Table(mut fields) = sample.clone() else { panic!("a table") };
    let Some(waybind::label::Value::Table(product)) = fields.get_mut("product") else { panic!("a table") };
    product.remove("fragile");
    assert!(!has_picture(waybind::label::Value::Table(fields)));
}

#[test]
fn a_broken_template_of_a_warehouse_is_not_replaced_by_ours() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("product.toml"), template("[[image]]\nat = [20, 10]\n")).unwrap();
    std::fs::write(folder.path().join("own.toml"), template("")).unwrap();
    let (templates, errors) = Templates::with_folder(Some(folder.path()));
    assert!(templates.get("own").is_some() && templates.get("order-qr").is_some());
    assert!(templates.get("product").is_none(), "ours may show what theirs hides");
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("label-templates/product.toml");
    std::fs::copy(ours, folder.path().join("copy.toml")).unwrap();
    assert_eq!(mistakes(&folder.path().join("copy.toml")), Vec::<String>::new(), "its picture is ours");
    assert_eq!(errors.iter().map(|error| error.name.as_str()).collect::<Vec<_>>(), ["product"]);
}
