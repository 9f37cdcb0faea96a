//! What can be wrong with a template or a label, each with the element and what to do.

use super::template::ElementRef;

/// A mistake in a template, found without filling it.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// The element; none for the template itself.
    pub element: Option<ElementRef>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// Why a label can't be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}{trouble}", .element.as_ref().map(|element| format!("{element}: ")).unwrap_or_default())]
pub struct LabelError {
    /// The element; none for the label itself.
    pub element: Option<ElementRef>,
    /// What is the matter.
    pub trouble: Trouble,
}

/// What is the matter with a label.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Trouble {
    /// The record has no such field.
    #[error("the record has no field \"{field}\"")]
    MissingField {
        /// Its whole way.
        field: String,
    },
    /// The record has a field that the template does not know.
    #[error("the template knows no field \"{field}\"")]
    UnknownField {
        /// Its whole way.
        field: String,
    },
    /// A list or table stands where a text is wanted.
    #[error("\"{field}\" is no text")]
    NotText {
        /// Its whole way.
        field: String,
    },
    /// What is to be repeated is no list.
    #[error("\"{field}\" is no list")]
    NotList {
        /// Its whole way.
        field: String,
    },
    /// More entries than the label has room for.
    #[error("\"{field}\" has {entries} entries, the label has room for {max}")]
    TooManyEntries {
        /// The list.
        field: String,
        /// How many it has.
        entries: usize,
        /// How many fit.
        max: usize,
    },
    /// More pages than are made at once.
    #[error("the label would have {pages} pages, more than {max}")]
    TooManyPages {
        /// How many it would have.
        pages: usize,
        /// How many are made.
        max: usize,
    },
    /// A text is longer than any label.
    #[error("a text of {characters} characters is longer than any label")]
    TooLong {
        /// How many it has.
        characters: usize,
    },
    /// A text does not fit into its box, even at its smallest.
    #[error("\"{text}\" does not fit into {width_mm} × {height_mm} mm")]
    TextOverflow {
        /// How it begins.
        text: String,
        /// Width of the box.
        width_mm: f64,
        /// Height of the box.
        height_mm: f64,
    },
    /// No font has this character.
    #[error("no font has the character {} (U+{:04X})", shown(*.character), u32::from(*.character))]
    NoGlyph {
        /// The character.
        character: char,
        /// The Debian package whose font has it, where one is known.
        package: Option<&'static str>,
    },
    /// A script that wants joined or reordered letters.
    #[error("the script of the character U+{:04X} can't be printed", u32::from(*.character))]
    Script {
        /// The character.
        character: char,
    },
    /// A control character in a text.
    #[error("there is a control character (U+{:04X}) in the text", u32::from(*.character))]
    Control {
        /// The character.
        character: char,
    },
    /// A code without content.
    #[error("the code would be empty")]
    EmptyCode,
    /// A symbology that can't hold this.
    #[error("{0}")]
    NotEncodable(String),
    /// A code whose modules would be too small to be scanned.
    #[error("the code needs {needed_mm} mm at this resolution, there are {there_mm} mm")]
    TooDense {
        /// Least width, quiet zones included.
        needed_mm: f64,
        /// Width of its box.
        there_mm: f64,
    },
    /// A picture that is not there, or can't be drawn.
    #[error("the picture {file} can't be drawn: {cause}")]
    Picture {
        /// Its file.
        file: String,
        /// What is wrong.
        cause: String,
    },
    /// Letters that are to be smaller than anybody can read at this resolution.
    #[error("letters of {height_mm} mm can't be read at this resolution, which wants {needed_mm} mm")]
    TooSmall {
        /// How high they are to be, at most.
        height_mm: f64,
        /// How high they must be, at least.
        needed_mm: f64,
    },
    /// An element that leaves the paper.
    #[error("the element leaves the paper")]
    OffPaper,
    /// Paper that no printer has.
    #[error("paper of {width_mm} × {height_mm} mm can't be printed")]
    PaperSize {
        /// Width.
        width_mm: f64,
        /// Height.
        height_mm: f64,
    },
}

/// A character as it may be shown in a message.
fn shown(character: char) -> String {
    match character.is_control() {
        true => String::new(),
        false => format!("\"{character}\""),
    }
}

impl LabelError {
    /// What to do.
    #[must_use]
    pub fn hint(&self) -> String {
        match &self.trouble {
            Trouble::MissingField { .. } => {
                "give the field, or write a ? behind its name in the template if it may be missing".into()
            }
            Trouble::UnknownField { .. } => "correct its name, or put it under \"ext\"".into(),
            Trouble::NotText { .. } => "name one of its fields".into(),
            Trouble::NotList { .. } => "repeat over a field that is a list".into(),
            Trouble::TooManyEntries { .. } => "take a template with more room, or split the label".into(),
            Trouble::TooManyPages { .. } => "split it".into(),
            Trouble::TooLong { .. } | Trouble::TextOverflow { .. } => {
                "shorten the text, or give it more room in the template (size, lines, min_height)".into()
            }
            Trouble::NoGlyph { package: Some(package), .. } => format!("apt-get install -y {package}"),
            Trouble::NoGlyph { package: None, .. } => "leave the character out, or install a font that has it".into(),
            Trouble::Script { .. } => "write the text in Chinese or Latin letters".into(),
            Trouble::Control { .. } => "take the control character out".into(),
            Trouble::EmptyCode => "give the field that the code is made of".into(),
            Trouble::NotEncodable(_) => "correct the field that the code is made of".into(),
            Trouble::TooDense { .. } => "shorten the code, or give it more room in the template".into(),
            Trouble::Picture { .. } => "put the picture beside the template, as PNG or JPEG".into(),
            Trouble::TooSmall { .. } => "make height larger in the template".into(),
            Trouble::OffPaper | Trouble::PaperSize { .. } => "correct the template".into(),
        }
    }
}
