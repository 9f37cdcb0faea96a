//! What a definition of `firmware-protocols/` says of a HID POS scanner, and the reports of its test vectors.

use serde::{Deserialize, Deserializer};

use super::super::definition::{Feedback, HexBytes};
use super::descriptor::{DescriptorError, REPORT_MAX};
use super::layout::PosLayout;

/// Where a scanner's layout comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayoutSource {
    /// The device's report descriptor.
    #[default]
    Descriptor,
    /// [`PosLayout::honeywell`], whatever the descriptor says.
    Honeywell,
    /// [`PosLayout::newland`], whatever the descriptor says.
    Newland,
}

/// The output report that carries feedback: an id, the number of bytes, the bytes, perhaps zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedbackReport {
    /// Its id.
    pub id: u8,
    /// Its length in bytes, id included, where it is filled up with zeros.
    pub length: Option<u16>,
}

impl FeedbackReport {
    /// How many bytes it holds.
    #[must_use]
    pub fn capacity(&self) -> usize {
        let room = self.length.map_or(usize::MAX, usize::from).min(REPORT_MAX);
        room.saturating_sub(2).min(usize::from(u8::MAX))
    }

    /// The report with these bytes in it; nothing where there are none or too many.
    #[must_use]
    pub fn report(&self, bytes: &[u8]) -> Vec<u8> {
        let fits = !bytes.is_empty() && bytes.len() <= self.capacity();
        let Some(len) = u8::try_from(bytes.len()).ok().filter(|_| fits) else { return Vec::new() };
        let mut report = vec![self.id, len];
        report.extend(bytes);
        report.resize(report.len().max(self.length.map_or(0, usize::from)), 0);
        report
    }
}

/// How a HID POS scanner talks.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct HidPosSettings {
    /// Where its layout comes from.
    pub layout: LayoutSource,
    /// AIM identifiers of what it answers to commands; such a message is no scan.
    pub ignore_aim: Vec<String>,
    /// Into which report `[feedback]` is put.
    pub feedback_report: Option<FeedbackReport>,
}

/// Settings of a HID POS scanner that contradict each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Feedback without a report to carry it.
    #[error("[feedback] of a hid-pos scanner needs feedback-report in [framing]")]
    NoFeedbackReport,
    /// Feedback that is too long for its report.
    #[error("feedback of {len} bytes, but feedback-report holds {capacity}")]
    FeedbackTooLong {
        /// How long it is.
        len: usize,
        /// How many bytes the report holds.
        capacity: usize,
    },
    /// A pause between bytes, which a report has not.
    #[error("pace-ms is for streams of bytes; a hid-pos scanner gets its feedback in one report")]
    Pace,
    /// A report longer than [`REPORT_MAX`].
    #[error("feedback-report is longer than {REPORT_MAX} bytes")]
    ReportTooLong,
    /// What should be an AIM identifier and is none.
    #[error("ignore-aim: \"{0}\" is not ], a letter and a modifier")]
    Aim(String),
}

impl HidPosSettings {
    /// The layout of a scanner with this report descriptor.
    ///
    /// # Errors
    /// The layout is to come from the descriptor, and [`PosLayout::from_descriptor`] refuses it.
    pub fn layout(&self, descriptor: &[u8]) -> Result<PosLayout, DescriptorError> {
        match self.layout {
            LayoutSource::Descriptor => PosLayout::from_descriptor(descriptor),
            LayoutSource::Honeywell => Ok(PosLayout::honeywell()),
            LayoutSource::Newland => Ok(PosLayout::newland()),
        }
    }

    /// Whether the settings fit together and to the feedback.
    ///
    /// # Errors
    /// They do not.
    pub fn check(&self, feedback: &Feedback) -> Result<(), SettingsError> {
        let is_aim = |aim: &&String| matches!(aim.as_bytes(), [b']', letter, _] if letter.is_ascii_alphabetic());
        if let Some(wrong) = self.ignore_aim.iter().find(|aim| !is_aim(aim)) {
            return Err(SettingsError::Aim(wrong.clone()));
        }
        let longest =
            [&feedback.accept, &feedback.refuse, &feedback.attention, &feedback.silent].map(|bytes| bytes.0.len());
        let len = longest.into_iter().max().unwrap_or(0);
        match self.feedback_report {
            _ if feedback.pace_ms > 0 => Err(SettingsError::Pace),
            None if len > 0 => Err(SettingsError::NoFeedbackReport),
            Some(report) if report.length.is_some_and(|length| usize::from(length) > REPORT_MAX) => {
                Err(SettingsError::ReportTooLong)
            }
            Some(report) if len > report.capacity() => {
                Err(SettingsError::FeedbackTooLong { len, capacity: report.capacity() })
            }
            _ => Ok(()),
        }
    }
}

/// A report of a test vector: hexadecimal pairs, between them `.. 63` for zeros until there are 63 bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportBytes(pub Vec<u8>);

impl<'de> Deserialize<'de> for ReportBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut parts = text.split("..");
        let mut bytes = HexBytes::read(parts.next().unwrap_or_default()).map_err(serde::de::Error::custom)?.0;
        for part in parts.map(str::trim_start) {
            let (number, rest) = part.split_once(char::is_whitespace).unwrap_or((part, ""));
            let length = number.parse().ok().filter(|length| (bytes.len()..=REPORT_MAX).contains(length));
            let length = length.ok_or_else(|| {
                serde::de::Error::custom(format!("\"{number}\" behind .. is no length from {} on", bytes.len()))
            })?;
            bytes.resize(length, 0);
            bytes.extend(HexBytes::read(rest).map_err(serde::de::Error::custom)?.0);
        }
        Ok(ReportBytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feedback_is_put_into_a_report_and_filled_up_where_the_report_has_a_length() {
        let open = FeedbackReport { id: 0xFD, length: None };
        assert_eq!(open.report(&[0x16, 0x07, 0x0D]), [0xFD, 3, 0x16, 0x07, 0x0D]);
        let filled = FeedbackReport { id: 4, length: Some(64) };
        let report = filled.report(&[0x7E, 0x00]);
        assert_eq!((report.len(), &report[..5]), (64, [4, 2, 0x7E, 0, 0].as_slice()));
        assert_eq!(filled.report(&[1; 62]).len(), 64);
        assert!(filled.report(&[1; 63]).is_empty() && open.report(&[1; 256]).is_empty() && open.report(&[]).is_empty());
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        let feedback = Feedback { refuse: HexBytes(vec![1; 63]), ..Feedback::default() };
        let with = |feedback_report| HidPosSettings { feedback_report, ..HidPosSettings::default() };
        let check = |settings: HidPosSettings| settings.check(&feedback).err();
        assert_eq!(check(with(None)), Some(SettingsError::NoFeedbackReport));
        let report = |length| Some(FeedbackReport { id: 4, length });
        assert_eq!(check(with(report(Some(64)))), Some(SettingsError::FeedbackTooLong { len: 63, capacity: 62 }));
        assert_eq!(check(with(report(Some(5000)))), Some(SettingsError::ReportTooLong));
        assert_eq!(check(with(report(None))), None);
        assert_eq!(with(None).check(&Feedback::default()), Ok(()));
        let wrong = HidPosSettings { ignore_aim: vec!["Z6".into()], ..HidPosSettings::default() };
        assert_eq!(check(wrong), Some(SettingsError::Aim("Z6".into())));
    }

    #[test]
    fn a_layout_that_is_set_needs_no_descriptor() {
        let of = |layout| HidPosSettings { layout, ..HidPosSettings::default() }.layout(&[]);
        assert_eq!(of(LayoutSource::Honeywell), Ok(PosLayout::honeywell()));
        assert_eq!(of(LayoutSource::Newland), Ok(PosLayout::newland()));
        assert!(of(LayoutSource::Descriptor).is_err());
    }
}
