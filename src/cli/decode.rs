//! `decode`: what does this scan mean?

use std::io::{BufRead, BufReader, BufWriter, Write};

use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Failure, Target, say, say_lines, warn};
use crate::barcode::carrier::WaybillText;
use crate::barcode::codes::{Command, OwnCode, ShortReason, SiteKey};
use crate::barcode::{self, Content, DecodeError, DecodeErrorCode, Elements, Hint, Reading};
use crate::clock::Clock;
use crate::codec::json::typed;
use crate::ledger::Folder;
use crate::service::known_key;

#[derive(Deserialize)]
struct Line {
    raw: String,
    hint: Option<Hint>,
}

/// What a code is read with.
struct Decoder {
    today: Date,
    /// The site's key, where its data folder is there.
    key: Option<SiteKey>,
}

impl Decoder {
    fn new(target: &Target) -> Result<Decoder, Failure> {
        let config = target.load()?;
        let key = known_key(&Folder::new(&config.data)).unwrap_or_else(|error| {
            warn(&format!("{error}; our own codes stay unverified"));
            None
        });
        Ok(Decoder { today: Clock::new(jiff::tz::TimeZone::system()).now().today, key })
    }

    fn read(&self, raw: &str, hint: Hint) -> Result<Reading, DecodeError> {
        barcode::read(raw, hint, self.key.as_ref(), self.today)
    }

    /// One line of input to one line of output; a line that is no JSON gets an answer too.
    fn line(&self, line: &[u8]) -> Value {
        match typed::<Line>(line) {
            Ok(Line { raw, hint }) => answer(self.read(&raw, hint.unwrap_or_default())),
            Err(mistake) => {
                failure("invalid_json", &format!("the line is no {{\"raw\": …}} object: {mistake}"), offset(line))
            }
        }
    }
}

/// Where a text stops being JSON; its beginning if it is JSON that says something else.
fn offset(line: &[u8]) -> usize {
    let read = serde_json::from_slice::<serde::de::IgnoredAny>(line);
    read.err().map_or(0, |error| error.column().saturating_sub(1))
}

pub(super) fn one(text: &str, target: &Target) -> Result<(), Failure> {
    let raw = text.replace('␝', "\u{1d}").replace("\\u001d", "\u{1d}").replace("\\x1d", "\u{1d}");
    let read = Decoder::new(target)?.read(&raw, Hint::None);
    let failed = read.as_ref().err().map(|error| Failure::Failed(error.to_string()));
    let answer = answer(read);
    if target.json {
        say(&answer.to_string())?;
    } else {
        say_lines(&serde_json::to_string_pretty(&answer).map_err(|error| Failure::failed(&error))?)?;
    }
    failed.map_or(Ok(()), Err)
}

pub(super) fn lines(target: &Target) -> Result<(), Failure> {
    let decoder = Decoder::new(target)?;
    let mut input = BufReader::new(std::io::stdin().lock());
    let mut output = BufWriter::new(std::io::stdout().lock());
    let mut line = Vec::new();
    let failed = |error: std::io::Error| Failure::failed(&error);
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line).map_err(failed)? == 0 {
            return output.flush().map_err(failed);
        }
        while line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            line.pop();
        }
        writeln!(output, "{}", decoder.line(&line)).map_err(failed)?;
        let more_is_here = input.buffer().contains(&b'\n');
        if !more_is_here {
            // whoever waits for this answer before he sends more gets it now
            output.flush().map_err(failed)?;
        }
    }
}

fn failure(code: &str, message: &str, offset: usize) -> Value {
    json!({
        "ok": false, "kind": null, "symbology": null, "aim": null, "elements": [], "gtin": null, "lot": null, "serial": null,
        "expiry": null, "quantity": null, "error": {"code": code, "message": message, "offset": offset}, "warnings": [],
    })
}

fn answer(read: Result<Reading, DecodeError>) -> Value {
    let reading = match read {
        Ok(reading) => reading,
        Err(DecodeError { code, message, offset }) => return failure(name(code), &message, offset),
    };
    let empty = Elements::default();
    let (elements, gtin) = match &reading.content {
        Content::Gs1(elements) | Content::DigitalLink(elements) => (elements, elements.gtin.clone()),
        Content::Article { gtin, .. } => (&empty, Some(gtin.clone())),
        Content::Waybill(_) | Content::Own(_) | Content::Text => (&empty, None),
    };
    let mut answer = json!({
        "ok": true, "kind": reading.content.kind(),
        "symbology": reading.aim.map(barcode::AimId::symbology), "aim": reading.aim.map(|aim| aim.to_string()),
        "elements": elements.all, "gtin": gtin, "lot": elements.lot, "serial": elements.serial, "expiry": elements.expiry,
        "quantity": elements.count, "error": null,
        "warnings": reading.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    match &reading.content {
        Content::Waybill(waybill) | Content::Article { waybill: Some(waybill), .. } => {
            add_waybill(&mut answer, waybill)
        }
        Content::Own(own) => add_own(&mut answer, own),
        Content::Text => answer["text"] = reading.text.into(),
        _ => {}
    }
    answer
}

fn name(code: DecodeErrorCode) -> &'static str {
    code.as_str()
}

fn add_waybill(answer: &mut Value, waybill: &WaybillText) {
    answer["number"] = waybill.number.as_str().into();
    answer["piece"] = waybill.piece.map(|(piece, _)| piece).into();
    answer["pieces"] = waybill.piece.map(|(_, pieces)| pieces).into();
    answer["candidates"] = waybill.candidates.iter().map(|candidate| candidate.carrier).collect::<Vec<_>>().into();
    answer["confidence"] =
        waybill.candidates.iter().map(|candidate| json!(candidate.confidence)).collect::<Vec<_>>().into();
    answer["rules_of"] = barcode::carrier::RULES_OF.into();
}

fn add_own(answer: &mut Value, own: &OwnCode) {
    match own {
        OwnCode::Command(command) => answer["command"] = command_name(*command).into(),
        OwnCode::Thing { kind, id, check } => {
            answer["code_kind"] = kind.letter().to_string().into();
            answer["id"] = id.as_str().into();
            answer["check"] = json!(check);
        }
    }
}

fn command_name(command: Command) -> String {
    match command {
        Command::Undo => "UNDO".into(),
        Command::Ack => "ACK".into(),
        Command::Done => "DONE".into(),
        Command::Pause => "PAUSE".into(),
        Command::Short(ShortReason::NotFound) => "SHORT".into(),
        Command::Short(ShortReason::Damaged) => "SHORT-DAMAGED".into(),
        Command::Short(ShortReason::Blocked) => "SHORT-BLOCKED".into(),
        Command::Seal => "SEAL".into(),
        Command::Override => "OVERRIDE".into(),
        Command::Unload => "UNLOAD".into(),
        Command::PutBack => "PUTBACK".into(),
        Command::SignOut => "SIGNOUT".into(),
        Command::Reprint => "REPRINT".into(),
        Command::Teach => "TEACH".into(),
        Command::Quantity(times) => format!("QTY-{times}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::barcode::codes::CodeKind;

    const TODAY: Date = jiff::civil::date(2026, 11, 21);

    fn decode_line(line: &[u8]) -> Value {
        Decoder { today: TODAY, key: None }.line(line)
    }

    #[test]
    fn a_line_in_a_line_out() {
        let answer = decode_line(br#"{"raw": "]C10109506000134352\u001d10A1"}"#);
        let expected = json!({
            "ok": true, "kind": "gs1", "symbology": "gs1-128", "aim": "]C1",
            "elements": [["01", "09506000134352"], ["10", "A1"]], "gtin": "09506000134352", "lot": "A1", "serial": null,
            "expiry": null, "quantity": null, "error": null, "warnings": [],
        });
        assert_eq!(answer, expected);
    }

    #[test]
    fn what_is_no_json_gets_an_answer_too() {
        for line in [
            &b"nonsense"[..],
            b"",
            b"{}",
            b"\xff\xfe",
            b"{\"raw\": 1}",
            b"[\"6901234567892\", \"gs1\"]",
            b"{\"raw\": null}",
        ] {
            let answer = decode_line(line);
            assert_eq!((answer["ok"].clone(), answer["error"]["code"].clone()), (json!(false), json!("invalid_json")));
        }
    }

    #[test]
    fn waybills_and_our_own_codes_say_more() {
        let waybill = decode_line(br#"{"raw": "75312345678901"}"#);
        assert_eq!(
            (waybill["kind"].clone(), waybill["candidates"].clone()),
            (json!("waybill"), json!(["ZTO", "HTKY"]))
        );
        let own = decode_line(br#"{"raw": "WB:O:1042:ABCD"}"#);
        assert_eq!((own["kind"].clone(), own["check"].clone()), (json!("waybind"), json!("unverified")));
        let hinted = decode_line(br#"{"raw": "0109506000134352", "hint": "gs1"}"#);
        assert_eq!(hinted["kind"], json!("gs1"));
    }

    #[test]
    fn a_hint_that_is_null_is_none() {
        let answer = decode_line(br#"{"raw": "0109506000134352", "hint": null}"#);
        assert_eq!((&answer["ok"], &answer["error"]), (&json!(true), &Value::Null));
        assert_ne!(answer["kind"], json!("gs1"));
    }

    #[test]
    fn our_own_codes_are_checked_with_the_key_of_the_site() {
        let key = SiteKey::new([7; 32]);
        let code = key.code(CodeKind::Order, "1042");
        let decoder = Decoder { today: TODAY, key: Some(key) };
        let told = |code: &str| {
            let answer = decoder.line(json!({ "raw": code }).to_string().as_bytes());
            (answer["kind"].clone(), answer["check"].clone())
        };
        assert_eq!(told(&code), (json!("waybind"), json!("ok")));
        assert_eq!(told(&code.replace("1042", "1043")), (json!("waybind"), json!("bad")));
        assert_eq!(told(&code[..code.len() - 1]), (json!("text"), Value::Null));
    }
}
