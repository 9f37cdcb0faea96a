//! Signing a request: a digest over what the configuration names, as couriers ask for it.

use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha2::Sha256;

use crate::config::{SignAlgorithm, SignEncoding, SignEscape, SignSettings};

/// The signature of a text. The secret is the key of the algorithms that have one; the others know it only where the text
/// names it.
pub(super) fn signature(settings: &SignSettings, text: &str, secret: &str) -> String {
    let escaped = match settings.escape {
        SignEscape::None => text.to_owned(),
        SignEscape::Form => form(text),
    };
    let bytes = escaped.as_bytes();
    let digest = match settings.algorithm {
        SignAlgorithm::Md5 => Md5::digest(bytes).to_vec(),
        SignAlgorithm::Sha256 => Sha256::digest(bytes).to_vec(),
        SignAlgorithm::HmacMd5 => {
            let mut mac = Hmac::<Md5>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
            mac.update(bytes);
            mac.finalize().into_bytes().to_vec()
        }
        SignAlgorithm::HmacSha256 => {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
            mac.update(bytes);
            mac.finalize().into_bytes().to_vec()
        }
    };
    match settings.encoding {
        SignEncoding::Base64 => BASE64.encode(&digest),
        SignEncoding::Hex => HEXLOWER.encode(&digest),
        SignEncoding::HexUpper => HEXUPPER.encode(&digest),
        SignEncoding::Base64OfHex => BASE64.encode(HEXLOWER.encode(&digest).as_bytes()),
    }
}

/// A text as the value of a form's field (WHATWG URL, "application/x-www-form-urlencoded"): a space is a plus sign.
fn form(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => written.push('+'),
            b'*' | b'-' | b'.' | b'_' => written.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => written.push(char::from(byte)),
            _ => written.push_str(&format!("%{byte:02X}")),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values by Python's `hashlib`, `hmac` and `urllib.parse.quote_plus`.
    #[test]
    fn digests_are_those_of_another_program() {
        let text = "{\"订单\": \"SO 1~*\"}秘密";
        let sign = |algorithm, encoding, escape| {
            let settings = SignSettings { algorithm, encoding, escape, ..SignSettings::default() };
            signature(&settings, text, "秘密")
        };
        for (algorithm, encoding, escape, expected) in [
            (SignAlgorithm::Md5, SignEncoding::Base64, SignEscape::None, "PM3/10HBvyl+KIPnV/CZ4g=="),
            (SignAlgorithm::Md5, SignEncoding::Hex, SignEscape::None, "3ccdffd741c1bf297e2883e757f099e2"),
            (SignAlgorithm::Md5, SignEncoding::HexUpper, SignEscape::Form, "6063F22C96A8A1163637967317FA383E"),
            (
                SignAlgorithm::Md5,
                SignEncoding::Base64OfHex,
                SignEscape::None,
                "M2NjZGZmZDc0MWMxYmYyOTdlMjg4M2U3NTdmMDk5ZTI=",
            ),
            (
                SignAlgorithm::Sha256,
                SignEncoding::Base64,
                SignEscape::Form,
                "63aSVFuSLNI/KHAUinUZjb3e70RwndQof1fkB9E+Ktc=",
            ),
            (SignAlgorithm::HmacMd5, SignEncoding::Hex, SignEscape::None, "4b03c6929150e97929f16099a1706544"),
            (
                SignAlgorithm::HmacSha256,
                SignEncoding::Hex,
                SignEscape::None,
                "76807de8276aaabb2ae779bfef8bee4040838889450e45d20aa1ace0bb9ba046",
            ),
        ] {
            assert_eq!(sign(algorithm, encoding, escape), expected, "{algorithm:?} {encoding:?} {escape:?}");
        }
    }
}
