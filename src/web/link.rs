//! Addresses of things here: an id may be any text, and stands in a path percent-encoded.

use std::fmt::Display;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What needs no encoding in a path's segment.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The address of a thing below a path that ends with a slash.
pub(super) fn link(below: &str, id: &dyn Display) -> String {
    format!("{below}{}", utf8_percent_encode(&id.to_string(), SEGMENT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_any_letters_is_one_segment() {
        for (id, address) in [
            ("SO-1001_a.b~c", "/order/SO-1001_a.b~c"),
            ("SO/2026/1", "/order/SO%2F2026%2F1"),
            ("SO#7", "/order/SO%237"),
            ("a?b c%", "/order/a%3Fb%20c%25"),
            ("订单", "/order/%E8%AE%A2%E5%8D%95"),
        ] {
            assert_eq!(link("/order/", &id), address);
        }
    }
}
