//! The press: templates and fonts brought together, so that a record becomes a proved label in any format.

use std::sync::{Mutex, PoisonError};

use crate::codec::{
    Encoders, FontError, Fonts, PdfError, Proved, Subsets, TsplSettings, Unproved, ZplSettings, pdf, png, prove, tspl,
    zpl,
};
use crate::config::{Config, TemplateError, TemplateFile, Templates, find_fonts};
use crate::label::{LabelError, Resolution, Settings, Value, fill, lay_out};
use crate::message::Language;

/// In what a label is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// PDF, for office printers and archives.
    Pdf,
    /// PNG, for the screen.
    Png,
    /// ZPL II.
    Zpl,
    /// TSPL.
    Tspl,
}

impl Format {
    /// All of them with their names.
    pub const ALL: [(&str, Format); 4] =
        [("pdf", Format::Pdf), ("png", Format::Png), ("zpl", Format::Zpl), ("tspl", Format::Tspl)];

    /// The format of a name or of a file's extension.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Format> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, format)| *format)
    }
}

/// Why there is no label.
#[derive(Debug, thiserror::Error)]
pub enum PressError {
    /// There is no such template.
    #[error("there is no template \"{name}\"{}", .nearest.as_ref().map(|near| format!("; the nearest is \"{near}\"")).unwrap_or_default())]
    NoTemplate {
        /// What was asked for.
        name: String,
        /// What is most like it.
        nearest: Option<String>,
    },
    /// The record does not fill the template, or it does not fit.
    #[error("{} mistake(s) in the label", .0.len())]
    Label(Vec<(Option<usize>, LabelError)>),
    /// A code can't be read back.
    #[error("{}{what}", .line.map(|line| format!("template line {line}: ")).unwrap_or_default())]
    Unproved {
        /// Where the element stands in the template.
        line: Option<usize>,
        /// What is wrong.
        what: Unproved,
    },
    /// A font can't be embedded.
    #[error(transparent)]
    Pdf(#[from] PdfError),
}

impl PressError {
    /// Each mistake with what to do.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        match self {
            PressError::Label(errors) => errors.iter().map(told).collect(),
            PressError::Unproved { what, .. } => vec![format!("{self} ({})", what.hint())],
            PressError::NoTemplate { .. } => vec![format!("{self} (`waybind label list` names all)")],
            PressError::Pdf(_) => vec![self.to_string()],
        }
    }
}

fn told((line, error): &(Option<usize>, LabelError)) -> String {
    let line = line.map(|line| format!("template line {line}: ")).unwrap_or_default();
    format!("{line}{error} ({})", error.hint())
}

/// Templates and fonts.
#[derive(Debug)]
pub struct Press {
    templates: Templates,
    fonts: Fonts,
    subsets: Mutex<Subsets>,
}

impl Press {
    /// A press with the templates and fonts of a configuration; and what of them can't be used.
    ///
    /// # Errors
    /// A font is there and can't be read.
    pub fn new(config: &Config) -> Result<(Press, Vec<TemplateError>), FontError> {
        let (templates, errors) = Templates::with_folder(config.templates.as_deref());
        let fonts = Fonts::new(find_fonts(&config.fonts))?;
        Ok((Press::of(templates, fonts), errors))
    }

    /// A press with these templates and fonts.
    #[must_use]
    pub fn of(templates: Templates, fonts: Fonts) -> Press {
        Press { templates, fonts, subsets: Mutex::default() }
    }

    /// The templates.
    #[must_use]
    pub fn templates(&self) -> &Templates {
        &self.templates
    }

    /// The fonts.
    #[must_use]
    pub fn fonts(&self) -> &Fonts {
        &self.fonts
    }

    /// Whether Chinese can be set.
    #[must_use]
    pub fn has_chinese(&self) -> bool {
        self.fonts.has('单')
    }

    /// A template by name.
    ///
    /// # Errors
    /// There is none.
    pub fn template(&self, name: &str) -> Result<&TemplateFile, PressError> {
        let nearest = || self.templates.nearest(name).map(str::to_owned);
        let found = self.templates.get(name).map(|template| &**template);
        found.ok_or_else(|| PressError::NoTemplate { name: name.to_owned(), nearest: nearest() })
    }

    /// The sample of a template that can be set with these fonts, and its language.
    #[must_use]
    pub fn sample<'t>(&self, template: &'t TemplateFile) -> (&'t Value, Language) {
        match &template.template.sample_latin {
            Some(latin) if !self.has_chinese() => (latin, Language::English),
            _ => (&template.template.sample, Language::Chinese),
        }
    }

    /// Fills, lays out, draws, and reads every code back.
    ///
    /// # Errors
    /// What keeps the label from being printed.
    pub fn prove(
        &self,
        template: &TemplateFile,
        record: &Value,
        settings: &Settings,
        resolution: Resolution,
    ) -> Result<Proved, PressError> {
        let with_lines = |errors: Vec<LabelError>| {
            let line = |error: &LabelError| error.element.and_then(|element| template.line_of(element));
            PressError::Label(errors.into_iter().map(|error| (line(&error), error)).collect())
        };
        let filled = fill(&template.template, record, settings).map_err(with_lines)?;
        let layout = lay_out(&filled, resolution, &self.fonts, &Encoders, template).map_err(with_lines)?;
        prove(layout, &self.fonts).map_err(|what| {
            let element = match what {
                Unproved::Unreadable { element, .. }
                | Unproved::OtherContent { element, .. }
                | Unproved::Spoilt { element, .. }
                | Unproved::QuietZone { element, .. } => Some(element),
                Unproved::TooLarge { .. } => None,
            };
            PressError::Unproved { line: element.and_then(|element| template.line_of(element)), what }
        })
    }

    /// The files of a label: one, or of PNG one a page.
    ///
    /// # Errors
    /// A font can't be embedded into a PDF.
    pub fn write(&self, label: &Proved, format: Format) -> Result<Vec<Vec<u8>>, PressError> {
        match format {
            Format::Pdf => {
                let mut subsets = self.subsets.lock().unwrap_or_else(PoisonError::into_inner);
                self.written(label, format, &mut subsets)
            }
            Format::Png | Format::Zpl | Format::Tspl => self.write_alone(label, format),
        }
    }

    /// The files of a label, the same whenever they are asked for: a PDF has the letters of this label alone, and not those
    /// that former labels needed. It takes some milliseconds more.
    ///
    /// # Errors
    /// A font can't be embedded into a PDF.
    pub fn write_alone(&self, label: &Proved, format: Format) -> Result<Vec<Vec<u8>>, PressError> {
        self.written(label, format, &mut Subsets::default())
    }

    fn written(&self, label: &Proved, format: Format, subsets: &mut Subsets) -> Result<Vec<Vec<u8>>, PressError> {
        Ok(match format {
            Format::Pdf => vec![pdf(label, &self.fonts, subsets)?],
            Format::Png => (0..label.pages().len()).filter_map(|page| png(label, page)).collect(),
            Format::Zpl => vec![zpl(label, ZplSettings::default())],
            Format::Tspl => vec![tspl(label, TsplSettings::default())],
        })
    }
}
