//! `label`: list, check and render label templates.

use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};

use super::{Failure, load, say, warn};
use crate::clock::Clock;
use crate::codec::Proved;
use crate::config::{Config, TemplateError, TemplateFile, Templates};
use crate::label::{Resolution, Settings, Value};
use crate::message::Language;
use crate::service::{Format, Press, PressError};

/// What to do with labels.
#[derive(Subcommand)]
pub(super) enum Action {
    /// Fill a template with a record, prove that its codes can be scanned, and write it.
    Render {
        /// The record: JSON with the fields that the template's sample has.
        #[arg(required_unless_present = "sample", conflicts_with = "sample")]
        request: Option<PathBuf>,
        /// Take the template's own sample record.
        #[arg(long)]
        sample: bool,
        /// The template's name, or its file.
        #[arg(long)]
        template: String,
        /// In what to write it.
        #[arg(long, value_enum)]
        format: FormatName,
        /// Dots an inch of the printer: 203, 300 or 600.
        #[arg(long, default_value = "203", value_parser = resolution)]
        dpi: Resolution,
        /// The language of the fixed texts.
        #[arg(long, value_enum)]
        language: Option<LanguageName>,
        /// The file. Further pages of a PNG get a number behind its name.
        #[arg(short, long)]
        output: PathBuf,
        /// Tell in JSON what was written.
        #[arg(long)]
        json: bool,
    },
    /// List the templates.
    List {
        /// Answer in JSON.
        #[arg(long)]
        json: bool,
    },
    /// Tell every mistake of a template, and render its samples at 203 and 300 dots an inch.
    Check {
        /// The template's name, or its file.
        template: String,
        /// Answer in JSON.
        #[arg(long)]
        json: bool,
    },
}

/// A format on the command line.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum FormatName {
    Pdf,
    Png,
    Zpl,
    Tspl,
}

impl FormatName {
    fn format(self) -> Format {
        match self {
            FormatName::Pdf => Format::Pdf,
            FormatName::Png => Format::Png,
            FormatName::Zpl => Format::Zpl,
            FormatName::Tspl => Format::Tspl,
        }
    }
}

/// A language on the command line.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum LanguageName {
    Zh,
    En,
}

impl LanguageName {
    pub(super) fn language(self) -> Language {
        match self {
            LanguageName::Zh => Language::Chinese,
            LanguageName::En => Language::English,
        }
    }
}

/// Largest request in bytes; a manifest of ten thousand parcels has two million.
const REQUEST_MAX: u64 = 16 * 1024 * 1024;

fn resolution(text: &str) -> Result<Resolution, String> {
    let known = text.parse().ok().and_then(Resolution::from_dpi);
    known.ok_or_else(|| "printers have 203, 300 or 600".into())
}

pub(super) fn label(action: &Action) -> Result<(), Failure> {
    let config = load(None, None)?;
    match action {
        Action::Render { request, template, format, dpi, language, output, json, .. } => {
            let press = press(&config)?;
            let template = find(&press, template)?;
            let (record, default) = match request {
                Some(request) => (read(request)?, config.language),
                None => sample(&press, &template),
            };
            unknown(&template, &record)?;
            let language = language.map_or(default, LanguageName::language);
            let proved = press.prove(&template, &record, &settings(&config, language), *dpi).map_err(failed)?;
            let files = write(&press.write(&proved, format.format()).map_err(failed)?, output)?;
            if *json { say(&written(&template.name, &files, &proved, *dpi).to_string()) } else { Ok(()) }
        }
        Action::List { json } => list(&press(&config)?, *json),
        Action::Check { template, json } => check(&config, template, *json),
    }
}

/// Templates and fonts; templates that can't be used are told.
pub(super) fn press(config: &Config) -> Result<Press, Failure> {
    let (press, errors) = Press::new(config).map_err(|error| Failure::failed(&error))?;
    errors.iter().for_each(|error| warn(&format!("{error}; `waybind label check` tells them")));
    Ok(press)
}

pub(super) fn settings(config: &Config, language: Language) -> Settings {
    Settings { language, mask: Vec::new(), today: Clock::new(config.zone()).now().today }
}

pub(super) fn failed(error: PressError) -> Failure {
    match error {
        PressError::NoTemplate { .. } => Failure::Usage(error.lines().join("\n")),
        _ => Failure::Failed(error.lines().join("\n")),
    }
}

/// What was written, in JSON.
pub(super) fn written(template: &str, files: &[PathBuf], proved: &Proved, dpi: Resolution) -> serde_json::Value {
    let files: Vec<_> = files.iter().map(|file| file.to_string_lossy()).collect();
    serde_json::json!({
        "template": template, "file": files.first(), "files": files, "pages": proved.pages().len(), "dpi": dpi.dpi(),
    })
}

/// Writes files and tells their names; those behind the first get a number, and none of them takes another file's place.
pub(super) fn write(files: &[Vec<u8>], output: &Path) -> Result<Vec<PathBuf>, Failure> {
    let paths: Vec<PathBuf> = (0..files.len()).map(|index| numbered(output, index + 1)).collect();
    if let Some(there) = paths.iter().skip(1).find(|path| path.exists()) {
        let (pages, there) = (files.len(), there.display());
        return Err(Failure::Failed(format!("{there} is there already; this has {pages} pages, name another file")));
    }
    for (bytes, path) in files.iter().zip(&paths) {
        std::fs::write(path, bytes)
            .map_err(|error| Failure::Failed(format!("can't write {}: {error}", path.display())))?;
    }
    Ok(paths)
}

/// `label.png`, `label-2.png`, `label-3.png` …
fn numbered(output: &Path, page: usize) -> PathBuf {
    if page == 1 {
        return output.to_owned();
    }
    let mut name = output.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{page}"));
    if let Some(extension) = output.extension() {
        name.push(".");
        name.push(extension);
    }
    output.with_file_name(name)
}

/// A template by its name or its file.
fn find(press: &Press, name: &str) -> Result<TemplateFile, Failure> {
    if is_file(name) {
        return Templates::read(Path::new(name)).map_err(|error| Failure::Usage(mistakes(&error).join("\n")));
    }
    press.template(name).cloned().map_err(failed)
}

fn is_file(name: &str) -> bool {
    name.ends_with(".toml")
}

fn mistakes(error: &TemplateError) -> Vec<String> {
    let lines = error.problems.iter().map(|problem| format!("  {problem}"));
    std::iter::once(error.to_string()).chain(lines).collect()
}

fn read(file: &Path) -> Result<Value, Failure> {
    let usage = |message: String| Failure::Usage(format!("{}: {message}", file.display()));
    let size = std::fs::metadata(file).map_err(|error| usage(format!("can't be read: {error}")))?.len();
    if size > REQUEST_MAX {
        return Err(usage(format!("{size} bytes are too many for a label")));
    }
    let text = std::fs::read_to_string(file).map_err(|error| usage(format!("can't be read: {error}")))?;
    match serde_json::from_str(&text).map_err(|error| usage(error.to_string()))? {
        record @ Value::Table(_) => Ok(record),
        _ => Err(usage("an object with the fields of the label is expected".into())),
    }
}

fn sample(press: &Press, template: &TemplateFile) -> (Value, Language) {
    let (sample, language) = press.sample(template);
    if !press.has_chinese() {
        warn("no font has Chinese characters; apt-get install -y fonts-wqy-microhei");
    }
    (sample.clone(), language)
}

fn unknown(template: &TemplateFile, record: &Value) -> Result<(), Failure> {
    let unknown = template.template.unknown_fields(record);
    match unknown.is_empty() {
        true => Ok(()),
        false => Err(failed(PressError::Label(unknown.into_iter().map(|error| (None, error)).collect()))),
    }
}

fn list(press: &Press, json: bool) -> Result<(), Failure> {
    for file in press.templates().iter() {
        let (name, title, [width, height]) = (&file.name, &file.template.title, file.template.size);
        let line = match json {
            true => serde_json::json!({
                "name": name, "title": {"zh": title.zh, "en": title.en}, "width_mm": width, "height_mm": height,
            })
            .to_string(),
            false => format!("{name:20} {width:>4} × {height:<4} {}  {}", title.zh, title.en),
        };
        say(&line)?;
    }
    Ok(())
}

fn check(config: &Config, name: &str, json: bool) -> Result<(), Failure> {
    let press = press(config)?;
    let found = match is_file(name) {
        true => Templates::read(Path::new(name)).map_err(|error| mistakes(&error)),
        false => Ok(press.template(name).map_err(failed)?.clone()),
    };
    let told = match found {
        Err(mistakes) => mistakes,
        Ok(template) => try_samples(&press, config, &template),
    };
    if json {
        say(&serde_json::json!({"ok": told.is_empty(), "problems": told}).to_string())?;
    }
    match told.is_empty() {
        true if json => Ok(()),
        true => say(&format!("{name}: right; its samples render at 203 and 300 dots an inch, and their codes read")),
        false => Err(Failure::Usage(told.join("\n"))),
    }
}

/// What goes wrong with the samples, each once.
fn try_samples(press: &Press, config: &Config, template: &TemplateFile) -> Vec<String> {
    let samples = [
        (Some(&template.template.sample), Language::Chinese),
        (template.template.sample_latin.as_ref(), Language::English),
    ];
    let mut told: Vec<String> = Vec::new();
    for (sample, language) in samples {
        let Some(sample) = sample else { continue };
        for resolution in [Resolution::DPI_203, Resolution::DPI_300] {
            if let Err(error) = press.prove(template, sample, &settings(config, language), resolution) {
                let lines =
                    error.lines().into_iter().map(|line| format!("  {} dots an inch: {line}", resolution.dpi()));
                told.extend(lines);
            }
        }
    }
    told.dedup();
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_has_a_file_of_its_own() {
        for (output, third) in
            [("a/label.png", "a/label-3.png"), ("m.2026-11-22.png", "m.2026-11-22-3.png"), ("label", "label-3")]
        {
            assert_eq!(numbered(Path::new(output), 3), Path::new(third));
        }
    }
}
