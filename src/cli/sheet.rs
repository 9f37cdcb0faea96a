//! `sheet`: commands, badges and the set-up codes of scanners, to print out.

use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use clap::ValueEnum;

use super::label::{LanguageName, failed, press, settings, write, written};
use super::{Failure, Target, existing, say};
use crate::barcode::codes::CodeKind;
use crate::config::{Config, Library};
use crate::domain::work::Operator;
use crate::label::{Resolution, Value};
use crate::ledger::Reader;
use crate::message::{COMMANDS, Language, role_name};
use crate::protocol::{Setup, SetupSymbology};
use crate::service::{Format, open_key};

/// What to print.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Kind {
    /// The commands.
    Commands,
    /// Badges of the operators of the data folder.
    Badges,
    /// Bar codes that set scanners up.
    Devices,
}

/// Office printers are at least this fine.
const RESOLUTION: Resolution = Resolution::DPI_300;

pub(super) fn sheet(kind: Kind, target: &Target, language: Option<LanguageName>, output: &Path) -> Result<(), Failure> {
    let config = target.load()?;
    let press = press(&config)?;
    let default = if press.has_chinese() { config.language } else { Language::English };
    let language = language.map_or(default, LanguageName::language);
    let (template, list, entries) = match kind {
        Kind::Commands => ("commands-a4", "commands", commands()),
        Kind::Badges => ("badges-a4", "operators", badges(&config, language)?),
        Kind::Devices => ("devices-a4", "codes", set_up_codes(&config)),
    };
    if entries.is_empty() {
        let what = if matches!(kind, Kind::Badges) { "operator who works here" } else { "such code" };
        return Err(Failure::Failed(format!("there is no {what}, so there is nothing to print")));
    }
    let template = press.template(template).map_err(failed)?;
    let record = Value::table([(list, Value::List(entries))]);
    let proved = press.prove(template, &record, &settings(&config, language), RESOLUTION).map_err(failed)?;
    if matches!(kind, Kind::Badges) {
        // a badge's code is what its operator signs in with
        let made = std::fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(output);
        made.and_then(|file| file.set_permissions(std::fs::Permissions::from_mode(0o600)))
            .map_err(|error| Failure::Failed(format!("can't write {}: {error}", output.display())))?;
    }
    let files = write(&press.write(&proved, Format::Pdf).map_err(failed)?, output)?;
    if target.json { say(&written(&template.name, &files, &proved, RESOLUTION).to_string()) } else { Ok(()) }
}

fn commands() -> Vec<Value> {
    let entry = |(code, zh, en): (&str, &str, &str)| {
        Value::table([("code", format!("WB:C:{code}").into()), ("zh", zh.into()), ("en", en.into())])
    };
    COMMANDS.into_iter().map(entry).collect()
}

fn badges(config: &Config, language: Language) -> Result<Vec<Value>, Failure> {
    let folder = existing(config)?;
    let ledger = |error| Failure::failed(&error);
    let operators = Reader::open(&folder).and_then(|reader| reader.operators()).map_err(ledger)?;
    let key = open_key(&folder)
        .map_err(|error| Failure::Failed(format!("{}; {}", super::client::display(&error), error.hint())))?;
    let entry = |operator: Operator| {
        Value::table([
            ("id", operator.id.as_str().into()),
            ("name", operator.name.into()),
            ("role", role_name(operator.role, language).into()),
            ("code", key.code(CodeKind::Badge, &operator.badge).into()),
        ])
    };
    Ok(operators.into_iter().filter(|operator| operator.active).map(entry).collect())
}

/// The set-up codes of all scanner families, family by family.
fn set_up_codes(config: &Config) -> Vec<Value> {
    let library = Library::with_folder(config.protocols.as_deref());
    let entry = |family: &str, setup: &Setup| {
        let symbology = match setup.symbology {
            SetupSymbology::Code128 => "code128",
            SetupSymbology::Code39 => "code39",
            SetupSymbology::Qr => "qr",
        };
        Value::table([
            ("family", family.into()),
            ("zh", setup.name.zh.as_str().into()),
            ("en", setup.name.en.as_str().into()),
            ("text", setup.text.escape_debug().to_string().into()),
            (symbology, setup.text.as_str().into()),
        ])
    };
    let families = library.iter();
    families
        .flat_map(|(_, family)| family.setup.iter().map(|setup| entry(&family.name, setup)).collect::<Vec<_>>())
        .collect()
}
