//! Why a waybill number that a person typed is not taken, in words.

use super::Language;
use crate::domain::upstream::Refusal;

/// Why a number was not taken.
#[must_use]
pub fn number_refusal(refusal: &Refusal, language: Language) -> String {
    let pick = |chinese: &'static str, english: &'static str| language.pick(chinese, english);
    match refusal {
        Refusal::NotItsNumber { carrier, text } => {
            let said = pick(
                "“{text}”不像 {carrier} 的运单号，请核对；确认无误请勾选后再提交",
                "\"{text}\" does not look like a number of {carrier}: check it, and tick the box if it is right",
            );
            said.replacen("{carrier}", carrier.as_str(), 1).replacen("{text}", text, 1)
        }
        Refusal::HasNumber(_, holds) => pick(
            "此订单已有运单号 {}，须先作废",
            "This order has the number {} by now; void that first",
        )
        .replacen("{}", holds.as_str(), 1),
        Refusal::NumberInUse(number) => pick("运单号 {} 已用于其他订单", "The number {} was given to another order")
            .replacen("{}", number.as_str(), 1),
        Refusal::Cancelled(_) => pick("此订单已取消", "This order is cancelled").to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{CarrierCode, WaybillNo};

    #[test]
    fn what_is_wrong_with_a_number_is_said() {
        let carrier = CarrierCode::new("ZTO").expect("a code");
        let shape = Refusal::NotItsNumber { carrier, text: "{carrier}".into() };
        assert_eq!(
            number_refusal(&shape, Language::English),
            "\"{carrier}\" does not look like a number of ZTO: check it, and tick the box if it is right"
        );
        let in_use = Refusal::NumberInUse(WaybillNo::new("75").expect("a number"));
        assert_eq!(number_refusal(&in_use, Language::Chinese), "运单号 75 已用于其他订单");
    }
}
