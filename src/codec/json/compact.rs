//! JSON without the spaces between its parts; nothing else of it is touched.

/// The text without what only sets it out: numbers, escapes and the order of fields stay as they were written.
#[must_use]
pub fn compact(json: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    let mut is_kept = |character: &char| {
        let kept = in_string || !character.is_ascii_whitespace();
        (in_string, escaped) = match *character {
            _ if escaped => (in_string, false),
            '\\' => (in_string, in_string),
            '"' => (!in_string, false),
            _ => (in_string, false),
        };
        kept
    };
    json.chars().filter(|character| is_kept(character)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_sets_it_out_goes() {
        let written =
            "{ \"z\" : 1.50 ,\n\t\"a b\": \"\\\" : \\\\\" , \"中\":[ 12345678901234567890123, \"\\u4e2d\" ]\r\n}";
        let compacted = "{\"z\":1.50,\"a b\":\"\\\" : \\\\\",\"中\":[12345678901234567890123,\"\\u4e2d\"]}";
        assert_eq!(compact(written), compacted);
        assert_eq!(compact(compacted), compacted);
    }
}
