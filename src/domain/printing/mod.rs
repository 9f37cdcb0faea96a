//! Print jobs: what is printed on which printer, how far each job came, and what a person must say about it.
//!
//! A job goes `queued` → `sending` → `sent` → `printed`, and the fact `sending` is durable before the first byte goes
//! out. So a job that is found as `sending` after a crash may or may not lie in the printer's tray: it becomes
//! `unknown`, and only a person says what becomes of it. `printed` is reached only where the printer said so.

mod route;
mod steps;

use serde::{Deserialize, Serialize};

use super::clock::Moment;
use super::ids::{ManifestId, OperatorId, OrderId, ParcelId, PrintJobId, PrinterId, StationId, WaybillNo};

pub use self::route::{follow, label_that_holds, of_label, request, route, stopped_on};
pub use self::steps::{advance, objection, resolve};

/// The template of a manifest that is closed.
pub const MANIFEST_TEMPLATE: &str = "manifest-a4";

/// The templates that a printer is tried with, the widest first: that which its paper is wide enough for.
pub const SELF_TEST_TEMPLATES: [&str; 2] = ["printer-selftest", "printer-selftest-76x130"];

/// Longest reason for a reprint that is kept, in characters.
const REASON_MAX: usize = 200;

/// Steps of a job that it keeps: a job that is asked about ten times has some forty.
pub const HISTORY_MAX: usize = 48;

/// What is printed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Printable {
    /// An aggregated label, in one of its versions.
    Label {
        /// waybind's own number of the label.
        label: u32,
        /// Which version of it.
        version: u32,
    },
    /// The waybill of a single parcel.
    Waybill {
        /// The carrier's number.
        waybill: WaybillNo,
        /// The box that it is stuck on, where it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parcel: Option<ParcelId>,
    },
    /// The list that is signed at the hand-over.
    Manifest {
        /// Which.
        manifest: ManifestId,
    },
    /// What a printer is tried with.
    SelfTest {
        /// Which printer.
        printer: PrinterId,
    },
}

impl Printable {
    /// What kind of thing it is: `label`, `waybill`, `manifest` or `self_test`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Printable::Label { .. } => "label",
            Printable::Waybill { .. } => "waybill",
            Printable::Manifest { .. } => "manifest",
            Printable::SelfTest { .. } => "self_test",
        }
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Printable::Label { label, version } => format!("L{label}.{version}"),
            Printable::Waybill { waybill, .. } => waybill.to_string(),
            Printable::Manifest { manifest } => manifest.to_string(),
            Printable::SelfTest { printer } => printer.to_string(),
        }
    }

    /// What its jobs are found by: the same thing has the same key.
    #[must_use]
    pub fn key(&self) -> String {
        let box_of = match self {
            Printable::Waybill { parcel: Some(parcel), .. } => parcel.as_str(),
            _ => "",
        };
        format!("{}\u{1f}{}\u{1f}{box_of}", self.kind(), self.name())
    }
}

/// Where a job stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It waits for its printer.
    Queued,
    /// Its bytes are going out.
    Sending,
    /// The printer took all of its bytes.
    Sent,
    /// The printer said that it was printed.
    Printed,
    /// It can't be printed.
    Failed(PrintTrouble),
    /// Nobody knows whether it was printed: a person must look.
    Unknown(PrintTrouble),
    /// A person gave it up.
    Dropped,
}

impl JobState {
    /// The names of all states, as the API writes them.
    pub const NAMES: [&str; 7] = ["queued", "sending", "sent", "printed", "failed", "unknown", "dropped"];

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            JobState::Queued => Self::NAMES[0],
            JobState::Sending => Self::NAMES[1],
            JobState::Sent => Self::NAMES[2],
            JobState::Printed => Self::NAMES[3],
            JobState::Failed(_) => Self::NAMES[4],
            JobState::Unknown(_) => Self::NAMES[5],
            JobState::Dropped => Self::NAMES[6],
        }
    }

    /// What went wrong, where something did.
    #[must_use]
    pub fn trouble(&self) -> Option<&PrintTrouble> {
        match self {
            JobState::Failed(trouble) | JobState::Unknown(trouble) => Some(trouble),
            _ => None,
        }
    }

    /// Whether nothing more happens to it by itself, and nobody is asked about it.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        matches!(self, JobState::Sent | JobState::Printed | JobState::Dropped)
    }
}

/// What keeps a job from being printed, or from being known to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrintTrouble {
    /// The label can't be made: a field is missing, a text does not fit, a code can't be read back.
    Label(String),
    /// What it is about no longer holds.
    Void,
    /// What it is about is not there.
    Gone,
    /// The configuration has no such printer any more.
    NoPrinter,
    /// The printer refused it.
    Refused(String),
    /// waybind stopped while its bytes were going out.
    Interrupted,
    /// The connection broke while its bytes were going out.
    Broken(String),
    /// The label is a printer's job in one language, and no printer there speaks it.
    OtherLanguage {
        /// The label's: `zpl` or `tspl`.
        label: String,
        /// The printer's.
        printer: String,
    },
}

impl PrintTrouble {
    /// Whether nobody has to do anything about it: what was to be printed is not wanted any more.
    #[must_use]
    pub fn is_moot(&self) -> bool {
        matches!(self, PrintTrouble::Void | PrintTrouble::Gone)
    }
}

/// A place that a job reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Where it stood then.
    pub state: JobState,
    /// When.
    pub at: Moment,
    /// The printer that it was at.
    pub printer: PrinterId,
    /// What a person said of it, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<Resolution>,
    /// Who.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<OperatorId>,
}

/// One thing to print, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrintJob {
    /// Its id: a `J` and its number.
    pub id: PrintJobId,
    /// Its number.
    pub number: u32,
    /// What is printed.
    pub what: Printable,
    /// By which template.
    pub template: String,
    /// On which printer.
    pub printer: PrinterId,
    /// For which station.
    pub station: Option<StationId>,
    /// The order that it is about, where it is about one.
    pub order: Option<OrderId>,
    /// How often the thing was asked for, this time included: the first has 1.
    pub copy: u32,
    /// Why it is printed again.
    pub reason: Option<String>,
    /// Who asked for it, where a person did.
    pub by: Option<OperatorId>,
    /// When it was asked for.
    pub at: Moment,
    /// Where it stands.
    pub state: JobState,
    /// The places that it reached after it was asked for, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Mark>,
}

/// How a job goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Its bytes go out to this printer from now on.
    Sending(PrinterId),
    /// None of its bytes went out: it waits again.
    Postponed,
    /// The printer took all of its bytes.
    Sent,
    /// The printer said that it was printed.
    Printed,
    /// It can't be printed.
    Failed(PrintTrouble),
    /// Nobody knows whether it was printed.
    Unknown(PrintTrouble),
}

impl Step {
    /// Its name in the feed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Step::Sending(_) => "print_sending",
            Step::Postponed => "print_postponed",
            Step::Sent => "print_sent",
            Step::Printed => "printed",
            Step::Failed(_) => "print_failed",
            Step::Unknown(_) => "print_unknown",
        }
    }
}

/// What a person says of a job whose fate is unknown, or that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// It lies there, printed.
    Printed,
    /// Print it again.
    Again,
    /// It is not wanted any more.
    Dropped,
}

/// How a printer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It said that it is ready.
    Ready,
    /// It does not tell: many printers never answer, and print all the same.
    #[default]
    Unknown,
    /// No paper.
    PaperOut,
    /// The head or the cover is open.
    HeadOpen,
    /// No ribbon.
    RibbonOut,
    /// The paper is jammed.
    Jammed,
    /// Somebody paused it.
    Paused,
    /// Its head is too hot or too cold, its memory is broken, or it says only that something is wrong.
    Fault,
    /// It can't be reached.
    Unreachable,
}

impl Condition {
    /// Whether nothing is sent to it now.
    #[must_use]
    pub fn blocks(self) -> bool {
        !matches!(self, Condition::Ready | Condition::Unknown)
    }

    /// Its name, as the API writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Condition::Ready => "ready",
            Condition::Unknown => "unknown",
            Condition::PaperOut => "paper_out",
            Condition::HeadOpen => "head_open",
            Condition::RibbonOut => "ribbon_out",
            Condition::Jammed => "jammed",
            Condition::Paused => "paused",
            Condition::Fault => "fault",
            Condition::Unreachable => "unreachable",
        }
    }
}

/// Why a person's word about a job can't be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// There is no such job.
    #[error("there is no print job {0}")]
    NoJob(u32),
    /// Nobody asks about it.
    #[error("print job {number} is {state}: there is nothing to decide")]
    NotAsked {
        /// Which.
        number: u32,
        /// Where it stands.
        state: &'static str,
    },
    /// It can't be printed again: no printer takes it.
    #[error("no printer takes print job {0}: choose one by its code, or change the configuration")]
    NoPrinter(u32),
}

/// A printer as routing sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrinterRules {
    /// Which.
    pub id: PrinterId,
    /// The templates that it can print.
    pub takes: Vec<String>,
    /// Whether the configuration lists its templates: then it prints them for stations without a printer too.
    pub is_listed: bool,
    /// Its language: `zpl`, `tspl` or `pdf`.
    pub speaks: String,
}

/// What is asked of the spool.
#[derive(Clone, Debug)]
pub struct Request {
    /// What.
    pub what: Printable,
    /// By which template.
    pub template: String,
    /// For which station.
    pub station: Option<StationId>,
    /// The order that it is about.
    pub order: Option<OrderId>,
    /// Why it is printed again.
    pub reason: Option<String>,
    /// Who asks.
    pub by: Option<OperatorId>,
}
