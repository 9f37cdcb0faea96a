//! Every text that a person reads, in Chinese and English, under one roof: one name a situation.
//!
//! A refusal says what was expected, what was scanned, that nothing was counted, and what to do next.

mod consolidation;
mod fact;
mod notice;
mod number;
mod page;
mod printing;
mod rule;
mod sheet;
mod verdict;
mod why;

use serde::{Deserialize, Serialize};

pub use self::consolidation::{group_text, parcel_text, reason_text};
pub use self::fact::{EXCEPTIONS, FACTS, TARGET_DOWN, code_name_title, fact_title};
pub use self::notice::{Notice, hold_reason, notice_text};
pub use self::number::number_refusal;
pub use self::page::{Phrase, phrase};
pub use self::printing::{
    job_state, print_kind, print_trouble, printer_condition, reprint_reasons, resolution, void_why,
};
pub use self::rule::{attention_text, rule_name};
pub use self::sheet::{COMMANDS, role_name};
pub use self::verdict::{VerdictText, code_title, missing_why, order_stage, verdict_text, warning_text};

/// A language of the pages and messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Language {
    /// Simplified Chinese.
    #[default]
    #[serde(rename = "zh-CN")]
    Chinese,
    /// English.
    #[serde(rename = "en")]
    English,
}

impl Language {
    /// Both, for switching.
    pub const ALL: [Language; 2] = [Language::Chinese, Language::English];

    /// Its BCP 47 tag.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Language::Chinese => "zh-CN",
            Language::English => "en",
        }
    }

    /// What its speakers call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Language::Chinese => "中文",
            Language::English => "English",
        }
    }

    /// The language of a tag or of an `Accept-Language` header's first choice.
    #[must_use]
    pub fn from_tag(tag: &str) -> Option<Language> {
        match tag.trim().get(..2)?.to_ascii_lowercase().as_str() {
            "zh" => Some(Language::Chinese),
            "en" => Some(Language::English),
            _ => None,
        }
    }

    /// The one of two texts that is in this language.
    #[must_use]
    pub fn pick<'a>(self, chinese: &'a str, english: &'a str) -> &'a str {
        match self {
            Language::Chinese => chinese,
            Language::English => english,
        }
    }
}
