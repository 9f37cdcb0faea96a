//! USB HID point-of-sale scanners: usage page 8C of the HID usage tables.
//!
//! Such a scanner sends reports of one size. Where in them the characters, their number, the symbology and the
//! continuation flag stand differs from maker to maker; the device's report descriptor says it. [`parse`] reads the
//! descriptor, [`PosLayout`] picks out the places, [`HidPosFramer`] makes frames of reports.

mod descriptor;
mod fields;
mod layout;
mod reports;
mod settings;

pub use self::descriptor::{DESCRIPTOR_MAX, DescriptorError, DescriptorFault, REPORT_MAX, parse};
pub use self::fields::{Field, InputFields, Span, Usage};
pub use self::layout::PosLayout;
pub use self::reports::HidPosFramer;
pub use self::settings::{FeedbackReport, HidPosSettings, LayoutSource, ReportBytes, SettingsError};
