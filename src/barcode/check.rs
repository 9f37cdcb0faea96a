//! Check digits and check characters of the GS1 system and of S10 postal items.

use super::error::{DecodeErrorCode as Code, Fault};

/// The GS1 modulo-10 check digit for the digits before it: weights 3 and 1 from the right.
#[must_use]
pub fn mod10_digit(body: &str) -> Option<u8> {
    let mut sum = 0_u32;
    for (index, byte) in body.bytes().rev().enumerate() {
        if !byte.is_ascii_digit() {
            return None;
        }
        sum += u32::from(byte - b'0') * if index % 2 == 0 { 3 } else { 1 };
    }
    Some(b'0' + ((10 - sum % 10) % 10) as u8)
}

/// Whether a string of digits ends in its modulo-10 check digit.
#[must_use]
pub fn mod10(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (mut odd, mut even) = (0_u32, 0_u32);
    for pair in bytes.rchunks(2) {
        match pair {
            [tens, units] => {
                odd += u32::from(tens.wrapping_sub(b'0'));
                even += u32::from(units.wrapping_sub(b'0'));
            }
            [units] => even += u32::from(units.wrapping_sub(b'0')),
            _ => {}
        }
    }
    !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit) && (odd * 3 + even) % 10 == 0
}

const SET82: &str = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
const SET32: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// The check pair of GS1 alphanumeric keys: characters weighted by primes from the right, modulo 1021.
pub(super) fn alphanumeric_pair(text: &str) -> Result<(), Fault> {
    let Some((body, pair)) = text.len().checked_sub(2).and_then(|at| text.split_at_checked(at)) else {
        return Err(Fault::new(Code::TooShort, 0));
    };
    if let Some(offset) = pair.bytes().position(|byte| !SET32.contains(&byte)) {
        return Err(Fault::new(Code::InvalidCharacter, body.len() + offset));
    }
    let mut sum = 0;
    for ((offset, byte), prime) in body.bytes().enumerate().rev().zip(primes()) {
        let value = SET82.bytes().position(|known| known == byte).ok_or(Fault::new(Code::InvalidCharacter, offset))?;
        sum = (sum + value * prime) % 1021;
    }
    if pair.as_bytes() == [SET32[sum >> 5], SET32[sum & 31]] {
        Ok(())
    } else {
        Err(Fault::new(Code::CheckPair, body.len()))
    }
}

fn primes() -> impl Iterator<Item = usize> {
    (2_usize..).filter(|number| {
        (2..*number).take_while(|divisor| divisor * divisor <= *number).all(|divisor| number % divisor != 0)
    })
}

/// The check digit of an S10 item number (EMS, registered mail): 8 digits, weights 8 6 4 2 3 5 9 7.
pub(super) fn s10(digits: &str) -> bool {
    let Some((body, check)) = digits.split_at_checked(8) else { return false };
    let sum: u32 = body
        .bytes()
        .zip([8, 6, 4, 2, 3, 5, 9, 7])
        .map(|(byte, weight)| u32::from(byte.wrapping_sub(b'0')) * weight)
        .sum();
    let expected = match 11 - sum % 11 {
        10 => 0,
        11 => 5,
        digit => digit,
    };
    check.parse() == Ok(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_computed_digit_verifies() {
        for body in ["0950600013435", "690123456789", "9638507"] {
            let digit = mod10_digit(body).expect("digits");
            assert!(mod10(&format!("{body}{}", char::from(digit))), "{body}");
        }
        assert!(!mod10("") && !mod10("12a4") && mod10_digit("12a").is_none());
    }

    #[test]
    fn s10_numbers_of_the_post() {
        assert!(s10("123456785") && s10("000717618") && !s10("801495811") && !s10("1"));
    }
}
