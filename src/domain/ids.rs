//! Every kind of id is a type of its own; all kinds are listed here.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Longest id that is accepted, in bytes: it must fit on labels and in log lines.
pub const ID_MAX: usize = 100;

/// Why a text can't be an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// No character in it.
    #[error("is empty")]
    Empty,
    /// More than [`ID_MAX`] bytes.
    #[error("is longer than {ID_MAX} bytes")]
    TooLong,
    /// A control character, or a space at either end.
    #[error("holds control characters or begins or ends with a space")]
    Characters,
}

fn checked(text: &str) -> Result<(), IdError> {
    match text {
        "" => Err(IdError::Empty),
        _ if text.len() > ID_MAX => Err(IdError::TooLong),
        _ if text.trim() != text || text.chars().any(char::is_control) => Err(IdError::Characters),
        _ => Ok(()),
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(Arc<str>);

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(&text)
            }
        }

        impl $name {
            /// An id from a text.
            ///
            /// # Errors
            /// The text is empty, too long, or holds control characters.
            pub fn new(text: &str) -> Result<Self, IdError> {
                checked(text).map(|()| Self(text.into()))
            }

            /// Its text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, out)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )*};
}

ids! {
    /// A carrier's code, as upstream writes it.
    CarrierCode
    /// A scanner, by its name in the configuration or the sender's word.
    DeviceId
    /// A manifest, as upstream numbers it.
    ManifestId
    /// A person who scans.
    OperatorId
    /// An outbound order, as upstream numbers it.
    OrderId
    /// A physical box; the box that runs waybind numbers them.
    ParcelId
    /// A pick list, as upstream numbers it.
    PickListId
    /// One scan, made by its sender before it is sent and kept for a retry.
    ScanId
    /// A print job; the box that runs waybind numbers them.
    PrintJobId
    /// A printer, by its name in the configuration.
    PrinterId
    /// A stock-keeping unit.
    Sku
    /// A place where scans are made.
    StationId
    /// A stop-list, as upstream numbers it.
    StopListId
    /// A carrier's waybill number.
    WaybillNo
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_checked() {
        assert_eq!(OrderId::new("SO-1").map(|id| id.to_string()), Ok("SO-1".into()));
        assert_eq!(OrderId::new(""), Err(IdError::Empty));
        assert_eq!(OrderId::new(" SO"), Err(IdError::Characters));
        assert_eq!(OrderId::new("a\u{7}b"), Err(IdError::Characters));
        assert_eq!(OrderId::new(&"x".repeat(101)), Err(IdError::TooLong));
    }
}
