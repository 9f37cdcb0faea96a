//! Consolidation of parcels: the tables of `fixtures/consolidation/`, and random parcels against every way to group
//! them.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use waybind::domain::consolidate::{Candidate, Group, OpenGroup, Rules, plan};
use waybind::domain::ids::{CarrierCode, OrderId, ParcelId, StationId};
use waybind::message::{Language, group_text, parcel_text};

#[derive(Default)]
struct Case {
    title: String,
    rules: Rules,
    parcels: Vec<Candidate>,
    /// Orders of each group, why, and the reasons of its parcels.
    groups: Vec<(Vec<String>, String, BTreeMap<String, String>)>,
}

fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines().map(|line| line.split(" # ").next().unwrap().trim()) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (step, rest) = line.split_once(' ').unwrap_or((line, ""));
        if step == "case" {
            cases.push(Case { title: rest.to_owned(), ..Case::default() });
            continue;
        }
        let case = cases.last_mut().unwrap_or_else(|| panic!("no case before {line}"));
        let (left, why) = rest.split_once(" : ").unwrap_or((rest, ""));
        match step {
            "max" => case.rules = Rules::new(rest.parse().unwrap()).unwrap(),
            "across-stations" => case.rules = case.rules.across_stations(),
            "parcel" => case.parcels.push(parcel(rest)),
            "group" => {
                case.groups.push((left.split(' ').map(Into::into).collect(), why.to_owned(), BTreeMap::new()));
            }
            "why" => {
                case.groups.last_mut().unwrap().2.insert(left.to_owned(), why.to_owned());
            }
            other => panic!("there is no step {other}: {line}"),
        }
    }
    cases
}

fn parcel(text: &str) -> Candidate {
    let words: Vec<&str> = text.split_whitespace().collect();
    let given = |word: &str| (word != "-").then(|| word.replace('_', " "));
    let (carrier, courier) = words[1].split_once('/').map_or((words[1], None), |(one, two)| (one, Some(two)));
    let time = |word: String| {
        let seconds = if word.matches(':').count() == 1 { ":00" } else { "" };
        format!("2026-11-21T{word}{seconds}+08:00").parse().unwrap()
    };
    Candidate {
        order: OrderId::new(words[0]).unwrap(),
        parcel: None,
        carrier: CarrierCode::new(carrier).unwrap(),
        courier: courier.and_then(given),
        region: given(words[2]),
        ship_time: given(words[3]).map(time),
        station: words.get(4).map(|word| StationId::new(word.trim_start_matches('@')).unwrap()),
    }
}

fn orders(group: &Group<'_>) -> Vec<String> {
    group.members().map(|member| member.order.to_string()).collect()
}

#[test]
fn every_table_is_planned_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/consolidation");
    let mut seen = 0;
    let mut failures = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        for case in cases(&std::fs::read_to_string(&entry).unwrap()) {
            seen += 1;
            for turn in 0..case.parcels.len() * 2 {
                let mut parcels = case.parcels.clone();
                parcels.rotate_left(turn / 2);
                if turn % 2 == 1 {
                    parcels.reverse();
                }
                let groups = plan(&parcels, &case.rules);
                let got: Vec<_> =
                    groups.iter().map(|group| (orders(group), group_text(group, Language::English))).collect();
                let wanted: Vec<_> = case.groups.iter().map(|(orders, why, _)| (orders.clone(), why.clone())).collect();
                if got != wanted {
                    failures.push(format!("{}, turn {turn}:\n{got:#?}", case.title));
                    break;
                }
                for (group, (_, _, reasons)) in groups.iter().zip(&case.groups) {
                    let told = group
                        .parcels()
                        .map(|(parcel, why)| (parcel.order.to_string(), parcel_text(&why, Language::English)));
                    let told: BTreeMap<String, String> = told.collect();
                    for (order, wanted) in reasons {
                        if told.get(order) != Some(wanted) {
                            failures.push(format!("{}: {order}: {:?}", case.title, told.get(order)));
                        }
                    }
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(seen >= 10, "only {seen} cases were played");
}

#[test]
fn the_words_are_chinese_for_who_reads_chinese() {
    let parcels = [parcel("SO-1 ZTO/HZ-3 330106 10:00 @pack-01"), parcel("SO-2 ZTO/HZ-3 330106 10:08 @pack-01")];
    let groups = plan(&parcels, &Rules::default());
    let why = group_text(&groups[0], Language::Chinese);
    assert_eq!(why, "工位 pack-01 快递 HZ-3（ZTO）发往 330106 的 2 件，发货时间相差 8 分；没有更多包裹");
    let alone = [parcel("SO-1 ZTO 330106 10:00"), parcel("SO-2 ZTO 330106 10:20")];
    let whys: Vec<String> =
        plan(&alone, &Rules::default()).iter().map(|group| group_text(group, Language::Chinese)).collect();
    assert_eq!(whys, ["下一件 SO-2 晚 20 分，须少于 15 分", "比 SO-1 晚 20 分，须少于 15 分"]);
    let only = plan(&alone[..1], &Rules::default());
    assert_eq!(group_text(&only[0], Language::Chinese), "没有承运商 ZTO 发往 330106 的其他包裹");
}

/// The rules, written down once more and in the plainest way.
fn may_share(parcels: &[&Candidate], max: usize, across_stations: bool) -> bool {
    let pair = |one: &Candidate, other: &Candidate| {
        let close = one
            .ship_time
            .zip(other.ship_time)
            .is_some_and(|(one, other)| one.duration_since(other).abs() < SignedDuration::from_mins(15));
        one.region.is_some()
            && one.region == other.region
            && (&one.carrier, &one.courier) == (&other.carrier, &other.courier)
            && (across_stations || one.station == other.station)
            && close
    };
    let all = || parcels.iter().enumerate();
    parcels.len() <= max && all().all(|(place, one)| all().all(|(other, two)| place == other || pair(one, two)))
}

/// The fewest groups that any way to group the parcels needs: every one is tried.
fn fewest(left: &[&Candidate], groups: &mut Vec<Vec<usize>>, next: usize, max: usize, across: bool) -> usize {
    if next == left.len() {
        let fit = groups
            .iter()
            .all(|group| may_share(&group.iter().map(|place| left[*place]).collect::<Vec<_>>(), max, across));
        return if fit { groups.len() } else { usize::MAX };
    }
    let mut best = usize::MAX;
    for place in 0..=groups.len() {
        match groups.get_mut(place) {
            Some(group) => group.push(next),
            None => groups.push(vec![next]),
        }
        best = best.min(fewest(left, groups, next + 1, max, across));
        groups[place].pop();
        groups.retain(|group| !group.is_empty());
    }
    best
}

fn candidate() -> impl Strategy<Value = Candidate> {
    let rarely_none = |strategy| prop::option::weighted(0.9, strategy);
    let minute = prop_oneof![4 => 0..40_i64, 1 => Just(0_i64), 1 => Just(15)];
    let time = (minute, prop_oneof![3 => Just(0_i64), 1 => -1..=1_i64]);
    (
        0..4_u8,
        prop_oneof![6 => Just("ZTO"), 1 => Just("YTO")],
        prop::option::weighted(0.8, Just("HZ-3")),
        rarely_none(prop_oneof![6 => Just("330106"), 1 => Just("310115")]),
        prop::option::weighted(0.95, time),
        prop_oneof![6 => Just("pack-01"), 1 => Just("pack-02")],
        0..4_u8,
    )
        .prop_map(|(order, carrier, courier, region, time, station, parcel)| Candidate {
            order: OrderId::new(&format!("SO-{order}")).unwrap(),
            parcel: ParcelId::new(&format!("B{parcel}")).ok().filter(|_| parcel > 0),
            carrier: CarrierCode::new(carrier).unwrap(),
            courier: courier.map(Into::into),
            region: region.map(Into::into),
            ship_time: time.and_then(|(minute, off)| Timestamp::from_second(1_795_000_000 + minute * 60 + off).ok()),
            station: StationId::new(station).ok(),
        })
}

fn rules(max: usize, across: bool) -> Rules {
    let rules = Rules::new(i64::try_from(max).unwrap()).unwrap();
    if across { rules.across_stations() } else { rules }
}

/// Members of all groups, as values.
fn values<'c>(groups: &[Group<'c>]) -> Vec<Vec<&'c Candidate>> {
    groups.iter().map(|group| group.members().collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if std::env::var_os("WAYBIND_FULL").is_some() { 1_000 } else { 100 }))]

    #[test]
    fn a_plan_breaks_no_rule_and_no_other_needs_fewer_labels(
        parcels in prop::collection::vec(candidate(), 0..8),
        max in 1..5_usize,
        across in any::<bool>(),
    ) {
        let groups = values(&plan(&parcels, &rules(max, across)));
        for group in &groups {
            prop_assert!(group.len() == 1 || may_share(group, max, across), "{group:?}");
        }
        let all: Vec<&Candidate> = parcels.iter().collect();
        // a parcel that lacks something is a group by itself, which the rules don't speak of
        let (ready, lacking): (Vec<&Candidate>, Vec<&Candidate>) = all.iter().partition(|one| one.ready().is_ok());
        prop_assert_eq!(groups.len(), fewest(&ready, &mut Vec::new(), 0, max, across) + lacking.len());
        prop_assert!(groups.iter().all(|group| group.len() == 1 || group.iter().all(|one| one.ready().is_ok())));
    }

    #[test]
    fn a_large_plan_holds_every_parcel_once_and_no_two_neighbours_could_be_one(
        parcels in prop::collection::vec(candidate(), 0..80),
        max in 1..=12_usize,
        across in any::<bool>(),
    ) {
        let groups = values(&plan(&parcels, &rules(max, across)));
        let mut planned: Vec<*const Candidate> = groups.iter().flatten().map(|one| std::ptr::from_ref(*one)).collect();
        planned.sort_unstable();
        let mut given: Vec<*const Candidate> = parcels.iter().map(std::ptr::from_ref).collect();
        given.sort_unstable();
        prop_assert_eq!(planned, given);
        for pair in groups.windows(2) {
            prop_assert!(!may_share(&pair.concat(), max, across), "{pair:?} could be one");
        }
    }

    #[test]
    fn the_order_of_the_input_never_shows(
        (parcels, shuffled) in prop::collection::vec(candidate(), 0..40)
            .prop_flat_map(|parcels| (Just(parcels.clone()), Just(parcels).prop_shuffle())),
        max in 1..5_usize,
        across in any::<bool>(),
    ) {
        let (one, other) = (plan(&parcels, &rules(max, across)), plan(&shuffled, &rules(max, across)));
        prop_assert_eq!(&one, &other);
        for group in &one {
            for language in Language::ALL {
                prop_assert!(!group_text(group, language).is_empty());
                prop_assert!(group.parcels().all(|(_, why)| !parcel_text(&why, language).is_empty()));
            }
        }
    }

    #[test]
    fn an_open_group_takes_what_the_rules_allow_and_nothing_else(
        parcels in prop::collection::vec(candidate(), 1..30),
        max in 1..5_usize,
        across in any::<bool>(),
    ) {
        let Ok(mut group) = OpenGroup::open(&parcels[0], rules(max, across)) else { return Ok(()) };
        let mut members = vec![&parcels[0]];
        for next in &parcels[1..] {
            let with: Vec<&Candidate> = members.iter().copied().chain([next]).collect();
            prop_assert_eq!(group.accepts(next).is_ok(), may_share(&with, max, across), "{:?} and {:?}", members, next);
            if group.add(next).is_ok() {
                members = with;
            }
            prop_assert_eq!((group.count(), group.is_full()), (members.len(), members.len() == max));
            let late = Candidate { ship_time: Some(group.closes_at()), ..parcels[0].clone() };
            prop_assert!(group.accepts(&late).is_err());
        }
    }
}
