//! What a group of people is told by a robot: exceptions, a line each.

use super::{Language, print_trouble, printer_condition, verdict_text};
use crate::domain::courier::{Conflict, Tried};
use crate::domain::order::{Difference, HoldReason};
use crate::domain::printing::{Condition, PrintTrouble};
use crate::domain::verdict::Verdict;

/// An exception.
#[derive(Clone, Copy, Debug)]
pub enum Notice<'n> {
    /// A scan raised an alarm.
    Stopped {
        /// Where.
        station: &'n str,
        /// The order that it is about.
        order: Option<&'n str>,
        /// What was decided.
        verdict: &'n Verdict,
    },
    /// An order was stopped.
    Held {
        /// Which.
        order: &'n str,
        /// Why.
        reason: HoldReason,
        /// What the one who stopped it wrote.
        note: Option<&'n str>,
    },
    /// Upstream wants other goods than were begun for an order.
    Differs {
        /// Which order.
        order: &'n str,
        /// The first line that differs.
        first: &'n Difference,
        /// How many differ.
        count: usize,
    },
    /// A target would not take events.
    DeadLetters {
        /// Which.
        target: &'n str,
        /// How many more.
        count: u64,
        /// What it answered last.
        answer: &'n str,
    },
    /// A target takes nothing any more.
    TargetDown {
        /// Which.
        target: &'n str,
        /// What it answered last, or why it could not be reached.
        why: &'n str,
    },
    /// No channel gave an order a waybill number.
    NoNumber {
        /// Which order.
        order: &'n str,
        /// What the channels said.
        tried: &'n [Tried],
    },
    /// A number came for an order that has one.
    LateNumber {
        /// Which order.
        order: &'n str,
        /// What holds, what came, and from where.
        conflict: &'n Conflict,
    },
    /// Nobody knows whether something was printed, or it can't be.
    Print {
        /// What: a waybill, a label, a manifest.
        what: &'n str,
        /// The order that it is about.
        order: Option<&'n str>,
        /// Where.
        printer: &'n str,
        /// Whether a person must look at the printer.
        asks: bool,
        /// What went wrong.
        trouble: &'n PrintTrouble,
    },
    /// Jobs wait at a printer that can't print.
    PrinterStopped {
        /// Which.
        printer: &'n str,
        /// How it is.
        condition: Condition,
        /// How many wait.
        waiting: u64,
    },
    /// There were more exceptions than are told one by one.
    More(usize),
}

/// An exception in words.
#[must_use]
pub fn notice_text(notice: Notice<'_>, language: Language) -> String {
    let pick = |chinese: &'static str, english: &'static str| language.pick(chinese, english);
    match notice {
        Notice::Stopped { station, order, verdict } => {
            let text = verdict_text(verdict, language);
            let order = order.map(|order| format!(" · {order}")).unwrap_or_default();
            format!("✕ {station}{order} · {} · {}", text.title, text.detail)
        }
        Notice::Held { order, reason, note } => {
            let note = note.map(|note| format!(" · {note}")).unwrap_or_default();
            format!("{} {order} · {}{note}", pick("挂起", "On hold:"), hold_reason(reason, language))
        }
        Notice::Differs { order, first, count } => {
            let told = pick("上游要求与已拣不一致：", "Upstream wants other goods than were begun:");
            let (line, wanted) = (pick("行", "line"), &first.wanted);
            let lot = wanted.lot.as_ref().map(|lot| format!(" {} {lot}", pick("批号", "lot"))).unwrap_or_default();
            let more = if count > 1 { format!(" · +{}", count - 1) } else { String::new() };
            format!("{told} {order} · {line} {}: {}{lot} × {}{more}", first.line, wanted.sku, wanted.quantity)
        }
        Notice::DeadLetters { target, count, answer } => {
            let told = pick("目标 {} 拒收 {} 条事件", "Target {} refused {} event(s)");
            let told = told.replacen("{}", target, 1).replacen("{}", &count.to_string(), 1);
            format!("{told} · {answer}")
        }
        Notice::TargetDown { target, why } => {
            let told = pick("目标 {} 不接收任何事件，全部等待", "Target {} takes nothing, everything waits");
            format!("{} · {why}", told.replacen("{}", target, 1))
        }
        Notice::NoNumber { order, tried } => {
            let said: String = tried.iter().map(|tried| format!(" · {}: {}", tried.channel, tried.why)).collect();
            format!("{} {order}{said}", pick("待取运单号", "No waybill number:"))
        }
        Notice::LateNumber { order, conflict } => {
            let told = pick("迟到的运单号 {} 未采用，有效号码 {}", "A late number {} is not used, {} holds");
            let told = told.replacen("{}", conflict.came.as_str(), 1).replacen("{}", conflict.holds.as_str(), 1);
            format!("{order} · {told} · {}", conflict.from)
        }
        Notice::Print { what, order, printer, asks, trouble } => {
            let told = if asks {
                pick("是否已打印？", "Was it printed?")
            } else {
                pick("无法打印", "Can't be printed:")
            };
            let order = order.map(|order| format!(" · {order}")).unwrap_or_default();
            format!("{told} {what}{order} · {printer} · {}", print_trouble(trouble, language))
        }
        Notice::PrinterStopped { printer, condition, waiting } => {
            let told = pick("打印机 {} {}，{} 个任务在等待", "Printer {}: {}, {} job(s) wait");
            let told = told.replacen("{}", printer, 1).replacen("{}", printer_condition(condition, language), 1);
            told.replacen("{}", &waiting.to_string(), 1)
        }
        Notice::More(count) => pick("另有 {} 条异常", "and {} more").replace("{}", &count.to_string()),
    }
}

/// Why an order is stopped, in words.
#[must_use]
pub fn hold_reason(reason: HoldReason, language: Language) -> &'static str {
    let (chinese, english) = match reason {
        HoldReason::AddressChange => ("地址变更", "address change"),
        HoldReason::Risk => ("风控", "risk"),
        HoldReason::Refund => ("退款", "refund"),
        HoldReason::MasterData => ("缺商品资料", "product not known yet"),
        HoldReason::Other => ("其他", "other"),
    };
    language.pick(chinese, english)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::ScanId;
    use crate::domain::verdict::Code;

    #[test]
    fn exceptions_say_where_what_and_why() {
        let verdict = Verdict::new(ScanId::new("1").expect("an id"), Code::WrongLot);
        let stopped = Notice::Stopped { station: "pack-01", order: Some("SO-1"), verdict: &verdict };
        assert_eq!(notice_text(stopped, Language::English), "✕ pack-01 · SO-1 · Wrong lot · nothing was counted");
        let held = Notice::Held { order: "SO-1", reason: HoldReason::Risk, note: Some("unpaid") };
        assert_eq!(notice_text(held, Language::Chinese), "挂起 SO-1 · 风控 · unpaid");
        let dead = Notice::DeadLetters { target: "erp", count: 2, answer: "HTTP 422" };
        assert_eq!(notice_text(dead, Language::English), "Target erp refused 2 event(s) · HTTP 422");
        let trouble = PrintTrouble::OtherLanguage { label: "zpl".into(), printer: "tspl".into() };
        let order = Some("SO-1");
        let print = Notice::Print { what: "W1", order, printer: "P1", asks: false, trouble: &trouble };
        assert_eq!(
            notice_text(print, Language::English),
            "Can't be printed: W1 · SO-1 · P1 · the label is ZPL, the printer takes TSPL, and it can't be translated"
        );
        let stopped = Notice::PrinterStopped { printer: "P1", condition: Condition::PaperOut, waiting: 3 };
        assert_eq!(notice_text(stopped, Language::Chinese), "打印机 P1 缺纸，3 个任务在等待");
        let down = Notice::TargetDown { target: "erp", why: "HTTP 401" };
        assert_eq!(notice_text(down, Language::Chinese), "目标 erp 不接收任何事件，全部等待 · HTTP 401");
    }
}
