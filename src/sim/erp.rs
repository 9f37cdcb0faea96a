//! A simulated ERP that is asked for orders and waybills over real HTTP, in the words and the shape of its own kind of
//! system, and that behaves as badly as it is told to.
//!
//! `GET /api/changes?since=<number>&size=<n>` answers what changed after a number, each thing as it stands now;
//! `POST /api/taken?cursor=<number>` tells it that a page was taken; `POST /events` tells it what happened.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::receiver::{Receiver, Reply, Request};

/// The mapping by which waybind understands this ERP.
pub const MAPPING: &str = r#"
next = "data.next"
more = "data.has_more"
error = "msg"
[success]
code = 0

[orders.fields]
id = "data.orders[*].order_no"
version = "data.orders[*].rev"
carrier = "data.orders[*].logistics.company"
stage = "data.orders[*].status"
cancelled = "data.orders[*].status"
hold = "data.orders[*].flag"
hold_note = "data.orders[*].flag_text"
ship_at = "data.orders[*].deadline"
region = "data.orders[*].receiver.region"
sort_code = "data.orders[*].logistics.sort_code"
"consignee.name" = "data.orders[*].receiver.name"
"consignee.phone" = "data.orders[*].receiver.mobile"
"consignee.address" = "data.orders[*].receiver.address"
"lines.line" = "data.orders[*].details[*].row"
"lines.sku" = "data.orders[*].details[*].sku_code"
"lines.quantity" = "data.orders[*].details[*].num"
"lines.serials" = "data.orders[*].details[*].serials"
"lines.lot" = "data.orders[*].details[*].batch"
"lines.revision" = "data.orders[*].details[*].revision"
"lines.gift_of" = "data.orders[*].details[*].gift_of"
"lines.components" = "data.orders[*].details[*].suite"
"ext.shop" = "data.orders[*].shop"
[orders.constants]
channel = "erp"
[orders.formats]
ship_at = "unix-ms"
[orders.words.carrier]
"中通快递" = "ZTO"
"顺丰速运" = "SF"
[orders.words.stage]
"已审核" = "risk_passed"
"待发货" = "stock_locked"
"已关闭" = ""
[orders.words.cancelled]
"已关闭" = "true"
"*" = "false"
[orders.words.hold]
"风险" = "risk"
"退款中" = "refund"
"解除" = "release"
"正常" = ""

[waybills.fields]
number = "data.waybills[*].tracking_no"
version = "data.waybills[*].rev"
carrier = "data.waybills[*].company"
orders = "data.waybills[*].order_nos[*]"
[waybills.words.carrier]
"中通快递" = "ZTO"
"顺丰速运" = "SF"
"#;

/// How the next answer goes wrong.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// With this answer instead of its own.
    Reply(Reply),
    /// It comes after a while.
    Slow(Duration),
    /// The connection is closed in the middle of it.
    Middle,
    /// The page before comes once more, as if it were this one's.
    Twice,
    /// Its things come in the wrong order.
    Backwards,
    /// HTTP 200, and an error in the body.
    Inside(String),
}

#[derive(Default)]
struct State {
    /// Every change: its number, whether it is a waybill, and the thing.
    changes: Vec<(u64, bool, Value)>,
    troubles: VecDeque<Trouble>,
    standing: Option<Trouble>,
    /// The page before, and what it was called.
    before: Option<(String, String)>,
    taken: Vec<String>,
    is_down: bool,
    token: Option<String>,
}

/// A running ERP; it stops when it is dropped.
pub struct Erp {
    receiver: Receiver,
    state: Arc<Mutex<State>>,
}

fn held(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An order in the ERP's words: its number, its revision, and for each line a SKU and a quantity.
#[must_use]
pub fn order(number: &str, revision: i64, lines: &[(&str, i64)]) -> Value {
    let details: Vec<Value> = (1..)
        .zip(lines)
        .map(|(row, (sku, num))| json!({"row": row, "sku_code": sku, "num": num, "serials": []}))
        .collect();
    json!({
        "order_no": number, "rev": revision, "status": "待发货", "flag": null, "shop": "旗舰店",
        "deadline": 1_795_244_400_000_i64, "logistics": {"company": "中通快递"},
        "receiver": {"name": "张三", "mobile": "13800000000", "address": "文三路 1 号"},
        "details": details,
    })
}

/// A waybill in the ERP's words.
#[must_use]
pub fn waybill(number: &str, orders: &[&str]) -> Value {
    json!({"tracking_no": number, "rev": 1, "company": "中通快递", "order_nos": orders})
}

impl Erp {
    /// Listens at an address of this machine (port 0: any free one).
    ///
    /// # Errors
    /// The address is in use.
    pub fn start(address: &str) -> io::Result<Erp> {
        let receiver = Receiver::start(address, true)?;
        let state = Arc::new(Mutex::new(State::default()));
        let answering = state.clone();
        receiver.answer(move |request| held(&answering).answer(request));
        Ok(Erp { receiver, state })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.receiver.address
    }

    /// Lines of a configuration that ask this ERP, with its mapping in a file.
    #[must_use]
    pub fn configuration(&self, mapping: &std::path::Path) -> String {
        let address = self.address();
        format!(
            "[[source]]\nname = \"erp\"\nkind = \"http\"\nurl = \"http://{address}/api/changes?since={{cursor}}&size={{size}}\"\n\
             acknowledge = \"http://{address}/api/taken?cursor={{cursor}}\"\ncursor = \"0\"\nsize = 5\nevery = 1\nmapping = {mapping:?}\n"
        )
    }

    /// An order was made or changed.
    pub fn put_order(&self, order: Value) {
        held(&self.state).put(false, order);
    }

    /// A waybill was made or changed.
    pub fn put_waybill(&self, waybill: Value) {
        held(&self.state).put(true, waybill);
    }

    /// The next answers go wrong, one after the other.
    pub fn trouble(&self, troubles: impl IntoIterator<Item = Trouble>) {
        held(&self.state).troubles.extend(troubles);
    }

    /// Every answer goes wrong from now on, or none.
    pub fn standing_trouble(&self, trouble: Option<Trouble>) {
        held(&self.state).standing = trouble;
    }

    /// Troubles that are still to come.
    #[must_use]
    pub fn troubles_left(&self) -> usize {
        held(&self.state).troubles.len()
    }

    /// Changes an order; whether there is one. What is asked for afterwards has a newer revision.
    pub fn change_order(&self, number: &str, change: impl FnOnce(&mut Value)) -> bool {
        let mut state = held(&self.state);
        let known =
            state.changes.iter().rev().find(|(_, is_waybill, thing)| !is_waybill && thing["order_no"] == number);
        let Some(mut order) = known.map(|(.., order)| order.clone()) else { return false };
        order["rev"] = (order["rev"].as_i64().unwrap_or(0) + 1).into();
        change(&mut order);
        state.put(false, order);
        true
    }

    /// The number of its last change.
    #[must_use]
    pub fn last(&self) -> u64 {
        held(&self.state).changes.last().map_or(0, |(last, ..)| *last)
    }

    /// It answers 503 to everything from now on, or does not.
    pub fn set_down(&self, is_down: bool) {
        held(&self.state).is_down = is_down;
    }

    /// The deliveries of events that it took.
    #[must_use]
    pub fn told(&self) -> Vec<Request> {
        let mut requests = self.requests();
        requests.retain(|request| request.taken && request.path.starts_with("/events"));
        requests
    }

    /// Wants this token from now on.
    pub fn want_token(&self, token: &str) {
        held(&self.state).token = Some(token.to_owned());
    }

    /// The cursors whose pages it was told were taken.
    #[must_use]
    pub fn taken(&self) -> Vec<String> {
        held(&self.state).taken.clone()
    }

    /// What was asked so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.receiver.requests()
    }
}

fn parameter(path: &str, name: &str) -> Option<String> {
    let query = path.split_once('?')?.1;
    let found = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(known, _)| *known == name);
    found.map(|(_, value)| value.to_owned())
}

impl State {
    fn put(&mut self, is_waybill: bool, thing: Value) {
        let number = self.changes.last().map_or(1, |(last, ..)| last + 1);
        self.changes.push((number, is_waybill, thing));
    }

    fn answer(&mut self, request: &Request) -> Reply {
        if self.is_down {
            return Reply::Status(503, "{\"msg\":\"down\"}".into());
        }
        if request.path.starts_with("/events") {
            return Reply::take();
        }
        let wanted = self.token.as_ref().map(|token| format!("Bearer {token}"));
        if wanted.is_some() && request.header("authorization") != wanted.as_deref() {
            return Reply::Status(401, "{\"msg\":\"no\"}".into());
        }
        if request.path.starts_with("/api/taken") {
            self.taken.extend(parameter(&request.path, "cursor"));
            return Reply::take();
        }
        let since: u64 = parameter(&request.path, "since").and_then(|since| since.parse().ok()).unwrap_or(0);
        let size: usize = parameter(&request.path, "size").and_then(|size| size.parse().ok()).unwrap_or(100);
        let trouble = self.troubles.pop_front().or_else(|| self.standing.clone());
        let etag = format!("\"{since}-{}\"", self.changes.last().map_or(0, |(last, ..)| *last));
        if trouble.is_none() && request.header("if-none-match") == Some(&etag) {
            return Reply::With(304, vec![("etag".into(), etag)], String::new());
        }
        let page = self.page(since, size, matches!(trouble, Some(Trouble::Backwards))).to_string();
        let good = |(etag, body): (String, String)| Reply::With(200, vec![("etag".into(), etag)], body);
        let before = self.before.replace((etag.clone(), page.clone()));
        match trouble {
            None | Some(Trouble::Backwards) => good((etag, page)),
            Some(Trouble::Reply(reply)) => reply,
            Some(Trouble::Slow(span)) => Reply::SlowWith(span, page),
            Some(Trouble::Middle) => Reply::HalfOf(page),
            Some(Trouble::Twice) => good(before.unwrap_or((etag, page))),
            Some(Trouble::Inside(why)) => {
                Reply::Status(200, json!({"code": 500, "msg": why, "data": null}).to_string())
            }
        }
    }

    fn page(&self, since: u64, size: usize, is_backwards: bool) -> Value {
        let mut changes: Vec<&(u64, bool, Value)> =
            self.changes.iter().filter(|(number, ..)| *number > since).collect();
        let has_more = changes.len() > size;
        changes.truncate(size);
        let next = changes.last().map_or(since, |(number, ..)| *number);
        if is_backwards {
            changes.reverse();
        }
        let of = |waybills: bool| -> Vec<&Value> {
            changes.iter().filter(|(_, is_waybill, _)| *is_waybill == waybills).map(|(.., thing)| thing).collect()
        };
        json!({"code": 0, "msg": "ok", "data": {
            "orders": of(false), "waybills": of(true), "next": next.to_string(), "has_more": has_more,
        }})
    }
}
