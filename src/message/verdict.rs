//! Verdicts in words.

use super::Language;
use super::rule::rule_name;
use super::why::why_text;
use crate::domain::order::Stage;
use crate::domain::verdict::{BagMemberNote, BagNote, Code, Facts, MissingWhy, Verdict, Warning};

/// A verdict in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerdictText {
    /// What happened, in two to five words.
    pub title: String,
    /// What exactly.
    pub detail: String,
    /// What to do next; empty where nothing is to be done.
    pub hint: String,
}

/// A code's title and hint, in Chinese and English.
struct Words {
    title: (&'static str, &'static str),
    hint: (&'static str, &'static str),
}

const fn words(title: (&'static str, &'static str), hint: (&'static str, &'static str)) -> Words {
    Words { title, hint }
}

const NO_HINT: (&str, &str) = ("", "");

/// What a verdict says, in a language.
#[must_use]
pub fn verdict_text(verdict: &Verdict, language: Language) -> VerdictText {
    // a repetition says what the scan was told first
    let words = words_of(verdict.outcome());
    let pick = |(chinese, english): (&'static str, &'static str)| language.pick(chinese, english).to_owned();
    let mut hint = pick(if is_picked_only(verdict) { PICKED } else { words.hint });
    if let Some(why) = &verdict.why {
        let (_, advice) = why_text(why, language);
        if !advice.is_empty() {
            hint = advice;
        }
    }
    VerdictText { title: pick(words.title), detail: detail(verdict, language), hint }
}

/// What to do with an order that is picked and has yet to be packed.
const PICKED: (&str, &str) = ("拣货完成，送去打包", "Picked; on to packing");

fn is_picked_only(verdict: &Verdict) -> bool {
    verdict.outcome() == Code::OrderComplete && verdict.counts.is_some_and(|counts| counts.packed < counts.picked)
}

#[rustfmt::skip]
fn words_of(code: Code) -> Words {
    refusal_words(code).or_else(|| progress_words(code)).unwrap_or_else(|| done_words(code))
}

#[rustfmt::skip]
fn refusal_words(code: Code) -> Option<Words> {
    Some(match code {
        Code::ScanIdConflict => words(("扫描编号冲突", "Scan id conflict"), ("发送方重复使用了扫描编号，请用新编号重扫", "The sender used a scan id twice; scan again with a new id")),
        Code::NotConfirmed => words(("未确认", "Not confirmed"), ("记录结果未知，请等待工位提示后再扫", "Whether it was recorded is unknown; wait for the station's word, then scan again")),
        Code::NotRecorded => words(("未记录", "Not recorded"), ("数据无法写盘，停止作业并通知主管", "Nothing can be written to disk; stop and call the supervisor")),
        Code::AlarmLatched => words(("报警未确认", "Alarm not acknowledged"), ("先确认报警，再重扫", "Acknowledge the alarm, then scan again")),
        Code::Unreadable => words(("读码错误", "Unreadable"), ("擦净标签重扫；仍失败请主管人工确认", "Clean the label and scan again; if it fails, let a lead confirm by hand")),
        Code::DoubledCode => words(("条码重复", "Code doubled"), ("扫描枪发送了两遍，请关闭其中一种输出方式", "The scanner sent it twice; switch one of its two output ways off")),
        Code::NotSignedIn => words(("未登录", "Not signed in"), ("请先扫工牌", "Scan your badge first")),
        Code::NotAllowed => words(("无权限", "Not allowed"), ("请组长或主管操作", "Ask a lead or supervisor")),
        Code::UnknownCode => words(("未知条码", "Unknown code"), ("核对是否扫错标签；新条码扫 TEACH 由主管登记", "Check whether it is the right label; a supervisor teaches a new barcode with TEACH")),
        Code::WrongStep => words(("步骤不对", "Wrong step"), ("按屏幕提示操作", "Do what the screen says first")),
        Code::ListInUse => words(("他处作业中", "In use elsewhere"), ("10 秒内由组长再扫一次可接管", "A lead takes it over by scanning it again within 10 seconds")),
        Code::AmbiguousCode => words(("条码不唯一", "Ambiguous code"), ("请改扫商品标签或更完整的编号", "Scan the product label or a fuller number")),
        Code::NotOnList => words(("单内无此商品", "Not on the list"), ("放回此商品，取正确的商品", "Put it away and take the right item")),
        Code::OrderNotReleased => words(("订单未放行", "Order not released"), ("等待上游放行", "Wait until it is released upstream")),
        Code::OrderCancelled => words(("订单已取消", "Order cancelled"), ("停止拣货，商品放回货架", "Stop; put the goods back on the shelf")),
        Code::OrderHeld => words(("订单挂起", "Order on hold"), ("放到待处理区，等待放行", "Put it aside until it is released")),
        Code::Recalled => words(("召回，禁止发货", "Recalled, do not ship"), ("放到隔离区；已拣的扫 PUTBACK 退出", "Put it into quarantine; what was picked comes out with PUTBACK")),
        Code::SerialAlreadyUsed => words(("序列号已使用", "Serial already used"), ("换一件，并报告主管", "Take another unit and tell the supervisor")),
        Code::WrongLocation => words(("货位不符", "Wrong location"), ("到指定货位取货", "Take it from the shelf shown")),
        Code::WrongSlot => words(("播种格不符", "Wrong slot"), ("放到提示的播种格", "Put it into the slot shown")),
        Code::WrongRevision => words(("版本不符", "Wrong revision"), ("取指定版本", "Take the revision shown")),
        Code::WrongLot => words(("批号不符", "Wrong lot"), ("取指定批号", "Take the lot shown")),
        Code::WrongSerial => words(("序列号不符", "Wrong serial"), ("取指定序列号", "Take the serial shown")),
        Code::Expired => words(("已过期或效期不足", "Expired or too old"), ("取效期足够的商品", "Take one with enough shelf life")),
        Code::OverQuantity => words(("数量超出", "Too many"), ("多出的放回", "Put the surplus back")),
        Code::WrongWaybill => words(("面单不符", "Wrong waybill"), ("撕下面单，贴到对应的箱子", "Take the label off; it belongs on another box")),
        Code::WrongBag => words(("集包袋不符", "Wrong bag"), ("放入提示的集包袋，再扫袋", "Put it into the bag shown, and scan that bag")),
        Code::LabelVoid => words(("聚合面单已作废", "Label void"), ("不要装车；取出被拦截的包裹，换新面单", "Do not load it; take the stopped parcel out and use the new label")),
        Code::GiftMissing => words(("赠品未放", "Gift missing"), ("放入赠品后再封箱", "Put the gift in before sealing")),
        Code::WaybillVoid => words(("面单已作废", "Waybill void"), ("打印新面单", "Print the new waybill")),
        Code::WrongCarrier => words(("承运商不符", "Wrong carrier"), ("不要装此车；放到该承运商的区域", "Do not load it; put it with its own carrier's parcels")),
        Code::WaybillAlreadyLoaded => words(("已装车", "Already loaded"), ("无需再扫", "No need to scan it again")),
        Code::WaybillIncomplete => words(("未完成，禁止装车", "Incomplete, do not load"), ("放到待处理区，补齐所列内容", "Put it aside and complete what is listed")),
        _ => return None,
    })
}

#[rustfmt::skip]
fn progress_words(code: Code) -> Option<Words> {
    Some(match code {
        Code::AlreadyRecorded => words(("已记录过", "Recorded before"), NO_HINT),
        Code::Ignored => words(("已忽略", "Ignored"), NO_HINT),
        Code::Bounced => words(("重复触发", "Bounced"), ("同一件不再计数", "The same read twice; not counted again")),
        Code::AwaitingLot => words(("扫描批号", "Scan the lot"), ("扫描或输入批号", "Scan or type the lot number")),
        Code::AwaitingSerial => words(("扫描序列号", "Scan the serial"), ("扫描或输入序列号", "Scan or type the serial number")),
        Code::AwaitingExpiry => words(("扫描效期", "Scan the expiry date"), ("扫描效期，或输入 2027-01-31", "Scan the expiry date, or type it like 2027-01-31")),
        Code::AwaitingRevision => words(("扫描版本", "Scan the revision"), ("扫描或输入版本号", "Scan or type the revision")),
        Code::AwaitingSku => words(("扫描商品标签", "Scan the product label"), ("多个商品使用此条码，请扫货位或商品标签", "Several products bear this code: scan the shelf or the product label")),
        Code::AwaitingSlot => words(("扫描播种格", "Scan the slot"), ("放入后扫描播种格", "Put it into the slot and scan the slot")),
        Code::Info => words(("信息", "Information"), NO_HINT),
        _ => return None,
    })
}

#[rustfmt::skip]
fn done_words(code: Code) -> Words {
    match code {
        Code::LineComplete => words(("本行完成", "Line complete"), NO_HINT),
        Code::OrderComplete => words(("订单完成", "Order complete"), ("贴面单并扫描", "Stick the waybill on and scan it")),
        Code::ListComplete => words(("拣货单完成", "List complete"), ("扫 DONE 关闭", "Scan DONE to close it")),
        Code::ParcelSealed => words(("已封箱", "Parcel sealed"), ("贴面单并扫描", "Stick the waybill on and scan it")),
        Code::WaybillBound => words(("面单已绑定", "Waybill bound"), NO_HINT),
        Code::Bagged => words(("已入袋", "In its bag"), NO_HINT),
        Code::WaybillLoaded => words(("已装车", "Loaded"), NO_HINT),
        Code::Unloaded => words(("已卸下", "Unloaded"), NO_HINT),
        Code::PutBack => words(("已放回", "Put back"), NO_HINT),
        Code::Opened => words(("已打开", "Opened"), NO_HINT),
        Code::Paused => words(("已暂停", "Paused"), NO_HINT),
        Code::Closed => words(("已关闭", "Closed"), NO_HINT),
        Code::SignedIn => words(("已登录", "Signed in"), NO_HINT),
        Code::SignedOut => words(("已退出", "Signed out"), NO_HINT),
        Code::Undone => words(("已撤销", "Undone"), ("把这件取出", "Take that unit out again")),
        Code::Acknowledged => words(("已确认", "Acknowledged"), NO_HINT),
        Code::ShortRecorded => words(("短拣已记录", "Shortage recorded"), ("等待主管决定", "Waits for a decision")),
        Code::Overridden => words(("已放行", "Overridden"), NO_HINT),
        Code::BarcodeTaught => words(("条码已登记", "Barcode taught"), NO_HINT),
        Code::NoteConfirmed => words(("备注已确认", "Note confirmed"), NO_HINT),
        _ => words(("正确", "Right"), NO_HINT),
    }
}

/// What exactly happened.
fn detail(verdict: &Verdict, language: Language) -> String {
    let mut parts: Vec<String> = Vec::new();
    if let Some(why) = &verdict.why {
        parts.push(why_text(why, language).0);
    }
    let (expected, got) = (facts_text(&verdict.expected, language), facts_text(&verdict.got, language));
    if verdict.outcome().is_refusal() {
        if !expected.is_empty() {
            parts.push(format!("{}{expected}", language.pick("应为 ", "expected ")));
        }
        if !got.is_empty() {
            parts.push(format!("{}{got}", language.pick("扫到 ", "scanned ")));
        }
        parts.push(language.pick("未计数", "nothing was counted").to_owned());
    } else if !got.is_empty() {
        parts.push(got);
    }
    for missing in &verdict.missing {
        let line = missing.line.map(|line| format!(" {}{line}", language.pick("行 ", "line "))).unwrap_or_default();
        let quantity = missing.quantity.map(|quantity| format!(" × {quantity}")).unwrap_or_default();
        parts.push(format!("{}{line}{quantity} {}", missing.order, missing_why(missing.why, language)));
    }
    if let Some(bag) = &verdict.bag {
        parts.push(bag_text(bag, language));
    }
    if !verdict.candidates.is_empty() {
        parts.push(verdict.candidates.join(language.pick("、", ", ")));
    }
    parts.join(language.pick("；", "; "))
}

fn facts_text(facts: &Facts, language: Language) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut add = |chinese: &str, english: &str, value: Option<String>| {
        if let Some(value) = value {
            let label = language.pick(chinese, english);
            parts.push(if label.is_empty() { value } else { format!("{label} {value}") });
        }
    };
    add("", "", facts.sku.as_ref().map(ToString::to_string));
    add("", "", facts.name.clone());
    add("批号", "lot", facts.lot.clone());
    add("序列号", "serial", facts.serial.clone());
    add("效期", "expiry", facts.expiry.map(|date| date.to_string()));
    add("版本", "revision", facts.revision.clone());
    add("数量", "quantity", facts.quantity.map(|quantity| quantity.to_string()));
    add("货位", "location", facts.location.clone());
    add("播种格", "slot", facts.slot.clone());
    add("承运商", "carrier", facts.carrier.as_ref().map(ToString::to_string));
    add("面单", "waybill", facts.waybill.as_ref().map(ToString::to_string));
    add("集包袋", "bag", facts.bag.clone());
    add("", "", facts.text.clone());
    parts.join(" ")
}

/// What a rule that only warns would have refused, in words.
#[must_use]
pub fn warning_text(warning: &Warning, language: Language) -> String {
    let (title, rule) = (code_title(warning.code, language), rule_name(warning.rule, language));
    format!("{} {title} · {rule}", warning.order)
}

/// A bag in words: what it is called, how full it is, and each parcel where there is something to say about it.
fn bag_text(bag: &BagNote, language: Language) -> String {
    let name = match (&bag.tag, &bag.id) {
        (Some(tag), _) => tag.clone(),
        (None, Some(id)) => id.to_string(),
        (None, None) => language.pick("新袋", "a new bag").to_owned(),
    };
    let full = format!("{}{name} {} / {}", language.pick("集包袋 ", "bag "), bag.members.len(), bag.max);
    let told = bag.members.iter().filter(|member| member.stopped.is_some() || !member.lines.is_empty());
    let member = |member: &BagMemberNote| {
        let stopped = member.stopped.map(|code| format!(" {}", code_title(code, language))).unwrap_or_default();
        let lines: Vec<String> = member.lines.iter().map(|line| format!("{} × {}", line.sku, line.quantity)).collect();
        format!("{} {}{stopped} {}", member.number, member.order, lines.join(language.pick("、", ", ")))
    };
    let members: Vec<String> = told.map(|told| member(told).trim_end().to_owned()).collect();
    std::iter::once(full).chain(members).collect::<Vec<_>>().join(language.pick("；", "; "))
}

/// A code's title.
#[must_use]
pub fn code_title(code: Code, language: Language) -> &'static str {
    let (chinese, english) = words_of(code).title;
    language.pick(chinese, english)
}

/// What is missing, in words.
#[must_use]
pub fn missing_why(why: MissingWhy, language: Language) -> &'static str {
    let (chinese, english) = match why {
        MissingWhy::NotPicked => ("未拣", "not picked"),
        MissingWhy::NotPacked => ("未打包", "not packed"),
        MissingWhy::ShortUndecided => ("短拣待决定", "short, not decided"),
        MissingWhy::ToPutBack => ("待放回", "to be put back"),
        MissingWhy::NotSealed => ("未封箱", "parcel not sealed"),
        MissingWhy::NotBound => ("未绑定面单", "no waybill bound"),
        MissingWhy::NotLoaded => ("未装车", "not loaded"),
        MissingWhy::NoParcel => ("面单下无包裹", "no parcel under this waybill"),
    };
    language.pick(chinese, english)
}

/// A stage, in words.
#[must_use]
pub fn order_stage(stage: Stage, language: Language) -> &'static str {
    let (chinese, english) = match stage {
        Stage::Paid => ("支付成功", "paid"),
        Stage::RiskPassed => ("风控通过", "risk passed"),
        Stage::StockLocked => ("库存锁定", "stock locked"),
        Stage::Packed => ("打包完成", "packed"),
        Stage::WaybillReported => ("物流单号回传", "waybill reported"),
        Stage::Signed => ("签收确认", "signed"),
        Stage::WarrantyActive => ("质保激活", "warranty active"),
    };
    language.pick(chinese, english)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{ScanId, Sku};

    #[test]
    fn an_order_that_is_only_picked_gets_no_waybill_yet() {
        let complete = |packed| {
            let counts = Some(crate::domain::verdict::Counts { picked: 2, packed, demanded: 2 });
            let verdict = Verdict { counts, ..Verdict::new(ScanId::new("1").expect("an id"), Code::OrderComplete) };
            verdict_text(&verdict, Language::English).hint
        };
        assert_eq!(complete(0), "Picked; on to packing");
        assert_eq!(complete(2), "Stick the waybill on and scan it");
    }

    #[test]
    fn every_code_has_words_of_its_own_in_both_languages() {
        let mut seen = std::collections::HashSet::new();
        for code in Code::ALL {
            let verdict = Verdict::new(ScanId::new("1").expect("an id"), *code);
            for language in Language::ALL {
                let text = verdict_text(&verdict, language);
                assert!(!text.title.is_empty(), "{code:?}");
                assert!(!code.is_refusal() || !text.hint.is_empty(), "{code:?} says what to do next");
                // loading says "loaded" both when it was done and, as a warning, when it was done before
                assert!(
                    seen.insert((text.title.clone(), language)) || text.title == "已装车",
                    "{} stands twice",
                    text.title
                );
            }
        }
    }

    #[test]
    fn a_refusal_says_expected_scanned_and_that_nothing_was_counted() {
        let mut verdict = Verdict::new(ScanId::new("1").expect("an id"), Code::WrongLot);
        verdict.expected = Facts { sku: Sku::new("FLT-204").ok(), lot: Some("A1".into()), ..Facts::default() };
        verdict.got = Facts { sku: Sku::new("FLT-204").ok(), lot: Some("B7".into()), ..Facts::default() };
        let text = verdict_text(&verdict, Language::English);
        assert_eq!(text.detail, "expected FLT-204 lot A1; scanned FLT-204 lot B7; nothing was counted");
        assert_eq!(verdict_text(&verdict, Language::Chinese).title, "批号不符");
    }
}
