//! Printers and print jobs in words.

use super::Language;
use crate::domain::bag::VoidWhy;
use crate::domain::printing::{Condition, JobState, PrintTrouble, Resolution};

/// How a printer is.
#[must_use]
pub fn printer_condition(condition: Condition, language: Language) -> &'static str {
    let (chinese, english) = match condition {
        Condition::Ready => ("就绪", "ready"),
        Condition::Unknown => ("状态未知", "does not tell"),
        Condition::PaperOut => ("缺纸", "out of paper"),
        Condition::HeadOpen => ("打印头未合上", "head open"),
        Condition::RibbonOut => ("缺碳带", "out of ribbon"),
        Condition::Jammed => ("卡纸", "jammed"),
        Condition::Paused => ("已暂停", "paused"),
        Condition::Fault => ("故障", "fault"),
        Condition::Unreachable => ("连接不上", "can't be reached"),
    };
    language.pick(chinese, english)
}

/// Where a print job stands.
#[must_use]
pub fn job_state(state: &JobState, language: Language) -> &'static str {
    let (chinese, english) = match state {
        JobState::Queued => ("排队中", "waiting"),
        JobState::Sending => ("发送中", "being sent"),
        JobState::Sent => ("已发送", "sent"),
        JobState::Printed => ("已打印", "printed"),
        JobState::Failed(_) => ("无法打印", "can't be printed"),
        JobState::Unknown(_) => ("是否已打印？", "was it printed?"),
        JobState::Dropped => ("已放弃", "given up"),
    };
    language.pick(chinese, english)
}

/// What a person said of a print job.
#[must_use]
pub fn resolution(how: Resolution, language: Language) -> &'static str {
    let (chinese, english) = match how {
        Resolution::Printed => ("人工确认已打印", "somebody saw it printed"),
        Resolution::Again => ("人工要求重打", "somebody wants it again"),
        Resolution::Dropped => ("已放弃", "given up"),
    };
    language.pick(chinese, english)
}

/// Why a version of a label no longer holds.
#[must_use]
pub fn void_why(why: VoidWhy, language: Language) -> &'static str {
    let (chinese, english) = match why {
        VoidWhy::Cancelled => ("订单已取消", "the order is cancelled"),
        VoidWhy::Held => ("订单已挂起", "the order is held"),
        VoidWhy::WaybillVoid => ("没有有效运单", "the parcel has no waybill that holds"),
        VoidWhy::Changed => ("货物或去向已变", "the goods or where they go changed"),
        VoidWhy::TakenOut => ("包裹已取出", "a parcel was taken out"),
        VoidWhy::Requested => ("人工作废", "somebody voided it"),
    };
    language.pick(chinese, english)
}

/// What is printed, in one word.
#[must_use]
pub fn print_kind(kind: &str, language: Language) -> &'static str {
    let (chinese, english) = match kind {
        "label" => ("聚合面单", "Label"),
        "waybill" => ("运单", "Waybill"),
        "manifest" => ("交接清单", "Manifest"),
        _ => ("打印机自检", "Self-test"),
    };
    language.pick(chinese, english)
}

/// What went wrong with a print job.
#[must_use]
pub fn print_trouble(trouble: &PrintTrouble, language: Language) -> String {
    let pick = |chinese: &'static str, english: &'static str| language.pick(chinese, english);
    match trouble {
        PrintTrouble::Label(why) => format!("{}: {why}", pick("标签无法生成", "the label can't be made")),
        PrintTrouble::Void => pick("单号已作废", "it no longer holds").to_owned(),
        PrintTrouble::Gone => pick("内容已不存在", "what it is about is not there").to_owned(),
        PrintTrouble::NoPrinter => pick("打印机未配置", "its printer is not configured").to_owned(),
        PrintTrouble::Refused(why) => format!("{}: {why}", pick("打印机拒收", "the printer refused it")),
        PrintTrouble::Interrupted => {
            pick("发送时服务中断，请查看打印机", "waybind stopped while it was sent; look at the printer").to_owned()
        }
        PrintTrouble::OtherLanguage { label, printer } => {
            let text = pick(
                "面单是 {}，打印机只认 {}，无法转换",
                "the label is {}, the printer takes {}, and it can't be translated",
            );
            text.replacen("{}", &label.to_uppercase(), 1).replacen("{}", &printer.to_uppercase(), 1)
        }
        PrintTrouble::Broken(why) => {
            format!("{}: {why}", pick("发送时连接中断，请查看打印机", "the connection broke; look at the printer"))
        }
    }
}

/// Reasons for a reprint that a page offers; any other can be typed.
#[must_use]
pub fn reprint_reasons(language: Language) -> [&'static str; 3] {
    match language {
        Language::Chinese => ["标签破损", "打印不清", "标签丢失"],
        Language::English => ["label damaged", "badly printed", "label lost"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_connection_says_where_to_look() {
        let trouble = PrintTrouble::Broken("reset".into());
        assert!(print_trouble(&trouble, Language::English).ends_with("look at the printer: reset"));
        assert!(print_trouble(&trouble, Language::Chinese).contains("查看打印机"));
    }
}
