//! Teaching a barcode that nothing here bears: the code, the product's own label, a supervisor's badge.

use super::Desk;
use super::draft::Draft;
use super::meaning::Meaning;
use crate::barcode::{Content, Reading};
use crate::domain::event::{Event, Memory};
use crate::domain::ids::Sku;
use crate::domain::product::Barcode;
use crate::domain::station::{Awaited, SignIn};
use crate::domain::verdict::{Code, Facts, Why};
use crate::domain::work::{Operator, Role};

/// Longest text of a barcode that is taught, in bytes: what the largest common linear symbols hold.
const TAUGHT_MAX: usize = 80;

impl Desk<'_> {
    /// The code that nothing bears yet.
    pub(super) fn teach_code(&self, reading: &Reading, meaning: &Meaning) -> Draft {
        let refused = |why| Draft::new(Code::WrongStep).why(why).got_text(&reading.text);
        if !meaning.items.is_empty() {
            return refused(Why::CodeTaken).got(self.item_facts(&meaning.items[0]));
        }
        let text = match &reading.content {
            Content::Gs1(elements) | Content::DigitalLink(elements) => elements.gtin.clone(),
            Content::Article { .. } | Content::Text | Content::Waybill(_) => Some(reading.text.trim().to_owned()),
            Content::Own(_) => None,
        };
        let fits = |text: &String| !text.is_empty() && text.len() <= TAUGHT_MAX && !text.chars().any(char::is_control);
        // what looks like ours and isn't, such as another site's code, is no product's either
        let ours = reading.text.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("WB:"));
        match text.filter(fits).filter(|_| !meaning.is_known() && !ours) {
            Some(text) => self.ask(Why::TeachItem, Awaited::TeachItem(text)),
            None => refused(Why::NotTeachable),
        }
    }

    /// The product that bears it.
    pub(super) fn teach_item(&self, text: String, meaning: &Meaning) -> Draft {
        match meaning.items.as_slice() {
            [item] => {
                let quantity = self.station.quantity.unwrap_or(1);
                let draft = self.ask(Why::TeachBadge, Awaited::TeachBadge(text, item.sku.clone(), quantity));
                let draft = draft.got(self.item_facts(item));
                match self.station.quantity {
                    Some(_) => draft.remember(&self.rules.id, Memory::Quantity(None)),
                    None => draft,
                }
            }
            [] => self.awaiting(Draft::new(Code::UnknownCode).why(Why::TeachItem), Awaited::TeachItem(text)),
            several => {
                let names = several.iter().map(|item| item.sku.to_string());
                let draft = Draft::new(Code::AmbiguousCode).candidates(names.collect::<Vec<_>>());
                self.awaiting(draft, Awaited::TeachItem(text))
            }
        }
    }

    /// A supervisor vouches for it. Where a PIN is asked for, only who signed in with it may.
    pub(super) fn teach(&self, person: &Operator, text: &str, sku: &Sku, quantity: u32) -> Draft {
        let signed_in = self.operator.as_ref().is_some_and(|operator| operator.id == person.id);
        if person.role < Role::Supervisor || (self.rules.sign_in == SignIn::BadgePin && !signed_in) {
            return Draft::new(Code::NotAllowed).why(Why::TeachBadge);
        }
        // between the question and the badge somebody else may have given the code away
        let key = crate::domain::product::barcode_key(text);
        if !self.view.barcode(&key).is_empty() {
            return Draft::new(Code::WrongStep).why(Why::CodeTaken).got_text(text);
        }
        let barcode = Barcode { text: text.to_owned(), quantity };
        let event =
            Event::BarcodeTaught { sku: sku.clone(), barcode, station: self.rules.id.clone(), by: person.id.clone() };
        let got = Facts { sku: Some(sku.clone()), quantity: (quantity > 1).then_some(quantity), ..Facts::default() };
        Draft::new(Code::BarcodeTaught).got(got).got_text(text).event(event)
    }
}
