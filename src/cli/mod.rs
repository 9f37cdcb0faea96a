//! The commands. Exit codes: 0 done, 1 failed, 2 wrong use or configuration.

#![warn(clippy::print_stderr)]

mod backup;
mod bench;
mod client;
mod compare;
mod decode;
mod devices;
mod import;
mod label;
mod ledger;
mod printers;
mod probe;
mod read;
mod replay;
mod selftest;
mod serve;
mod sheet;
mod terminal;
mod token;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::terminal::{say, say_lines, warn};
use crate::config::{CONFIG_FILE, Config, ConfigError, Scope};
use crate::ledger::Folder;
use crate::service;
use crate::web::backend::{LABEL_CODES, LABEL_DOTS};

/// Every scan is checked, every waybill is bound.
#[derive(Parser)]
#[command(name = "waybind", version = env!("CARGO_PKG_VERSION"), arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service.
    Serve {
        /// The configuration; without one, waybind.toml if it is there, else the defaults.
        #[arg(long)]
        config: Option<PathBuf>,
        /// The data folder.
        #[arg(long)]
        data: Option<PathBuf>,
        /// Where to serve pages and API.
        #[arg(long, value_parser = address)]
        listen: Option<SocketAddr>,
    },
    /// Play a shift of a truck-parts dealer on simulated scanners.
    Demo {
        /// Where to serve pages and API.
        #[arg(long, value_parser = address, default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        /// The data folder; without one, a fresh one that is removed at the end.
        #[arg(long)]
        data: Option<PathBuf>,
        /// Play at full speed.
        #[arg(long)]
        fast: bool,
        /// End after the story, with code 0 if every verdict was as expected.
        #[arg(long)]
        exit: bool,
        /// Record what each scanner sends and gets into this folder.
        #[arg(long)]
        traces: Option<PathBuf>,
    },
    /// Take products, orders, pick lists, waybills, operators and stop-lists from files.
    Import {
        /// JSON files (an object whose fields are `products`, `operators`, `stop_lists`, `orders`, `pick_lists`,
        /// `waybills` and `manifests`), workbooks (.xlsx) and text tables (.csv, .tsv), with Chinese or English headers.
        #[arg(required_unless_present = "template")]
        files: Vec<PathBuf>,
        /// Write an empty workbook with Chinese headers to this file.
        #[arg(long, conflicts_with_all = ["files", "mapping"])]
        template: Option<PathBuf>,
        /// A TOML file with a warehouse's own names of sheets, headers and values.
        #[arg(long)]
        mapping: Option<PathBuf>,
        #[command(flatten)]
        target: Target,
    },
    /// Compare an export of another system with what waybind knows; ends with code 1 if they differ.
    Compare {
        /// Workbooks (.xlsx), text tables (.csv, .tsv) and JSON files with orders or waybills.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// A TOML file with a warehouse's own names of sheets, headers and values.
        #[arg(long)]
        mapping: Option<PathBuf>,
        /// Write the differences to this file (.xlsx, .csv or .json).
        #[arg(short, long)]
        output: Option<PathBuf>,
        /// Also tell of cancelled and signed orders that are not in the files.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        target: Target,
    },
    /// Say what a scan means.
    Decode {
        /// One JSON object a line on standard input, one answer a line.
        #[arg(long)]
        jsonl: bool,
        /// What was scanned; write ␝ or \u001d for the group separator.
        #[arg(required_unless_present = "jsonl", conflicts_with = "jsonl")]
        text: Option<String>,
        #[command(flatten)]
        target: Target,
    },
    /// Read the codes of the label on standard input, within bounds; the service's own.
    #[command(name = LABEL_CODES, hide = true)]
    LabelCodes {
        /// Its format.
        format: String,
    },
    /// Draw the label on standard input in dots, within bounds; the service's own.
    #[command(name = LABEL_DOTS, hide = true)]
    LabelDots {
        /// Its format.
        format: String,
        /// Dots an inch.
        dpi: u32,
        /// The paper's width in millimetres.
        width_mm: f64,
        /// The paper's height in millimetres.
        height_mm: f64,
    },
    /// Read the codes in pictures: one JSON object a line for each code.
    Read {
        /// PNG, JPEG, WebP or BMP.
        #[arg(required = true)]
        images: Vec<PathBuf>,
        /// Answer in JSON, as without a word.
        #[arg(long)]
        json: bool,
    },
    /// Templates and labels.
    Label {
        #[command(subcommand)]
        action: label::Action,
    },
    /// Print commands, badges or the set-up codes of scanners on A4.
    Sheet {
        /// Which of them.
        #[arg(value_enum)]
        kind: sheet::Kind,
        /// The PDF file.
        #[arg(short, long)]
        output: PathBuf,
        /// The language; the configuration's if not given, English where no font has Chinese characters.
        #[arg(long, value_enum)]
        language: Option<label::LanguageName>,
        #[command(flatten)]
        target: Target,
    },
    /// Prove, export or measure the ledger.
    Ledger {
        #[command(subcommand)]
        action: ledger::Action,
        /// The configuration, for `archive`.
        #[arg(long, global = true)]
        config: Option<PathBuf>,
        /// The data folder.
        #[arg(long, global = true, alias = "data-dir")]
        data: Option<PathBuf>,
        /// Answer in JSON.
        #[arg(long, global = true)]
        json: bool,
    },
    /// Copy all that the box knows into one file, while it works.
    Backup {
        /// The file, which must not be there yet.
        file: PathBuf,
        #[command(flatten)]
        target: Target,
    },
    /// Make a box of a backup, in a data folder that has none.
    Restore {
        /// The file.
        file: PathBuf,
        #[command(flatten)]
        target: Target,
    },
    /// Make a key of codes and badges in the place of one that was lost for good. The service must not run.
    NewKey {
        #[command(flatten)]
        target: Target,
    },
    /// Play a recorded scanner trace.
    Replay {
        /// The trace.
        trace: PathBuf,
        /// Scan at this station instead of the trace's.
        #[arg(long)]
        station: Option<String>,
        #[command(flatten)]
        target: Target,
    },
    /// The scanners: whether they are there, which definition they have, and what else is plugged in.
    Devices {
        #[command(subcommand)]
        action: Option<DeviceAction>,
        #[command(flatten)]
        target: Target,
    },
    /// The printers: how they are, and what waits for them.
    Printers {
        /// Print this one's self-test.
        #[arg(long, value_name = "NAME")]
        test: Option<String>,
        #[command(flatten)]
        target: Target,
    },
    /// Tell every mistake in a configuration.
    CheckConfig {
        /// The file.
        file: PathBuf,
        /// Answer in JSON.
        #[arg(long)]
        json: bool,
    },
    /// Measure the machine.
    Selftest {
        #[command(subcommand)]
        part: selftest::Part,
    },
    /// Make a token for the API and the line for the configuration.
    Token {
        /// Whose it is.
        #[arg(default_value = "integration")]
        name: String,
        /// What it may be used for; everything, if that is not said.
        #[arg(long, value_delimiter = ',', value_parser = token::scope)]
        scope: Vec<Scope>,
        /// Answer in JSON.
        #[arg(long)]
        json: bool,
    },
    /// Measure the running service against this disk.
    Bench(bench::Settings),
}

/// What to do with the scanners.
#[derive(clap::Subcommand)]
enum DeviceAction {
    /// List them (as without a word).
    List,
    /// Tell what is plugged in and out.
    Watch,
    /// Scan something, and see its bytes, its frames by every definition that fits, and what it means.
    Probe {
        /// The node: /dev/ttyACM0, /dev/input/event3, /dev/hidraw0, or a link to it.
        node: PathBuf,
        /// Bits a second, for a serial line.
        #[arg(long)]
        baud: Option<u32>,
    },
}

/// Reads an address to listen on.
fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write an address and a port, for example 127.0.0.1:8080 or 0.0.0.0:8080".into())
}

/// Where a command works: on the running service that holds the data folder, else on the folder itself.
#[derive(clap::Args, Clone)]
struct Target {
    /// The configuration.
    #[arg(long)]
    config: Option<PathBuf>,
    /// The data folder.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

impl Target {
    fn load(&self) -> Result<Config, Failure> {
        load(self.config.as_deref(), self.data.as_deref())
    }
}

/// Why a command failed.
#[derive(Debug)]
enum Failure {
    /// Wrong use or configuration: exit code 2.
    Usage(String),
    /// It did not work: exit code 1.
    Failed(String),
}

impl Failure {
    /// An error with its causes and, where there is one, its hint.
    fn failed(error: &dyn std::error::Error) -> Self {
        let causes = std::iter::successors(error.source(), |cause| cause.source());
        Failure::Failed(causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}")))
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let lines: Vec<String> = error.problems.iter().map(|problem| format!("  {problem}")).collect();
        Failure::Usage(format!("{error}\n{}", lines.join("\n")))
    }
}

fn environment() -> BTreeMap<String, String> {
    std::env::vars().filter(|(name, _)| name.starts_with("WAYBIND_")).collect()
}

fn load(file: Option<&Path>, data: Option<&Path>) -> Result<Config, Failure> {
    let environment = environment();
    let mut config = match file {
        Some(file) => Config::load(file, &environment)?,
        None if Path::new(CONFIG_FILE).exists() => Config::load(Path::new(CONFIG_FILE), &environment)?,
        None => Config::without_file(&environment)?,
    };
    if let Some(data) = data {
        config.data = data.to_owned();
    }
    Ok(config)
}

/// The data folder of a command that makes none.
fn existing(config: &Config) -> Result<Folder, Failure> {
    let folder = Folder::new(&config.data);
    if folder.database().exists() {
        return Ok(folder);
    }
    let place = folder.path().display();
    Err(Failure::Failed(format!("there is no ledger in {place}; name the folder with --data")))
}

/// Runs the program.
#[must_use]
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { 2 } else { 0 };
            return if error.print().is_ok() { ExitCode::from(code) } else { ExitCode::FAILURE };
        }
    };
    // what goes wrong in the demo on purpose is told by its story
    let usual = if matches!(cli.command, Command::Demo { .. }) { "waybind=error" } else { "waybind=info" };
    crate::telemetry::start_logging(&std::env::var("RUST_LOG").unwrap_or_else(|_| usual.into()));
    match execute(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(message)) => {
            warn(&message);
            ExitCode::from(2)
        }
        Err(Failure::Failed(message)) => {
            warn(&message);
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve { config, data, listen } => {
            let mut config = load(config.as_deref(), data.as_deref())?;
            config.listen = listen.unwrap_or(config.listen);
            Config::unknown_variables(&environment()).iter().for_each(|told| warn(&format!("warning: {told}")));
            serve::serve(&config)
        }
        Command::Demo { listen, data, fast, exit, traces } => serve::demo(listen, data, fast, exit, traces),
        Command::Import { template: Some(file), .. } => import::template(&file),
        Command::Import { files, mapping, target, .. } => import::import(&files, mapping.as_deref(), &target),
        Command::Compare { files, mapping, output, all, target } => compare::compare(&compare::Compared {
            files: &files,
            mapping: mapping.as_deref(),
            report: output.as_deref(),
            all,
            target: &target,
        }),
        Command::Decode { jsonl: true, target, .. } => decode::lines(&target),
        Command::Decode { text, target, .. } => decode::one(&text.unwrap_or_default(), &target),
        Command::LabelCodes { format } => read::label_codes(&format),
        Command::LabelDots { format, dpi, width_mm, height_mm } => {
            read::label_dots(&format, dpi, [width_mm, height_mm])
        }
        Command::Read { images, .. } => read::read(&images),
        Command::Label { action } => label::label(&action),
        Command::Sheet { kind, output, language, target } => sheet::sheet(kind, &target, language, &output),
        Command::Ledger { action, config, data, json } => {
            ledger::ledger(&action, &load(config.as_deref(), data.as_deref())?, json)
        }
        Command::Backup { file, target } => backup::back_up(&file, &target),
        Command::Restore { file, target } => backup::restore(&file, &target),
        Command::NewKey { target } => backup::new_key(&target),
        Command::Replay { trace, station, target } => replay::replay(&trace, station, &target),
        Command::Devices { action, target } => match action {
            None | Some(DeviceAction::List) => devices::list(&target),
            Some(DeviceAction::Watch) => devices::watch(&target),
            Some(DeviceAction::Probe { node, baud }) => probe::run(&node, baud, &target),
        },
        Command::Printers { test, target } => printers::printers(&target, test.as_deref()),
        Command::CheckConfig { file, json } => check_config(&file, json),
        Command::Selftest { part } => selftest::selftest(&part),
        Command::Token { name, scope, json } => token::token(&name, &scope, json),
        Command::Bench(settings) => bench::bench(&settings),
    }
}

fn check_config(file: &Path, json: bool) -> Result<(), Failure> {
    let environment = environment();
    let unknown = Config::unknown_variables(&environment);
    let warnings = |config: &Config| [config.warnings(), service::unprintable(config), unknown.clone()].concat();
    match Config::load(file, &environment) {
        Ok(config) if json => {
            let (stations, devices, printers) = (config.station.len(), config.device.len(), config.printer.len());
            let warnings = warnings(&config);
            say(&serde_json::json!({"ok": true, "stations": stations, "devices": devices, "printers": printers, "warnings": warnings})
                .to_string())
        }
        Ok(config) => {
            warnings(&config).iter().try_for_each(|warning| say(&format!("warning: {warning}")))?;
            say(&format!(
                "{}: right; {} station(s), {} device(s), {} printer(s)",
                file.display(),
                config.station.len(),
                config.device.len(),
                config.printer.len()
            ))
        }
        Err(error) if json => {
            say(&serde_json::json!({"ok": false, "problems": error.problems}).to_string())?;
            Err(Failure::Usage(error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

/// A runtime for everything that waits. One core is left to the ledger's writer: more threads than that only wake each
/// other up.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = cores.saturating_sub(1).max(1);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(&error))
}
