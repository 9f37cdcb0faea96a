//! Consolidation in words: why parcels share a label, why one is alone.

use jiff::SignedDuration;

use super::Language;
use crate::domain::consolidate::{Alone, Common, Ended, Group, GroupWhy, Lack, Neighbour, ParcelWhy, Reason};

/// Why a group is what it is.
#[must_use]
pub fn group_text(group: &Group<'_>, language: Language) -> String {
    match group.why() {
        GroupWhy::Alone(alone) => alone_text(&alone, language),
        GroupWhy::Shared { common, count, spread, ended } => {
            let (whose, spread) = (whose(&common, language), span(spread, language));
            let ended = match ended {
                Ended::Full => language.pick("面单已满", "the label is full").to_owned(),
                Ended::NoOther => language.pick("没有更多包裹", "there is no further one").to_owned(),
                Ended::Later(next) => next_text(&next, language),
            };
            match language {
                Language::Chinese => format!("{whose}的 {count} 件，发货时间相差 {spread}；{ended}"),
                Language::English => format!("{count} parcels {whose}, ship times {spread} apart; {ended}"),
            }
        }
    }
}

/// Why a parcel is in its group.
#[must_use]
pub fn parcel_text(why: &ParcelWhy<'_>, language: Language) -> String {
    match why {
        ParcelWhy::Alone(alone) => alone_text(alone, language),
        ParcelWhy::First { before: None } => language.pick("这张面单最早的一件", "the first of this label").to_owned(),
        ParcelWhy::First { before: Some(before) } => {
            let before = before_text(before, language);
            language.pick("新开面单：{}", "opens a new label: {}").replace("{}", &before)
        }
        ParcelWhy::Joined { first, after } => {
            let after = span(*after, language);
            match language {
                Language::Chinese => format!("与 {} 同快递、同区域，晚 {after}", first.order),
                Language::English => format!("same courier and region as {}, {after} later", first.order),
            }
        }
    }
}

/// Why a parcel can't join a group.
#[must_use]
pub fn reason_text(reason: &Reason, language: Language) -> String {
    let (chinese, english) = match reason {
        Reason::Lacks(lack) => return lack_text(*lack, language).to_owned(),
        Reason::OtherCarrier => ("承运商不同", "another carrier"),
        Reason::OtherCourier => ("快递网点或线路不同", "another courier"),
        Reason::OtherRegion => ("收货区域不同", "another region"),
        Reason::OtherStation => ("打包工位不同", "packed at another station"),
        Reason::TooFar { apart, limit } => {
            let (apart, limit) = (span(*apart, language), span(*limit, language));
            return match language {
                Language::Chinese => format!("发货时间相差 {apart}，须少于 {limit}"),
                Language::English => format!("ship times {apart} apart, less than {limit} allowed"),
            };
        }
        Reason::Full { max } => {
            return language.pick("面单已满（{} 件）", "the label is full ({})").replace("{}", &max.to_string());
        }
    };
    language.pick(chinese, english).to_owned()
}

fn alone_text(alone: &Alone<'_>, language: Language) -> String {
    match alone {
        Alone::Lacks(lack) => lack_text(*lack, language).to_owned(),
        Alone::NoOther(common) => {
            language.pick("没有{}的其他包裹", "no other parcel {}").replace("{}", &whose(common, language))
        }
        Alone::OnePerLabel => language.pick("每张面单只放 1 件", "a label takes one parcel").to_owned(),
        Alone::Between { before, after } => {
            let before = before.as_ref().map(|before| before_text(before, language));
            let after = after.as_ref().map(|after| next_text(after, language));
            let parts: Vec<String> = before.into_iter().chain(after).collect();
            parts.join(language.pick("；", "; "))
        }
    }
}

fn lack_text(lack: Lack, language: Language) -> &'static str {
    match lack {
        Lack::Region => language.pick("没有收货区域，单独一张面单", "it has no receiving region, so it goes alone"),
        Lack::ShipTime => language.pick("没有发货时间，单独一张面单", "it has no ship time, so it goes alone"),
    }
}

/// Whose parcels: courier, region and station.
fn whose(common: &Common<'_>, language: Language) -> String {
    let Common { carrier, courier, region, station } = common;
    match language {
        Language::Chinese => {
            let station = station.map(|station| format!("工位 {station} ")).unwrap_or_default();
            let courier = match courier {
                Some(courier) => format!("快递 {courier}（{carrier}）"),
                None => format!("承运商 {carrier} "),
            };
            format!("{station}{courier}发往 {region} ")
        }
        Language::English => {
            let station = station.map(|station| format!(" at station {station}")).unwrap_or_default();
            let courier = match courier {
                Some(courier) => format!("courier {courier} ({carrier})"),
                None => format!("carrier {carrier}"),
            };
            format!("of {courier} for region {region}{station}")
        }
    }
}

/// What kept the group before from taking a parcel.
fn before_text(before: &Neighbour<'_>, language: Language) -> String {
    let order = &before.first.order;
    match (&before.reason, language) {
        (Reason::TooFar { apart, limit }, Language::Chinese) => {
            format!("比 {order} 晚 {}，须少于 {}", span(*apart, language), span(*limit, language))
        }
        (Reason::TooFar { apart, limit }, Language::English) => {
            format!("{} after {order}, less than {} allowed", span(*apart, language), span(*limit, language))
        }
        (Reason::Full { max }, Language::Chinese) => format!("{order} 的面单已满（{max} 件）"),
        (Reason::Full { max }, Language::English) => format!("the label of {order} is full ({max})"),
        (other, Language::Chinese) => format!("{order}：{}", reason_text(other, language)),
        (other, Language::English) => format!("{order}: {}", reason_text(other, language)),
    }
}

/// What keeps the next parcel out.
fn next_text(next: &Neighbour<'_>, language: Language) -> String {
    let order = &next.first.order;
    match (&next.reason, language) {
        (Reason::TooFar { apart, limit }, Language::Chinese) => {
            format!("下一件 {order} 晚 {}，须少于 {}", span(*apart, language), span(*limit, language))
        }
        (Reason::TooFar { apart, limit }, Language::English) => {
            format!(
                "the next one, {order}, is {} later, less than {} allowed",
                span(*apart, language),
                span(*limit, language)
            )
        }
        (other, _) => reason_text(other, language),
    }
}

/// A span for people: hours, minutes and seconds, without those that are nought.
fn span(span: SignedDuration, language: Language) -> String {
    let seconds = span.as_secs();
    let units = [
        (seconds / 3_600, language.pick("小时", "h")),
        (seconds / 60 % 60, language.pick("分", "min")),
        (seconds % 60, language.pick("秒", "s")),
    ];
    let parts: Vec<String> =
        units.iter().filter(|(amount, _)| *amount > 0).map(|(amount, unit)| format!("{amount} {unit}")).collect();
    if parts.is_empty() { language.pick("不到 1 秒", "less than 1 s").to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_said_shortly() {
        let said = |seconds, language| span(SignedDuration::from_secs(seconds), language);
        assert_eq!(said(0, Language::English), "less than 1 s");
        assert_eq!(said(900, Language::English), "15 min");
        assert_eq!(said(3_725, Language::English), "1 h 2 min 5 s");
        assert_eq!(said(899, Language::Chinese), "14 分 59 秒");
    }

    #[test]
    fn every_reason_has_words_of_its_own_in_both_languages() {
        let apart = SignedDuration::from_mins(20);
        let reasons = [
            Reason::Lacks(Lack::Region),
            Reason::Lacks(Lack::ShipTime),
            Reason::OtherCarrier,
            Reason::OtherCourier,
            Reason::OtherRegion,
            Reason::OtherStation,
            Reason::TooFar { apart, limit: apart },
            Reason::Full { max: 3 },
        ];
        for language in Language::ALL {
            let texts: std::collections::HashSet<String> =
                reasons.iter().map(|reason| reason_text(reason, language)).collect();
            assert_eq!(texts.len(), reasons.len());
            let chinese = |text: &String| text.chars().any(|character| character > '\u{3000}');
            assert!(texts.iter().all(|text| chinese(text) == (language == Language::Chinese)), "{texts:?}");
        }
    }
}
