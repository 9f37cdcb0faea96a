//! Aggregated labels by word: made, printed, voided, and looked at.

use jiff::Timestamp;

use super::Core;
use super::backend::{record, unreadable};
use super::paper::Desk;
use super::press::Format;
use crate::domain::bag::{BagRules, LabelVersion};
use crate::domain::decide::Site;
use crate::domain::ids::{BagId, StationId};
use crate::domain::printing::PrintTrouble;
use crate::domain::upstream::{Outcome, Refusal, make_label, print_label, void_label};
use crate::domain::view::View;
use crate::web::api::label_answer;
use crate::web::backend::{Caller, Idempotency, LabelAction, LabelAnswer, Unavailable};

impl Core {
    /// Takes a word about a label; the answer comes when it is durable.
    pub(super) async fn word_about_label(
        &self,
        caller: Caller,
        action: LabelAction,
        key: Option<Idempotency>,
    ) -> Result<LabelAnswer, Unavailable> {
        let unknown = self.unknown_template(&action).await?;
        let (now, site) = (self.parts.clock.now(), self.parts.site.clone());
        let answer = self.parts.writer.submit(move |transaction| {
            if let Some((fingerprint, status, body)) = key.as_ref().and_then(|key| transaction.reply(&key.key)) {
                let same = key.as_ref().is_some_and(|key| key.fingerprint == fingerprint);
                return if same { LabelAnswer::Given(status, body) } else { LabelAnswer::KeyConflict };
            }
            let outcome = match unknown {
                Some(refusal) => Outcome::Refused(refusal),
                None => judged(transaction.view(), &site, &action, now),
            };
            record(transaction, &site, &caller, &outcome, now);
            let (status, body) = label_answer(transaction.view(), &site.key, &action, &outcome);
            let body = body.to_string();
            if let Some(key) = &key {
                transaction.keep_reply(&key.key, &key.fingerprint, status.as_u16(), &body);
            }
            LabelAnswer::Given(status.as_u16(), body)
        });
        let answer = answer.await?;
        self.announce_everywhere();
        Ok(answer)
    }

    /// The objection to a template that is not there. Templates are read where labels are made: the first time takes long.
    async fn unknown_template(&self, action: &LabelAction) -> Result<Option<Refusal>, Unavailable> {
        let LabelAction::Make(spec, _) = action else { return Ok(None) };
        let Some(name) = spec.template.clone() else { return Ok(None) };
        let core = self.clone();
        let looked = self.parts.press.at_bench(move || {
            let press = core.parts.press.press()?;
            Ok::<_, String>(press.template(&name).err().map(|error| Refusal::NoTemplate(error.to_string())))
        });
        looked.await.and_then(|looked| looked).map_err(Unavailable)
    }

    /// The version of a label that holds, drawn and proved as its printer would.
    pub(super) async fn label_files(
        &self,
        label: BagId,
        format: &'static str,
        dpi: u32,
    ) -> Result<Result<Vec<Vec<u8>>, PrintTrouble>, Unavailable> {
        let Some(format) = Format::from_name(format) else { return Ok(Err(PrintTrouble::Gone)) };
        let core = self.clone();
        let made = self.parts.press.at_bench(move || core.label_drawn(&label, format, dpi)).await;
        made.unwrap_or_else(|why| Ok(Err(PrintTrouble::Label(why))))
    }

    fn label_drawn(
        &self,
        label: &BagId,
        format: Format,
        dpi: u32,
    ) -> Result<Result<Vec<Vec<u8>>, PrintTrouble>, Unavailable> {
        let clock = self.parts.clock.clone();
        let written = move |at: Timestamp| clock.written(at);
        let now = self.parts.clock.now().at.wall;
        let desk = Desk { key: &self.parts.site.key, sender: &self.parts.sender, written: &written, now };
        let looked = self.parts.reader.look(|transaction| {
            let view = transaction.view();
            let bag = view.bag(label.as_str()).ok_or(PrintTrouble::Gone)?;
            let current: &LabelVersion = match bag.current() {
                Some(current) if current.void.is_none() => current,
                Some(_) => return Err(PrintTrouble::Void),
                None if bag.is_open => return Err(PrintTrouble::Gone),
                None => return Err(PrintTrouble::Void),
            };
            Ok((desk.label_as_made(view, &bag, current), bag.template.clone()))
        });
        let (record, template) = match looked.map_err(unreadable)? {
            Ok(found) => found,
            Err(trouble) => return Ok(Err(trouble)),
        };
        let press = &self.parts.press;
        let proved = press.prove(&template, &record, &self.label_settings(true), dpi);
        let files = proved
            .and_then(|proved| press.press()?.write_alone(&proved, format).map_err(|error| error.lines().join("; ")));
        Ok(files.map_err(PrintTrouble::Label))
    }
}

fn judged(view: &dyn View, site: &Site, action: &LabelAction, now: crate::domain::clock::Now) -> Outcome {
    match action {
        LabelAction::Make(spec, max) => {
            if let Some(station) = spec.station.as_ref().filter(|station| !site.stations.contains_key(*station)) {
                return Outcome::Refused(Refusal::UnknownStation(station.clone()));
            }
            let rules = |station: &StationId| {
                let mut rules = site.stations.get(station).map_or_else(BagRules::default, |rules| rules.bag.clone());
                rules.max = max.unwrap_or(rules.max);
                rules
            };
            make_label(view, spec, rules, now)
        }
        LabelAction::Print(wanted) => match &wanted.station {
            Some(station) if !site.stations.contains_key(station) => {
                Outcome::Refused(Refusal::UnknownStation(station.clone()))
            }
            _ => print_label(view, site, wanted.clone(), now),
        },
        LabelAction::Void(label) => void_label(view, label),
    }
}
