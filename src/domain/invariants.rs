//! What must hold after every fact. The ledger verifier, the property tests and the simulation check this one list.

use std::collections::BTreeMap;

use super::bag::{Bag, objection};
use super::consolidate::SPAN;
use super::courier;
use super::event::Event;
use super::gate;
use super::ids::OrderId;
use super::manifest::{ManifestState, tally};
use super::memory::Memory;
use super::order::Stage;
use super::printing::{self, HISTORY_MAX, JobState, Mark, Step};
use super::station::Work;
use super::view::View;
use super::work::{ListState, ParcelState};

/// A broken invariant, in a sentence.
pub type Violation = String;

/// What must hold of the state at any time.
#[must_use]
pub fn check(state: &Memory) -> Vec<Violation> {
    let mut broken = Vec::new();
    counts(state, &mut broken);
    serials(state, &mut broken);
    boxes(state, &mut broken);
    waybills(state, &mut broken);
    manifests(state, &mut broken);
    stations(state, &mut broken);
    print_jobs(state, &mut broken);
    bags(state, &mut broken);
    broken
}

/// What must hold of a fact: `before` and `after` are the states around it.
#[must_use]
pub fn check_fact(event: &Event, before: &Memory, after: &Memory) -> Vec<Violation> {
    let mut broken = Vec::new();
    if let Event::Counted { count, .. } = event {
        let line = after.order(count.order.as_str()).and_then(|order| order.line(count.line).cloned());
        let over = line.is_some_and(|line| {
            count.parts.iter().any(|change| {
                let Some(part) = line.parts.get(change.part) else { return true };
                let most = line.demanded().saturating_mul(part.per_set);
                (change.picked > 0 && part.picked > most) || (change.packed > 0 && part.packed > most.min(part.picked))
            })
        });
        if over {
            broken.push(format!("a count takes line {} of {} above what it demands", count.line, count.order));
        }
        // whether a hold stops a count is a rule of the configuration; that its order was released and stands is not
        let stopped =
            before.order(count.order.as_str()).is_some_and(|order| order.stage < Stage::StockLocked || order.cancelled);
        if stopped {
            broken.push(format!("a count for {}, which is not released or cancelled", count.order));
        }
    }
    if let Event::NumberAssigned { order, waybill, .. } | Event::NumberEntered { order, waybill, .. } = event {
        let has_one = before.order(order.as_str()).is_some_and(|order| courier::holding(before, &order).is_some());
        if has_one || before.waybill(waybill.as_str()).is_some() {
            broken.push(format!("the number {waybill} overwrites one, or covers something else than {order} too"));
        }
    }
    if let Event::WaybillLoaded { waybill, .. } = event {
        let shippable = before.waybill(waybill.as_str()).is_some_and(|waybill| {
            let active = waybill
                .orders
                .iter()
                .filter_map(|id| before.order(id.as_str()))
                .all(|order| !order.cancelled && order.holds.is_empty());
            active && waybill.void.is_none() && gate::missing_on(before, &waybill).is_empty()
        });
        if !shippable {
            broken.push(format!("waybill {waybill} was loaded though it could not leave"));
        }
    }
    if let Event::WaybillLoaded { parcels, .. } = event
        && let Some(bag) = gate::void_bag(before, parcels)
    {
        broken.push(format!("a parcel of bag {} was loaded, whose label does not hold", bag.id));
    }
    if let Event::WorkClosed { work: Work::Manifest(manifest), .. } = event {
        let stopped = before.manifest(manifest.as_str()).map(|manifest| tally(before, &manifest).stopped);
        for stopped in stopped.unwrap_or_default() {
            broken.push(format!("manifest {manifest} was closed with {} on it: {:?}", stopped.waybill, stopped.code));
        }
    }
    print_step(event, before, &mut broken);
    if let Some(id) = event.order()
        && let (Some(before), Some(after)) = (before.order(id.as_str()), after.order(id.as_str()))
        && after.stage < before.stage
    {
        broken.push(format!("stage of {id} went back from {:?} to {:?}", before.stage, after.stage));
    }
    broken
}

/// A job goes out once for each time that it waits, and only while what it prints holds.
fn print_step(event: &Event, before: &Memory, broken: &mut Vec<Violation>) {
    if let Event::PrintStep { job, step: Step::Sending(_), at, .. } = event {
        let waited = before.print_job(job.as_str()).is_some_and(|job| job.state == JobState::Queued);
        if !waited {
            broken.push(format!("print job {job} went out though it did not wait to"));
        }
        // facts from before this was looked at don't say when they were
        if at.is_some()
            && let Some(trouble) = before.print_job(job.as_str()).and_then(|job| printing::objection(before, &job))
        {
            broken.push(format!("print job {job} went out: {trouble:?}"));
        }
    }
}

/// Parcels are where their bags say, and a label that holds names what may travel together.
fn bags(state: &Memory, broken: &mut Vec<Violation>) {
    for parcel in state.parcels.values() {
        let bag = parcel.bag.as_ref().map(|id| (id, state.bag(id.as_str())));
        let is_in = |bag: &Bag| bag.members.iter().filter(|member| member.parcel == parcel.id).count() == 1;
        if let Some((id, bag)) = bag
            && !bag.is_some_and(|bag| is_in(&bag))
        {
            broken.push(format!("parcel {} is said to be in bag {id} and is not", parcel.id));
        }
        if parcel.bag.is_some() && parcel.state == ParcelState::Open {
            broken.push(format!("parcel {} is in a bag and not sealed", parcel.id));
        }
    }
    let mut tags: Vec<&str> = Vec::new();
    for bag in state.bags.values() {
        for member in &bag.members {
            let there = state
                .parcel(member.parcel.as_str())
                .is_some_and(|parcel| parcel.bag.as_ref() == Some(&bag.id) && parcel.order == member.order);
            if !there {
                broken.push(format!("bag {} has parcel {}, which is elsewhere", bag.id, member.parcel));
            }
        }
        if let Some(tag) = bag.tag.as_deref().filter(|_| bag.is_open) {
            if tags.contains(&tag) {
                broken.push(format!("tag {tag} hangs on two open bags"));
            }
            tags.push(tag);
        }
        label(state, bag, broken);
    }
}

fn label(state: &Memory, bag: &Bag, broken: &mut Vec<Violation>) {
    if bag.members.len() > bag.max {
        broken.push(format!("bag {} holds {} of {}", bag.id, bag.members.len(), bag.max));
    }
    let earlier = bag.versions.iter().rev().skip(1);
    let is_dissolved = !bag.is_open && bag.members.is_empty();
    if (bag.is_open != bag.versions.is_empty() && !is_dissolved)
        || earlier.into_iter().any(|version| version.void.is_none())
    {
        broken.push(format!("the versions of label {} don't follow each other", bag.id));
    }
    let Some(current) = bag.current().filter(|current| current.void.is_none()) else { return };
    if current.members != bag.members {
        broken.push(format!("label {} names other parcels than are in its bag", bag.id));
    }
    for member in &bag.members {
        if let Some(why) = objection(state, bag, member) {
            broken.push(format!("label {} holds with {}: {why:?}", bag.id, member.order));
        }
    }
    let packed = || bag.members.iter().map(|member| member.packed.boot_ms);
    let spread = packed().max().unwrap_or(0) - packed().min().unwrap_or(0);
    let same_boot = bag.members.windows(2).all(|pair| pair[0].packed.boot == pair[1].packed.boot);
    if same_boot && u128::from(spread) >= SPAN.unsigned_abs().as_millis() {
        broken.push(format!("label {}: its parcels were packed too far apart", bag.id));
    }
}

fn counts(state: &Memory, broken: &mut Vec<Violation>) {
    let mut packed: BTreeMap<(OrderId, u32, usize), u32> = BTreeMap::new();
    for parcel in state.parcels.values() {
        for content in &parcel.contents {
            *packed.entry((parcel.order.clone(), content.line, content.part)).or_default() += content.quantity;
        }
    }
    for order in state.orders.values() {
        for line in &order.lines {
            for (index, part) in line.parts.iter().enumerate() {
                if part.packed > part.picked {
                    broken.push(format!("{} line {}: more packed than picked", order.id(), line.spec.line));
                }
                let boxed = packed.get(&(order.id().clone(), line.spec.line, index)).copied().unwrap_or(0);
                if boxed != part.packed {
                    broken.push(format!(
                        "{} line {}: {} packed, {boxed} in boxes",
                        order.id(),
                        line.spec.line,
                        part.packed
                    ));
                }
            }
        }
    }
}

fn serials(state: &Memory, broken: &mut Vec<Violation>) {
    let mut seen: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for order in state.orders.values() {
        for unit in order.lines.iter().flat_map(|line| &line.units) {
            if let Some(serial) = &unit.identity.serial {
                *seen.entry((unit.sku.as_str(), serial)).or_default() += unit.picked;
            }
        }
    }
    for ((sku, serial), times) in &seen {
        if *times > 1 {
            broken.push(format!("serial {serial} of {sku} was picked {times} times"));
        }
    }
    for ((sku, serial), (order, _)) in &state.serials {
        if !seen.contains_key(&(sku.as_str(), serial.as_str())) {
            broken.push(format!("serial {serial} of {sku} is said to be on {order} and is not"));
        }
    }
}

fn boxes(state: &Memory, broken: &mut Vec<Violation>) {
    for parcel in state.parcels.values() {
        let Some(number) = &parcel.waybill else { continue };
        match state.waybill(number.as_str()) {
            None => broken.push(format!("parcel {} travels under {number}, which is not there", parcel.id)),
            Some(waybill) if !waybill.orders.contains(&parcel.order) => {
                broken.push(format!(
                    "parcel {} of {} travels under {number}, which is not for it",
                    parcel.id, parcel.order
                ));
            }
            Some(waybill) if !waybill.parcels.contains(&parcel.id) => {
                broken.push(format!("parcel {} says {number}, and {number} does not know it", parcel.id));
            }
            Some(_) => {}
        }
    }
}

fn waybills(state: &Memory, broken: &mut Vec<Violation>) {
    for waybill in state.waybills.values() {
        let orders: Vec<_> = waybill.orders.iter().filter_map(|id| state.order(id.as_str())).collect();
        let two = orders.windows(2).any(|pair| !pair[0].spec.consignee.same_as(&pair[1].spec.consignee));
        if two && waybill.void.is_none() {
            broken.push(format!("waybill {} covers two consignees", waybill.number));
        }
        if waybill.void.is_some() && !waybill.parcels.is_empty() {
            broken.push(format!("void waybill {} has parcels", waybill.number));
        }
        let loaded = |parcel: &crate::domain::ids::ParcelId| {
            state.parcel(parcel.as_str()).is_some_and(|parcel| parcel.state == ParcelState::Loaded)
        };
        if waybill.loaded && !waybill.parcels.iter().all(loaded) {
            broken.push(format!("waybill {} is loaded, a parcel of it is not", waybill.number));
        }
    }
}

fn manifests(state: &Memory, broken: &mut Vec<Violation>) {
    for waybill in state.waybills.values() {
        let Some(loading) = &waybill.loading else { continue };
        let carrier = state.manifest(loading.manifest.as_str()).map(|manifest| manifest.carrier.clone());
        if !waybill.loaded || carrier.as_ref() != Some(&waybill.carrier) {
            broken.push(format!("waybill {} is said to be on manifest {}", waybill.number, loading.manifest));
        }
    }
    for manifest in state.manifests.values() {
        let work = Some(Work::Manifest(manifest.id.clone()));
        let at: Vec<_> = state.stations.values().filter(|station| station.work == work).collect();
        let said = match &manifest.state {
            ManifestState::Open(station) => Some(station),
            _ => None,
        };
        if at.len() > 1 || at.first().map(|station| &station.id) != said {
            broken.push(format!("manifest {} is open at {} stations, its state says {said:?}", manifest.id, at.len()));
        }
    }
}

fn print_jobs(state: &Memory, broken: &mut Vec<Violation>) {
    for job in state.print_jobs.values() {
        if job.copy == 0 {
            broken.push(format!("print job {} is no copy", job.id));
        }
        // one that was postponed is where it was before it began
        let agrees = |mark: &Mark| mark.state == job.state || job.state == JobState::Queued;
        if job.history.len() > HISTORY_MAX || !job.history.last().is_none_or(agrees) {
            broken.push(format!("print job {} is {} and its history says otherwise", job.id, job.state.name()));
        }
    }
    for station in state.stations.values() {
        let Some(last) = &station.last_print else { continue };
        if state.print_job(last.as_str()).is_none() {
            broken.push(format!("{} printed {last} last, which is not there", station.id));
        }
    }
}

fn stations(state: &Memory, broken: &mut Vec<Violation>) {
    for list in state.lists.values() {
        let at: Vec<_> =
            state.stations.values().filter(|station| station.work == Some(Work::List(list.id.clone()))).collect();
        let said = match &list.state {
            ListState::Open(station) => Some(station),
            _ => None,
        };
        if at.len() > 1 || at.first().map(|station| &station.id) != said {
            broken.push(format!("pick list {} is open at {} stations, its state says {said:?}", list.id, at.len()));
        }
    }
    for station in state.stations.values() {
        for id in &station.unbound {
            let waits = state.parcel(id.as_str()).is_some_and(|parcel| {
                parcel.state == ParcelState::Sealed && parcel.waybill.is_none() && parcel.station == station.id
            });
            if !waits {
                broken.push(format!("{} waits for the waybill of {id}, which is not there or has one", station.id));
            }
        }
        let Some(session) = &station.session else { continue };
        let there = state.operator(session.operator.as_str()).and_then(|operator| operator.station.clone());
        if there.as_ref() != Some(&station.id) {
            broken.push(format!("{} works at {} and is said to be at {there:?}", session.operator, station.id));
        }
    }
}
