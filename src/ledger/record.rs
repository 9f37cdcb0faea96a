//! What stands in the ledger for one scan, or one word from upstream.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::anchor::Head;
use crate::domain::clock::Moment;
use crate::domain::event::Event;
use crate::domain::ids::{DeviceId, OperatorId, ScanId, StationId};
use crate::domain::verdict::Verdict;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The box that wrote it.
    #[serde(rename = "box")]
    pub by: String,
    /// When; order comes from the sequence.
    pub at: Moment,
    /// Whether the wall clock stood behind the record before.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub clock_went_back: bool,
    /// What brought it about.
    pub cause: Cause,
    /// What was decided, for a scan.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub verdict: Option<Verdict>,
    /// The facts.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub events: Vec<Event>,
}

/// What brought a record about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum Cause {
    /// A scan.
    Scan {
        /// Its id.
        scan_id: ScanId,
        /// Where.
        station: StationId,
        /// With what.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        device: Option<DeviceId>,
        /// By whom.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        operator: Option<OperatorId>,
        /// From which address.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        peer: Option<String>,
        /// The bytes as scanned, base64.
        raw: String,
        /// What the scanner's protocol found wrong.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        broken: Option<String>,
        /// Tells a retry from a conflict: SHA-256 in hexadecimal.
        fingerprint: String,
    },
    /// A word from upstream, through the API or a file.
    Upstream {
        /// Which call.
        call: String,
        /// From which address.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        peer: Option<String>,
    },
    /// Something that the box did by itself or a person at its keyboard.
    Local {
        /// What.
        what: String,
    },
}

impl Head {
    /// The head after one more record.
    pub(super) fn next(&self, body: &[u8]) -> Head {
        let seq = self.seq + 1;
        let mut hash = Sha256::new();
        hash.update(self.hash);
        hash.update(seq.to_be_bytes());
        hash.update(body);
        Head { seq, hash: hash.finalize().into() }
    }
}
