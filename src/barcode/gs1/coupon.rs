//! North American coupon data in AI (8110) and (8112): fields whose length stands before them.
//!
//! After the North American Coupon Application Guideline Using GS1 DataBar Expanded Symbols.

use crate::barcode::dates;
use crate::barcode::error::{DecodeErrorCode as Code, Fault};

/// Reads digits from the front and remembers where it is.
struct Digits<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Digits<'a> {
    fn new(text: &'a str) -> Result<Self, Fault> {
        match text.bytes().position(|byte| !byte.is_ascii_digit()) {
            Some(offset) => Err(Fault::new(Code::InvalidCharacter, offset)),
            None => Ok(Digits { text, at: 0 }),
        }
    }

    fn is_empty(&self) -> bool {
        self.at == self.text.len()
    }

    fn fault(&self) -> Fault {
        Fault::new(Code::InvalidContent, self.at.min(self.text.len().saturating_sub(1)))
    }

    fn take(&mut self, len: usize) -> Result<&'a str, Fault> {
        let part = self.text.get(self.at..self.at + len).ok_or_else(|| self.fault())?;
        self.at += len;
        Ok(part)
    }

    /// One digit that must be among `allowed`.
    fn one_of(&mut self, allowed: &str) -> Result<usize, Fault> {
        let digit = self.text.as_bytes().get(self.at).ok_or_else(|| self.fault())?;
        if !allowed.as_bytes().contains(digit) {
            return Err(self.fault());
        }
        self.at += 1;
        Ok(usize::from(digit - b'0'))
    }

    /// A length digit among `allowed`, then that many digits and `extra` more.
    fn counted(&mut self, allowed: &str, extra: usize) -> Result<&'a str, Fault> {
        let len = self.one_of(allowed)?;
        self.take(len + extra)
    }

    /// A purchase requirement: its counted value, its code, its family code.
    fn purchase(&mut self) -> Result<(), Fault> {
        self.counted("12345", 0)?;
        self.one_of("012349")?;
        self.take(3).map(drop)
    }

    /// The company prefix of a further purchase: counted, or left out with length digit 9.
    fn purchase_prefix(&mut self) -> Result<(), Fault> {
        match self.one_of("01234569")? {
            9 => Ok(()),
            len => self.take(len + 6).map(drop),
        }
    }

    fn date(&mut self) -> Result<&'a str, Fault> {
        let start = self.at;
        let text = self.take(6)?;
        // the century does not matter for a coupon's plausibility: any window will do
        dates::yymmdd(text, 2000, false).map_err(|fault| fault.after(start))?;
        Ok(text)
    }
}

/// AI (8110): the original coupon code.
pub(super) fn coupon_code(text: &str) -> Result<(), Fault> {
    let mut digits = Digits::new(text)?;
    digits.counted("0123456", 6)?;
    digits.take(6)?;
    digits.counted("12345", 0)?;
    digits.purchase()?;
    let mut expiry = None;
    let mut previous = 0;
    while !digits.is_empty() {
        let field = digits.one_of("1234569")?;
        if field <= previous {
            return Err(Fault::new(Code::InvalidContent, digits.at - 1));
        }
        previous = field;
        match field {
            1 => {
                digits.one_of("0123")?;
                digits.purchase()?;
                digits.purchase_prefix()?;
            }
            2 => {
                digits.purchase()?;
                digits.purchase_prefix()?;
            }
            3 => expiry = Some(digits.date()?),
            4 => {
                let start = digits.date()?;
                if expiry.is_some_and(|expiry| expiry < start) {
                    return Err(Fault::new(Code::InvalidContent, digits.at - 6));
                }
            }
            5 => drop(digits.counted("0123456789", 6)?),
            6 => drop(digits.counted("1234567", 6)?),
            _ => {
                digits.one_of("01256")?;
                digits.one_of("012")?;
                digits.take(1)?;
                digits.one_of("01")?;
            }
        }
    }
    Ok(())
}

/// AI (8112): the positive offer file coupon code.
pub(super) fn positive_offer(text: &str) -> Result<(), Fault> {
    let mut digits = Digits::new(text)?;
    digits.one_of("01")?;
    digits.counted("0123456", 6)?;
    digits.take(6)?;
    digits.counted("0123456789", 6)?;
    if digits.is_empty() { Ok(()) } else { Err(digits.fault()) }
}
