//! Interceptions in words: rules, steps, and why a person should look at an order.

use super::Language;
use crate::domain::order::Attention;
use crate::domain::rules::Rule;

/// What a rule is called.
#[must_use]
pub fn rule_name(rule: Rule, language: Language) -> &'static str {
    let (chinese, english) = match rule {
        Rule::AddressChange => ("地址变更", "address change"),
        Rule::Credit => ("信用", "credit"),
        Rule::Unpaid => ("未付款", "unpaid"),
        Rule::UnsignedDrawing => ("图纸未签", "drawing not signed"),
        Rule::Risk => ("风控", "risk"),
        Rule::Refund => ("退款", "refund"),
        Rule::Other => ("其他挂起", "other hold"),
        Rule::Recall => ("召回", "recall"),
        Rule::Gift => ("赠品", "gift"),
    };
    language.pick(chinese, english)
}

/// Why a person should look at an order.
#[must_use]
pub fn attention_text(attention: Attention, language: Language) -> &'static str {
    let (chinese, english) = match attention {
        Attention::Address => ("新地址待主管确认", "a supervisor must confirm the new address"),
        Attention::Differs => ("上游改了已拣的行", "upstream changed a line after it was picked"),
        Attention::Held => ("挂起", "on hold"),
        Attention::PutBack => ("有商品待放回", "goods must be put back"),
        Attention::Short => ("短拣待决定", "short, not decided"),
        Attention::WaybillPending => ("等待新面单号", "waits for a new waybill number"),
    };
    language.pick(chinese, english)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_have_names_of_their_own() {
        for language in Language::ALL {
            let names: std::collections::HashSet<_> = Rule::ALL.iter().map(|rule| rule_name(*rule, language)).collect();
            assert_eq!(names.len(), Rule::ALL.len());
        }
    }
}
