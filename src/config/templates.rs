//! The label templates: those of the program, and a warehouse's own. Every mistake of a file is told with its line.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use include_dir::{Dir, include_dir};
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::file::{Problem, Reader, SYNTAX};
use super::pictures::Shelf;
use crate::codec::Picture;
use crate::label::{
    BarcodeElement, Bitmap, BoxElement, ElementRef, ImageElement, Kind, LineElement, PictureName, Pictures, QrElement,
    Repeat, Template, TextElement, Wanted, check,
};

pub(super) static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/label-templates");

/// Largest template file in bytes; those of the program have some ten thousand.
const FILE_MAX: u64 = 1024 * 1024;
/// Most mistakes of one table that are told.
const MISTAKES_MAX: usize = 20;

/// A template with its name, its pictures and the lines of its elements.
#[derive(Clone, Debug)]
pub struct TemplateFile {
    /// The name of its file.
    pub name: String,
    /// What it says.
    pub template: Template,
    pictures: BTreeMap<PictureName, Arc<Picture>>,
    lines: BTreeMap<ElementRef, usize>,
}

impl Pictures for TemplateFile {
    fn dots(&self, name: &PictureName, wanted: Wanted) -> Result<Arc<Bitmap>, String> {
        let picture = self.pictures.get(name).ok_or("it was not there when the template was read")?;
        picture.dots(wanted).map_err(|error| error.to_string())
    }
}

impl TemplateFile {
    /// On which line of the file an element stands.
    #[must_use]
    pub fn line_of(&self, element: ElementRef) -> Option<usize> {
        self.lines.get(&element).copied()
    }
}

/// A template that can't be used.
#[derive(Debug, thiserror::Error)]
#[error("{} mistake(s) in the template {name}", .problems.len())]
pub struct TemplateError {
    /// The name of its file.
    pub name: String,
    /// Its mistakes.
    pub problems: Vec<Problem>,
}

/// Templates by name.
#[derive(Clone, Debug, Default)]
pub struct Templates {
    templates: BTreeMap<String, Arc<TemplateFile>>,
}

impl Templates {
    /// The templates of the program.
    ///
    /// # Errors
    /// One of them has mistakes; a test keeps that from happening.
    pub fn built_in() -> Result<Templates, TemplateError> {
        let mut templates = Templates::default();
        let mut shelf = Shelf::new(None);
        for file in BUILT_IN.files().filter(|file| is_toml(file.path())) {
            let read = parsed(&stem(file.path()), file.contents_utf8().unwrap_or_default(), &mut shelf)?;
            templates.insert(read);
        }
        Ok(templates)
    }

    /// The templates of the program and those of a folder, which may take the place of ours; and those of the folder
    /// that can't be used. Nothing takes the place of those: ours of the same name may show what theirs hides.
    #[must_use]
    pub fn with_folder(folder: Option<&Path>) -> (Templates, Vec<TemplateError>) {
        let (mut templates, mut errors) = match Templates::built_in() {
            Ok(templates) => (templates, Vec::new()),
            Err(error) => (Templates::default(), vec![error]),
        };
        let entries = folder.map(std::fs::read_dir).into_iter().flatten().flatten().flatten();
        let mut files: Vec<_> = entries.map(|entry| entry.path()).filter(|path| is_toml(path)).collect();
        files.sort();
        let mut shelf = Shelf::new(folder);
        for file in files {
            match read(&file, &mut shelf) {
                Ok(read) => templates.insert(read),
                Err(error) => {
                    templates.templates.remove(&error.name);
                    errors.push(error);
                }
            }
        }
        (templates, errors)
    }

    /// Reads one file, and the pictures beside it.
    ///
    /// # Errors
    /// It can't be read, or has mistakes.
    pub fn read(file: &Path) -> Result<TemplateFile, TemplateError> {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        read(file, &mut Shelf::new(Some(folder.unwrap_or(Path::new(".")))))
    }

    /// A template.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<TemplateFile>> {
        self.templates.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<TemplateFile>> {
        self.templates.values()
    }

    /// The name that is most like this one.
    #[must_use]
    pub fn nearest(&self, name: &str) -> Option<&str> {
        let likeness = |known: &str| strsim::jaro_winkler(name, known);
        let names = self.templates.keys().map(String::as_str);
        names.max_by(|one, other| likeness(one).total_cmp(&likeness(other)))
    }

    fn insert(&mut self, file: TemplateFile) {
        self.templates.insert(file.name.clone(), Arc::new(file));
    }
}

fn is_toml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml")
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn read(file: &Path, shelf: &mut Shelf) -> Result<TemplateFile, TemplateError> {
    let name = stem(file);
    let failed = |problem| TemplateError { name: name.clone(), problems: vec![problem] };
    let unreadable = |error: std::io::Error| failed(Problem::unreadable(&error));
    let told = |message: String| failed(Problem { line: None, message, hint: String::new() });
    // a pipe that is called like a template would never end
    if !std::fs::metadata(file).map_err(unreadable)?.is_file() {
        return Err(told("it is no file".into()));
    }
    let mut text = String::new();
    let size = std::fs::File::open(file).and_then(|file| file.take(FILE_MAX + 1).read_to_string(&mut text));
    if size.map_err(unreadable)? as u64 > FILE_MAX {
        return Err(told(format!("more than {FILE_MAX} bytes are too many for a template")));
    }
    parsed(&name, &text, shelf)
}

/// Reads a template's text. Its pictures are looked for in the folder; without one, among the program's own.
///
/// # Errors
/// Every mistake, with its line.
pub fn parse_template(name: &str, text: &str, folder: Option<&Path>) -> Result<TemplateFile, TemplateError> {
    parsed(name, text, &mut Shelf::new(folder))
}

fn parsed(name: &str, text: &str, shelf: &mut Shelf) -> Result<TemplateFile, TemplateError> {
    let mut salvage = Salvage { reader: Reader::new(text), lines: BTreeMap::new() };
    let template = match DeTable::parse(text) {
        Ok(table) => salvage.template(table),
        Err(error) => {
            let line = error.span().map(|span| salvage.reader.line(span.start));
            salvage.reader.problem(line, error.message().to_owned(), SYNTAX);
            None
        }
    };
    let Salvage { mut reader, lines } = salvage;
    for problem in template.as_ref().map(check).unwrap_or_default() {
        let line = problem.element.and_then(|element| lines.get(&element).copied());
        let line = line.or_else(|| reader.line_of("size"));
        reader.problem(line, problem.message, problem.hint);
    }
    let (pictures, wrong) = template.as_ref().map(|template| shelf.of(template)).unwrap_or_default();
    for (element, wrong) in wrong {
        reader.problem(lines.get(&element).copied(), wrong.message, wrong.hint);
    }
    match (template, reader.finish()) {
        (Some(template), problems) if problems.is_empty() => {
            Ok(TemplateFile { name: name.to_owned(), template, pictures, lines })
        }
        (_, problems) => Err(TemplateError { name: name.to_owned(), problems }),
    }
}

/// Reads what can be read and notes what can't.
struct Salvage<'t> {
    reader: Reader<'t>,
    lines: BTreeMap<ElementRef, usize>,
}

impl Salvage<'_> {
    fn template(&mut self, root: Spanned<DeTable<'_>>) -> Option<Template> {
        let span = root.span();
        let mut root = root.into_inner();
        let text = self.elements::<TextElement>(&mut root, None, Kind::Text);
        let qr = self.elements::<QrElement>(&mut root, None, Kind::Qr);
        let barcode = self.elements::<BarcodeElement>(&mut root, None, Kind::Barcode);
        let r#box = self.elements::<BoxElement>(&mut root, None, Kind::Box);
        let line = self.elements::<LineElement>(&mut root, None, Kind::Line);
        let image = self.elements::<ImageElement>(&mut root, None, Kind::Image);
        let repeat = self.repeats(&mut root);
        let rest = self.table::<Template>(Spanned::new(span, DeValue::Table(root)))?;
        Some(Template { text, qr, barcode, r#box, line, image, repeat, ..rest })
    }

    fn repeats(&mut self, root: &mut DeTable<'_>) -> Vec<Repeat> {
        let mut repeats = Vec::new();
        for (line, one) in self.tables(root, Kind::Repeat) {
            let span = one.span();
            let DeValue::Table(mut table) = one.into_inner() else { continue };
            let within = Some(repeats.len());
            let text = self.elements::<TextElement>(&mut table, within, Kind::Text);
            let qr = self.elements::<QrElement>(&mut table, within, Kind::Qr);
            let barcode = self.elements::<BarcodeElement>(&mut table, within, Kind::Barcode);
            let r#box = self.elements::<BoxElement>(&mut table, within, Kind::Box);
            let lines = self.elements::<LineElement>(&mut table, within, Kind::Line);
            let image = self.elements::<ImageElement>(&mut table, within, Kind::Image);
            if let Some(rest) = self.table::<Repeat>(Spanned::new(span, DeValue::Table(table))) {
                self.lines.insert(ElementRef { repeat: None, kind: Kind::Repeat, index: repeats.len() }, line);
                repeats.push(Repeat { text, qr, barcode, r#box, line: lines, image, ..rest });
            }
        }
        repeats
    }

    fn elements<T: DeserializeOwned>(&mut self, table: &mut DeTable<'_>, repeat: Option<usize>, kind: Kind) -> Vec<T> {
        let mut elements = Vec::new();
        for (line, one) in self.tables(table, kind) {
            if let Some(read) = self.table::<T>(one) {
                self.lines.insert(ElementRef { repeat, kind, index: elements.len() }, line);
                elements.push(read);
            }
        }
        elements
    }

    /// Takes a list of tables out of a table; each with its line.
    fn tables<'d>(&mut self, table: &mut DeTable<'d>, kind: Kind) -> Vec<(usize, Spanned<DeValue<'d>>)> {
        let Some(value) = table.remove(kind.as_str()) else { return Vec::new() };
        let line = self.reader.line(value.span().start);
        let DeValue::Array(array) = value.into_inner() else {
            let message = format!("{0} is written with two brackets: [[{0}]]", kind.as_str());
            self.reader.problem(Some(line), message, "write that line above its keys, once for each");
            return Vec::new();
        };
        array.into_iter().map(|one| (self.reader.line(one.span().start), one)).collect()
    }

    /// Reads a table; a key with a mistake is noted and left out, so that the next mistake is found too.
    fn table<T: DeserializeOwned>(&mut self, mut value: Spanned<DeValue<'_>>) -> Option<T> {
        let mut removed = Vec::new();
        for _ in 0..MISTAKES_MAX {
            let error = match T::deserialize(ValueDeserializer::from(value.clone())) {
                Ok(read) if removed.is_empty() => return Some(read),
                Ok(_) => return None,
                Err(error) => error,
            };
            let message = error.message().trim().to_owned();
            // a key that was left out is missing by our own doing
            if removed.iter().any(|key: &String| message == format!("missing field `{key}`")) {
                return None;
            }
            let at = error.span().unwrap_or(value.span());
            let (message, hint) = in_words(&message);
            let culprit = value.get_ref().as_table().and_then(|table| {
                let hit = |key: &std::ops::Range<usize>, value: &std::ops::Range<usize>| {
                    key.contains(&at.start) || value.contains(&at.start)
                };
                table
                    .iter()
                    .find(|(key, value)| hit(&key.span(), &value.span()))
                    .map(|(key, _)| key.get_ref().to_string())
            });
            let line = self.reader.line(at.start);
            let Some(key) = culprit else {
                self.reader.problem(Some(line), message, hint);
                return None;
            };
            let named = if message.contains(&format!("\"{key}\"")) { message } else { format!("{key}: {message}") };
            self.reader.problem(Some(line), named, hint);
            if let DeValue::Table(table) = value.get_mut() {
                table.remove(key.as_str());
            }
            removed.push(key);
        }
        None
    }
}

/// What the reader says of keys, as the rest of the program says it.
fn in_words(message: &str) -> (String, String) {
    let mut names = message.split('`').skip(1).step_by(2);
    match (message, names.next()) {
        (message, Some(wrong)) if message.starts_with("unknown field") => {
            let likeness = |known: &str| strsim::jaro_winkler(wrong, known);
            let nearest = names.max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
            let hint = nearest.map(|nearest| format!("the nearest is \"{nearest}\"")).unwrap_or_default();
            (format!("there is no key \"{wrong}\""), hint)
        }
        (message, Some(missing)) if message.starts_with("missing field") => {
            (format!("\"{missing}\" is missing"), String::new())
        }
        (message, _) => (message.to_owned(), String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let problems = parse_template("x", text, None).err().map(|error| error.problems).unwrap_or_default();
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_templates_of_the_program_are_right() {
        let templates = Templates::built_in().unwrap_or_else(|error| panic!("{error}: {:#?}", error.problems));
        assert!(templates.iter().count() >= 1);
        assert_eq!(templates.nearest("order-qrs"), Some("order-qr"));
    }

    #[test]
    fn lists_are_held_against_all_that_stands_on_the_page() {
        let text = |max: &str, more: &str| {
            let foot = "[[text]]\nat = [1, 50]\nsize = [40, 5]\nheight = 3\ntext = \"x\"\n";
            let list = "[[repeat]]\nover = \"lines\"\nas = \"line\"\nat = [0, 0]\npitch = [0, 10]\n";
            let sample = "[sample]\nlines = [\"a\"]\n";
            let head = "title = { zh = \"一\", en = \"one\" }\nsize = [50, 60]\n";
            format!("{head}{foot}{list}max = {max}\n{more}{sample}")
        };
        let cell = "[[repeat.text]]\nat = [1, 1]\nsize = [40, 5]\nheight = 3\ntext = \"{line}\"\n";
        assert_eq!(problems(&text("5", cell)), Vec::<String>::new());
        let told = problems(&text("6", cell));
        assert!(told.len() == 1 && told[0].contains("lie on each other"), "the sixth cell meets the foot: {told:#?}");
        for (max, more) in [("9223372036854775807", ""), ("9223372036854775807", cell), ("0", cell)] {
            assert!(problems(&text(max, more))[0].contains("without room"), "{max}");
        }
    }

    #[test]
    fn every_mistake_is_told_with_its_line() {
        let text = [
            "title = { zh = \"一\", en = \"one\" }",
            "size = [50, 30]",
            "colour = 1",
            "",
            "[[text]]",
            "at = [1, 1]",
            "size = [60, 5]",
            "hight = 3",
            "height = \"3\"",
            "text = \"{order\"",
            "",
            "[[text]]",
            "at = [1, 8]",
            "size = [60, 5]",
            "height = 3",
            "text = \"{ordr}\"",
            "",
            "[[qr]]",
            "at = [30, 10]",
            "size = 10",
            "data = \"{words.nothing}\"",
            "",
            "[[line]]",
            "from = [20, 12]",
            "to = [40, 12]",
            "",
            "[[repeat]]",
            "over = \"members\"",
            "as = \"member\"",
            "at = [0, 0]",
            "pitch = [10, 10]",
            "max = 3",
            "[[repeat.box]]",
            "at = [1, 1]",
            "sizes = [1, 1]",
            "",
            "[sample]",
            "order = \"SO-1\"",
        ]
        .join("\n");
        let told = problems(&text);
        let expected = [
            "line 3: there is no key \"colour\"",
            "line 8: there is no key \"hight\" (the nearest is \"height\")",
            "line 9: height: ",
            "line 10: text: \"{order\" has a brace",
            "line 35: there is no key \"sizes\" (the nearest is \"size\")",
        ];
        for start in expected {
            assert!(told.iter().any(|line| line.starts_with(start)), "{start} is not among {told:#?}");
        }
        let told = problems(&text.replace("colour = 1", ""));
        let expected = [
            "line 12: the element leaves the 50 × 30 mm",
            "line 12: neither the sample nor the words have \"ordr\"",
            "line 18: no QR code fits into 10 mm",
            "line 18: neither the sample nor the words have \"words.nothing\"",
            "line 18: the element and [[line]] 1 lie on each other",
            "line 27: the sample has no list \"members\"",
        ];
        for start in expected {
            assert!(told.iter().any(|line| line.starts_with(start)), "{start} is not among {told:#?}");
        }
    }
}
