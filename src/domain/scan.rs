//! A scan as it reaches the domain.

use super::ids::{DeviceId, OperatorId, ScanId, StationId};

/// One trigger pull.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Made by the sender before it sends, kept for a retry.
    pub id: ScanId,
    /// Where it was made.
    pub station: StationId,
    /// With what.
    pub device: Option<DeviceId>,
    /// By whom, where the sender says so.
    pub operator: Option<OperatorId>,
    /// The bytes as the scanner sent them, without its protocol.
    pub data: Vec<u8>,
    /// What the scanner's protocol found wrong with the frame.
    pub broken: Option<String>,
    /// Whether the same frame came within the device's bounce time.
    pub bounced: bool,
    /// What the same keys say in other keyboard layouts, for a scanner that types.
    pub retyped: Vec<Retyped>,
}

/// What typed keys say in another layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retyped {
    /// The layout's name.
    pub layout: String,
    /// The text.
    pub text: String,
}
