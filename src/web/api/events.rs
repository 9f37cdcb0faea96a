//! The feed by cursor and live, and search.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::stream::{self, Stream};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::bag::{Bag, Member};
use crate::domain::ids::OrderId;
use crate::domain::product::{barcode_key, part_number_key};
use crate::domain::view::{Numbered, View};
use crate::web::asked::{Asked, limit};
use crate::web::backend::{Backend, FeedItem};
use crate::web::problem::Problem;

const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = 1_000;

/// Facts of one read for a live stream.
const STREAM_CHUNK: usize = 200;

/// A comment is sent after this long, so that a dead connection is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

#[derive(Deserialize)]
pub(super) struct Cursor {
    #[serde(default)]
    after: u64,
    limit: Option<usize>,
}

pub(super) async fn events<B: Backend>(
    State(backend): State<B>,
    Asked(cursor): Asked<Cursor>,
) -> Result<Json<Value>, Problem> {
    let limit = limit(cursor.limit, LIMIT_DEFAULT, LIMIT_MAX)?;
    match backend.events(cursor.after, limit).await {
        Ok(events) => Ok(Json(json!({"events": events}))),
        Err(error) => Err(gone(&backend, cursor.after).await.map_or_else(|| error.into(), |(problem, _)| problem)),
    }
}

/// Why the feed can't be read after a place, if that is because its beginning is gone; and after which place it can.
async fn gone<B: Backend>(backend: &B, after: u64) -> Option<(Problem, u64)> {
    let begins = backend.feed_begins().await.ok().filter(|begins| after < *begins)?;
    let detail = format!("events up to {begins} are in archives that are not on this box");
    let hint = format!("ask with after={begins}, or bring the archives back");
    Some((Problem::new(StatusCode::GONE, "archived", detail, hint), begins))
}

pub(super) async fn stream<B: Backend>(
    State(backend): State<B>,
    Asked(cursor): Asked<Cursor>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| id.parse().ok());
    let after = last.unwrap_or(cursor.after);
    let (feed, stop) = (backend.feed(), backend.stopping());
    let state = (backend, feed, stop, after, Vec::<FeedItem>::new());
    let events = stream::unfold(state, |(backend, mut feed, mut stop, mut after, mut ready)| async move {
        loop {
            if let Some(item) = (!ready.is_empty()).then(|| ready.remove(0)) {
                after = item.seq;
                let event = Event::default()
                    .id(item.seq.to_string())
                    .event(item.kind.clone())
                    .data(serde_json::to_string(&item).unwrap_or_default());
                return Some((Ok(event), (backend, feed, stop, after, ready)));
            }
            feed.mark_unchanged();
            match backend.events(after, STREAM_CHUNK).await {
                Ok(found) if !found.is_empty() => ready = found,
                // the cursor is kept: what can't be read now is sent when it can
                unread => {
                    let left_out = if unread.is_err() { gone(&backend, after).await } else { None };
                    if let Some((problem, begins)) = left_out {
                        // whoever listens is told what is left out
                        let told = Event::default().event("archived").data(problem.detail());
                        return Some((Ok(told), (backend, feed, stop, begins, ready)));
                    }
                    tokio::select! {
                        changed = feed.changed() => if changed.is_err() { return None },
                        _ = stop.wait_for(|stop| *stop) => return None,
                    }
                }
            }
        }
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

#[derive(Deserialize)]
pub(super) struct SearchQuery {
    #[serde(default)]
    q: String,
}

/// Hits that are shown.
const HITS_MAX: usize = 50;

pub(super) async fn search<B: Backend>(
    State(backend): State<B>,
    Asked(query): Asked<SearchQuery>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({"hits": find(&backend, query.q.trim()).await?})))
}

/// Everything that bears a code or number.
pub(in crate::web) async fn find<B: Backend>(backend: &B, text: &str) -> Result<Vec<Value>, Problem> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let (wanted, key) = (text.to_owned(), backend.key());
    let mut hits = backend
        .look(move |view| {
            let own = crate::barcode::codes::read(&wanted, Some(&key));
            let named = own.as_ref().and_then(|own| label_member(view, own));
            if let Some((bag, number)) = named {
                return label_hits(&bag, Some(number));
            }
            let named = own.and_then(|own| named_by(view, own)).unwrap_or(wanted);
            hits(view, &named)
        })
        .await?;
    for (kind, order) in backend.find(text.to_owned()).await? {
        hits.push(json!({"kind": kind, "id": text, "order": order}));
    }
    hits.truncate(HITS_MAX);
    Ok(hits)
}

/// The id of the thing that one of our own codes names.
fn named_by(view: &dyn View, own: crate::barcode::codes::OwnCode) -> Option<String> {
    use crate::barcode::codes::{CodeCheck, CodeKind, OwnCode};
    let OwnCode::Thing { kind, id, check: CodeCheck::Ok } = own else { return None };
    let numbered = match kind {
        CodeKind::Order => Numbered::Order,
        CodeKind::PickList => Numbered::PickList,
        CodeKind::Parcel => Numbered::Parcel,
        CodeKind::Product => Numbered::Product,
        CodeKind::Manifest => Numbered::Manifest,
        _ => return None,
    };
    view.by_number(numbered, id.parse().ok()?)
}

/// The bag and the member that a label's code names.
fn label_member(view: &dyn View, own: &crate::barcode::codes::OwnCode) -> Option<(Arc<Bag>, u32)> {
    use crate::barcode::codes::{CodeCheck, CodeKind, OwnCode};
    let OwnCode::Thing { kind: CodeKind::LabelMember, id, check: CodeCheck::Ok } = own else { return None };
    let mut numbers = id.splitn(3, '.').map(str::parse::<u32>);
    let (label, _, member) = (numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some((view.bag(&view.by_number(Numbered::Bag, label)?)?, member))
}

/// A hit for each order on a label, the scanned member's first.
fn label_hits(bag: &Bag, scanned: Option<u32>) -> Vec<Value> {
    let last = bag.current().map(|version| &version.members);
    let mut members: Vec<_> =
        if bag.members.is_empty() { last } else { Some(&bag.members) }.into_iter().flatten().collect();
    members.sort_by_key(|member| (Some(member.number) != scanned, member.number));
    let hit = |member: &Member| {
        json!({"kind": "label", "id": bag.id, "order": member.order, "parcel": member.parcel, "member": member.number,
               "void": bag.is_void()})
    };
    members.into_iter().map(hit).collect()
}

fn hits(view: &dyn View, text: &str) -> Vec<Value> {
    let mut hits = Vec::new();
    let order_hit = |order: &OrderId| json!({"kind": "order", "id": order, "order": order});
    if let Some(order) = view.order(text) {
        hits.push(order_hit(order.id()));
    }
    if let Some(order) = view.order_by_tracking(text) {
        hits.push(order_hit(&order));
    }
    if let Some(waybill) = view.waybill(text) {
        hits.extend(waybill.orders.iter().map(
            |order| json!({"kind": "waybill", "id": waybill.number, "order": order, "void": waybill.void.is_some()}),
        ));
    }
    if let Some(parcel) = view.parcel(text) {
        hits.push(json!({"kind": "parcel", "id": parcel.id, "order": parcel.order}));
    }
    if let Some(list) = view.list(text) {
        hits.push(json!({"kind": "pick_list", "id": list.id, "order": null, "orders": crate::domain::event::list_orders(&list)}));
    }
    if let Some(manifest) = view.manifest(text) {
        hits.push(json!({"kind": "manifest", "id": manifest.id, "order": null, "carrier": manifest.carrier}));
    }
    if let Some(bag) = view.bag(text) {
        hits.extend(label_hits(&bag, None));
    }
    let mut skus: Vec<_> = view.product(text).map(|product| product.sku.clone()).into_iter().collect();
    skus.extend(view.barcode(&barcode_key(text)).into_iter().map(|(sku, _)| sku));
    skus.extend(view.part_number(&part_number_key(text)));
    skus.sort();
    skus.dedup();
    hits.extend(skus.iter().map(|sku| json!({"kind": "sku", "id": sku, "order": null})));
    hits
}
