//! waybind: every scan is checked, every waybill is bound.
//!
//! One program on one box in a warehouse. It owns the scanners, checks every scan against the order line, and lets a
//! waybill leave only when every order on it is completely picked. [`docs`] says where things are and why.
//!
//! ```
//! use jiff::civil::date;
//! use waybind::barcode::{self, Content, Hint};
//!
//! let reading = barcode::read("]C1010950600013435210A1", Hint::None, None, date(2026, 11, 21))?;
//! let Content::Gs1(elements) = reading.content else { panic!("a GS1 symbol") };
//! assert_eq!(elements.lot.as_deref(), Some("A1"));
//! # Ok::<(), barcode::DecodeError>(())
//! ```

pub mod barcode;
pub mod cli;
pub mod clock;
pub mod codec;
pub mod config;
pub mod device;
pub mod domain;
pub mod intake;
pub mod label;
pub mod ledger;
pub mod message;
pub mod print;
pub mod protocol;
pub mod service;
pub mod sim;
pub mod telemetry;
pub mod upstream;
pub mod web;

/// The documents of the project.
pub mod docs {
    #[doc = include_str!("docs/architecture.md")]
    pub mod architecture {}
    #[doc = include_str!("docs/changelog.md")]
    pub mod changelog {}
    /// Decisions with their reasons.
    pub mod decisions {
        #[doc = include_str!("docs/decisions/0001-readings-of-the-contract.md")]
        pub mod d0001 {}
        #[doc = include_str!("docs/decisions/0002-libraries.md")]
        pub mod d0002 {}
        #[doc = include_str!("docs/decisions/0003-documents-in-tables.md")]
        pub mod d0003 {}
        #[doc = include_str!("docs/decisions/0004-feed-rows-point-into-records.md")]
        pub mod d0004 {}
        #[doc = include_str!("docs/decisions/0005-usb-devices.md")]
        pub mod d0005 {}
        #[doc = include_str!("docs/decisions/0006-targets.md")]
        pub mod d0006 {}
        #[doc = include_str!("docs/decisions/0007-backup-and-new-id.md")]
        pub mod d0007 {}
        #[doc = include_str!("docs/decisions/0008-interceptions.md")]
        pub mod d0008 {}
        #[doc = include_str!("docs/decisions/0009-printing.md")]
        pub mod d0009 {}
        #[doc = include_str!("docs/decisions/0010-sources.md")]
        pub mod d0010 {}
        #[doc = include_str!("docs/decisions/0011-pictures-and-labels-from-outside.md")]
        pub mod d0011 {}
        #[doc = include_str!("docs/decisions/0012-bags-and-labels.md")]
        pub mod d0012 {}
        #[doc = include_str!("docs/decisions/0013-couriers-and-escalation.md")]
        pub mod d0013 {}
        #[doc = include_str!("docs/decisions/0014-pictures-and-native-commands.md")]
        pub mod d0014 {}
        #[doc = include_str!("docs/decisions/0015-labels-from-outside-on-paper.md")]
        pub mod d0015 {}
        #[doc = include_str!("docs/decisions/0016-what-targets-do-not-take.md")]
        pub mod d0016 {}
        #[doc = include_str!("docs/decisions/0017-retention.md")]
        pub mod d0017 {}
        #[doc = include_str!("docs/decisions/0018-what-files-say.md")]
        pub mod d0018 {}
        #[doc = include_str!("docs/decisions/0019-numbers-that-help.md")]
        pub mod d0019 {}
        #[doc = include_str!("docs/decisions/0020-boxes-and-words-that-cross.md")]
        pub mod d0020 {}
        #[doc = include_str!("docs/decisions/0021-what-a-scan-waits-for.md")]
        pub mod d0021 {}
        #[doc = include_str!("docs/decisions/0022-a-labels-proof.md")]
        pub mod d0022 {}
        #[doc = include_str!("docs/decisions/0023-what-is-lost-is-not-made-anew.md")]
        pub mod d0023 {}
    }
}
