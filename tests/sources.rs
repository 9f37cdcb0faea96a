//! Sources: an ERP on real HTTP that behaves badly, and a service that takes all of it, once, in the right state.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use support::served::{Client, Served, assert_clean, eventually};
use waybind::sim::erp::{Erp, MAPPING, Trouble, order, waybill};
use waybind::sim::receiver::{Receiver, Reply};

const STATION: &str = "time_zone = \"Asia/Shanghai\"\n[[station]]\nid = \"s\"\nmode = \"bench\"\nlatch = false\n";

/// An ERP, and a service that asks it.
fn start(folder: &Path, erp: &Erp, more: &str) -> Served {
    let mapping = folder.join("erp.toml");
    if !mapping.exists() {
        std::fs::write(&mapping, MAPPING).unwrap();
    }
    Served::start(folder, &format!("{STATION}{}{more}", erp.configuration(&mapping)))
}

fn source(client: &mut Client) -> Value {
    client.get("/api/v1/sources")["sources"][0].clone()
}

/// Waits for something of the source; it is asked not to wait for its pauses.
fn until(client: &mut Client, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    eventually(what, || {
        client.must("/api/v1/sources/erp/retry", &json!({}));
        Some(source(client)).filter(&holds)
    })
}

fn known(client: &mut Client, id: &str) -> Option<Value> {
    let (status, order) = client.try_call("GET", &format!("/api/v1/orders/{id}"), None).unwrap();
    (status == 200).then_some(order)
}

fn events(client: &mut Client, kind: &str) -> usize {
    let page = client.get("/api/v1/events?after=0&limit=1000");
    page["events"].as_array().unwrap().iter().filter(|event| event["type"] == kind).count()
}

#[test]
fn an_erp_is_understood_by_its_mapping() {
    let folder = tempfile::tempdir().unwrap();
    let erp = Erp::start("127.0.0.1:0").unwrap();
    let mut first = order("SO-1", 1, &[("FLT-204", 2), ("BRK-77", 2)]);
    first["details"][1]["serials"] = json!(["S1", "S2"]);
    erp.put_order(first);
    let served = start(folder.path(), &erp, "");
    let mut client = served.client();
    let found = eventually("the order", || known(&mut client, "SO-1"));
    let expected = json!({"carrier": "ZTO", "channel": "erp", "stage": "stock_locked", "ship_at": "2026-11-21T15:00:00+08:00",
        "version": 1, "ext": {"shop": "旗舰店"}});
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&found[field], value, "{field}");
    }
    assert_eq!(found["consignee"]["name"], "张三");
    assert_eq!((&found["lines"][1]["sku"], &found["lines"][1]["serials"]), (&json!("BRK-77"), &json!(["S1", "S2"])));
    eventually("the acknowledgement", || erp.taken().contains(&"1".to_owned()).then_some(()));
    eventually("the end of the first look", || (!source(&mut client)["last_success"].is_null()).then_some(()));
    assert!(client.text("GET", "/metrics", "", "").1.contains("waybind_source_up{source=\"erp\"} 1"));
    assert!(client.text("GET", "/", "accept-language: en\r\n", "").1.contains("last read"));

    // other content under the same version is refused, an older version comes too late: nothing is recorded
    let before = client.get("/api/v1/events?after=0&limit=1000")["events"].as_array().unwrap().len();
    erp.put_order(order("SO-1", 1, &[("FLT-204", 9)]));
    erp.put_order(order("SO-1", 0, &[("FLT-204", 7)]));
    until(&mut client, "both", |source| source["unchanged"].as_u64() >= Some(1) && source["refused"] == 1);
    assert_eq!(client.get("/api/v1/events?after=0&limit=1000")["events"].as_array().unwrap().len(), before);
    eventually("a question that costs nothing", || {
        client.must("/api/v1/sources/erp/retry", &json!({}));
        erp.requests().iter().any(|request| request.header("if-none-match").is_some()).then_some(())
    });
    assert!(served.terminate().success());
    assert_clean(&folder.path().join("data"));
}

#[test]
fn whatever_the_erp_does_everything_arrives_once() {
    let folder = tempfile::tempdir().unwrap();
    let erp = Erp::start("127.0.0.1:0").unwrap();
    for number in 1..=23 {
        erp.put_order(order(&format!("SO-{number}"), 1, &[("ITEM", number)]));
    }
    let huge = Reply::Huge(17 * 1024 * 1024);
    erp.trouble([
        Trouble::Reply(Reply::Status(500, "down".into())),
        Trouble::Middle,
        Trouble::Backwards,
        Trouble::Twice,
        Trouble::Reply(Reply::Close),
        Trouble::Inside("系统繁忙".into()),
        Trouble::Slow(Duration::from_millis(300)),
        Trouble::Reply(huge),
        Trouble::Reply(Reply::Redirect("http://127.0.0.1:9/elsewhere".into())),
        Trouble::Twice,
        Trouble::Reply(Reply::Status(200, "{\"code\":0}".into())),
    ]);
    let served = start(folder.path(), &erp, "");
    let mut client = served.client();
    let last = until(&mut client, "the end", |source| source["cursor"] == "23" && source["state"] == "good");
    assert_eq!((&last["waiting"], &last["refused"]), (&json!(0), &json!(0)), "{last}");
    assert_eq!(erp.troubles_left(), 0);
    assert_eq!(events(&mut client, "order_put"), 23, "each order was recorded once");
    for number in 1..=23 {
        assert_eq!(known(&mut client, &format!("SO-{number}")).unwrap()["lines"][0]["quantity"], number);
    }
    assert!(served.terminate().success());
    assert_clean(&folder.path().join("data"));
}

#[test]
fn what_goes_wrong_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let erp = Erp::start("127.0.0.1:0").unwrap();
    let served = start(folder.path(), &erp, "");
    let mut client = served.client();
    until(&mut client, "a good start", |source| source["state"] == "good" && !source["last_success"].is_null());
    for (trouble, word) in [
        (Trouble::Reply(Reply::Status(500, "down".into())), "HTTP 500 down"),
        (Trouble::Inside("系统繁忙".into()), "系统繁忙"),
        (Trouble::Reply(Reply::Huge(17 * 1024 * 1024)), "more than 16 MiB"),
        (Trouble::Reply(Reply::Redirect("http://127.0.0.1:9/".into())), "redirects"),
        (Trouble::Reply(Reply::Status(200, "<html>".into())), "no JSON"),
        (Trouble::Middle, "broke off"),
    ] {
        erp.standing_trouble(Some(trouble));
        let found = until(&mut client, word, |source| source["failures"].as_u64() > Some(0));
        assert!(found["last_error"].as_str().unwrap().contains(word), "{word}: {found}");
        assert_eq!(found["state"], "failing");
        erp.standing_trouble(None);
        until(&mut client, "recovery", |source| source["state"] == "good");
    }
}

#[test]
fn what_refers_to_something_that_is_not_there_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let erp = Erp::start("127.0.0.1:0").unwrap();
    erp.put_waybill(waybill("75312345678901", &["SO-1", "SO-2"]));
    let mut served = start(folder.path(), &erp, "");
    let mut client = served.client();
    let found = until(&mut client, "the waybill", |source| source["waiting"] == 1);
    assert_eq!((&found["kept"][0]["id"], &found["kept"][0]["state"]), (&json!("75312345678901"), &json!("waiting")));
    erp.put_order(order("SO-1", 1, &[("ITEM", 1)]));
    until(&mut client, "the first order", |source| {
        source["kept"][0]["reason"].as_str().is_some_and(|reason| reason.contains("SO-2"))
    });
    // it waits over a crash, and for an order that comes another way
    served.kill();
    let served = start(folder.path(), &erp, "");
    let mut client = served.client();
    assert_eq!(source(&mut client)["waiting"], 1);
    let pushed = json!({"id": "SO-2", "carrier": "ZTO", "consignee": {"name": "张三", "phone": "13800000000", "address": "文三路 1 号"},
        "lines": [{"line": 1, "sku": "ITEM", "quantity": 1}]});
    client.must("/api/v1/orders", &pushed);
    eventually("the waybill", || {
        let waybills = known(&mut client, "SO-1")?["waybills"].clone();
        (waybills[0]["number"] == "75312345678901").then_some(())
    });
    eventually("nothing waiting", || (source(&mut client)["waiting"] == 0).then_some(()));
    assert!(served.terminate().success());
    assert_clean(&folder.path().join("data"));
}

#[test]
fn what_can_not_be_translated_is_listed_and_taken_once_the_mapping_knows_it() {
    let folder = tempfile::tempdir().unwrap();
    let erp = Erp::start("127.0.0.1:0").unwrap();
    let mut strange = order("SO-1", 1, &[("ITEM", 1)]);
    strange["logistics"]["company"] = "天天快递".into();
    erp.put_order(strange);
    erp.put_order(order("SO-2", 1, &[("ITEM", 1)]));
    let mut broken = order("SO-3", 1, &[("ITEM", 1)]);
    broken["details"][0]["num"] = json!(1.5);
    erp.put_order(broken);
    let served = start(folder.path(), &erp, "");
    let mut client = served.client();
    let found = until(&mut client, "the refusals", |source| {
        source["refused"] == 2 && source["unknown_words"].as_array().is_some_and(|words| !words.is_empty())
    });
    assert!(known(&mut client, "SO-1").is_none() && known(&mut client, "SO-2").is_some());
    let word = &found["unknown_words"][0];
    assert_eq!((&word["word"], &word["example"]), (&json!("天天快递"), &json!("SO-1")), "{found}");
    assert!(word["field"].as_str().unwrap().starts_with("carrier"), "{word}");
    assert!(found["kept"].to_string().contains("details[*].num"), "{found}");
    let page = client.text("GET", "/", "accept-language: zh-CN\r\n", "").1;
    assert!(page.contains("天天快递") && page.contains("对照表中没有"));

    assert!(served.terminate().success());
    let corrected = MAPPING.replace("[orders.words.carrier]", "[orders.words.carrier]\n\"天天快递\" = \"TTK\"");
    std::fs::write(folder.path().join("erp.toml"), corrected).unwrap();
    let served = start(folder.path(), &erp, "");
    let mut client = served.client();
    let found = eventually("the order", || known(&mut client, "SO-1"));
    assert_eq!(found["carrier"], "TTK");
    // a corrected order comes right by itself
    erp.put_order(order("SO-3", 2, &[("ITEM", 2)]));
    until(&mut client, "nothing refused", |source| source["refused"] == 0);
    assert_eq!(known(&mut client, "SO-3").unwrap()["version"], 2);
}

#[test]
fn a_cancellation_and_a_hold_bite_at_the_next_scan() {
    let folder = tempfile::tempdir().unwrap();
    let erp = Erp::start("127.0.0.1:0").unwrap();
    for number in ["SO-1", "SO-2"] {
        erp.put_order(order(number, 1, &[("ITEM", 3)]));
    }
    let served = start(folder.path(), &erp, "");
    let mut client = served.client();
    client.must("/api/v1/products", &json!({"sku": "ITEM"}));
    eventually("the orders", || known(&mut client, "SO-2").filter(|order| order["holds"] == json!([])));
    assert_eq!(client.scan("1", "s", "SO-1"), "opened");
    assert_eq!(client.scan("2", "s", "ITEM"), "accepted");
    let mut closed = order("SO-1", 3, &[("ITEM", 3)]);
    closed["status"] = "已关闭".into();
    erp.put_order(closed);
    let mut risky = order("SO-2", 3, &[("ITEM", 3)]);
    (risky["flag"], risky["flag_text"]) = ("风险".into(), "名单".into());
    erp.put_order(risky);
    // older versions that come late change neither
    erp.put_order(order("SO-1", 2, &[("ITEM", 3)]));
    let mut released = order("SO-2", 2, &[("ITEM", 3)]);
    released["flag"] = "解除".into();
    erp.put_order(released);
    until(&mut client, "all four", |source| source["cursor"] == "6");
    assert_eq!(client.scan("3", "s", "ITEM"), "order_cancelled");
    let held = known(&mut client, "SO-2").unwrap();
    assert_eq!((&held["disposition"], &held["holds"][0]["note"]), (&json!("held"), &json!("名单")));
    let mut released = order("SO-2", 4, &[("ITEM", 3)]);
    released["flag"] = "解除".into();
    erp.put_order(released);
    until(&mut client, "the release", |source| source["cursor"] == "7");
    assert_eq!(known(&mut client, "SO-2").unwrap()["disposition"], "active");
    let told = client.get("/api/v1/orders/SO-1/timeline").to_string();
    assert!(told.contains("order_cancelled"), "{told}");
    assert!(served.terminate().success());
    assert_clean(&folder.path().join("data"));
}

#[test]
fn a_secret_is_shown_and_can_be_changed_in_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let erp = Erp::start("127.0.0.1:0").unwrap();
    erp.want_token("right");
    erp.put_order(order("SO-1", 1, &[("ITEM", 1)]));
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "wrong\n").unwrap();
    let served = start(folder.path(), &erp, &format!("auth = \"bearer\"\nsecret = {{ file = {secret:?} }}\n"));
    let mut client = served.client();
    let found = until(&mut client, "the refusal", |source| source["failures"].as_u64() > Some(0));
    assert!(found["last_error"].as_str().unwrap().contains("401") && !found.to_string().contains("wrong"), "{found}");
    std::fs::write(&secret, "right\n").unwrap();
    until(&mut client, "the order", |source| source["created"] == 1);
    eventually("the acknowledgement", || (!erp.taken().is_empty()).then_some(()));
}

#[test]
fn kills_at_any_moment_lose_nothing_and_take_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let erp = Erp::start("127.0.0.1:0").unwrap();
    for number in 1..=40 {
        erp.put_order(order(&format!("SO-{number}"), 1, &[("ITEM", 1)]));
        erp.put_waybill(waybill(&format!("7531234567{number:04}"), &[&format!("SO-{}", 41 - number)]));
    }
    let long = std::env::var_os("WAYBIND_LONG").is_some();
    for round in 1..=if long { 40 } else { 6 } {
        let mut served = start(folder.path(), &erp, "");
        let mut client = served.client();
        // each round dies a few answers later than the one before
        eventually("some progress", || (erp.requests().len() > round * 3).then_some(()));
        drop(client.try_call("POST", "/api/v1/sources/erp/retry", Some(&json!({}))));
        served.kill();
    }
    let served = start(folder.path(), &erp, "");
    let mut client = served.client();
    until(&mut client, "the end", |source| {
        source["cursor"] == "80" && source["waiting"] == 0 && source["refused"] == 0
    });
    assert_eq!((events(&mut client, "order_put"), events(&mut client, "waybill_put")), (40, 40));
    assert!(served.terminate().success());
    assert_clean(&folder.path().join("data"));
}

#[test]
fn an_order_that_changes_after_picking_began_stays_true_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let erp = Erp::start("127.0.0.1:0").unwrap();
    erp.put_order(order("SO-1", 1, &[("ITEM", 3)]));
    let served = start(folder.path(), &erp, "");
    let mut client = served.client();
    client.must("/api/v1/products", &json!([{"sku": "ITEM"}, {"sku": "OTHER"}]));
    eventually("the order", || known(&mut client, "SO-1").filter(|order| order["holds"] == json!([])));
    client.scan("1", "s", "SO-1");
    assert_eq!((client.scan("2", "s", "ITEM"), client.scan("3", "s", "ITEM")), ("accepted".into(), "accepted".into()));
    // another product in a line that was begun, again and again
    for revision in 2..=4 {
        erp.put_order(order("SO-1", revision, &[("OTHER", 3)]));
    }
    let found = until(&mut client, "the refusal", |source| source["cursor"] == "4");
    assert!(found["refused"] == 1 && found["kept"][0]["times"].as_u64() >= Some(3), "{found}");
    assert!(found["kept"][0]["reason"].as_str().unwrap().contains("was begun"), "{found}");
    assert_eq!(events(&mut client, "order_put"), 1);
    // fewer than were picked: the surplus is to be put back
    erp.put_order(order("SO-1", 5, &[("ITEM", 1)]));
    until(&mut client, "the change", |source| source["cursor"] == "5" && source["refused"] == 0);
    let line = known(&mut client, "SO-1").unwrap()["lines"][0].clone();
    assert_eq!((&line["picked"], &line["demanded"], &line["to_put_back"]), (&json!(2), &json!(1), &json!(1)), "{line}");
    assert!(served.terminate().success());
    assert_clean(&folder.path().join("data"));
}

#[test]
fn what_upstream_wants_otherwise_is_told_to_people_once() {
    let folder = tempfile::tempdir().unwrap();
    let erp = Erp::start("127.0.0.1:0").unwrap();
    let group = Receiver::start("127.0.0.1:0", true).unwrap();
    erp.put_order(order("SO-1", 1, &[("ITEM", 3)]));
    let people = format!(
        "[[target]]\nname = \"group\"\nkind = \"robot\"\nformat = \"wecom\"\nurl = \"http://{}/bot\"\n\
         [[target]]\nname = \"next\"\nkind = \"robot\"\nformat = \"wecom\"\nurl = \"http://{}/next\"\nevents = []\n\
         [[escalation]]\nname = \"ladder\"\nsteps = [\"next\"]\nevents = [\"order_differs\"]\n",
        group.address, group.address
    );
    let mapping = folder.path().join("erp.toml");
    std::fs::write(&mapping, MAPPING).unwrap();
    let served =
        Served::start(folder.path(), &format!("language = \"en\"\n{STATION}{people}{}", erp.configuration(&mapping)));
    let mut client = served.client();
    client.must("/api/v1/products", &json!([{"sku": "ITEM"}, {"sku": "OTHER"}, {"sku": "THIRD"}]));
    eventually("the order", || known(&mut client, "SO-1").filter(|order| order["holds"] == json!([])));
    client.scan("1", "s", "SO-1");
    assert_eq!(client.scan("2", "s", "ITEM"), "accepted");
    for revision in 2..=5 {
        erp.put_order(order("SO-1", revision, &[("OTHER", 3)]));
    }
    until(&mut client, "the refusals", |source| source["cursor"] == "5");
    // judged again on demand, and after a restart: it says nothing new
    until(&mut client, "more of them", |source| source["kept"][0]["times"].as_u64() >= Some(6));
    assert_eq!(events(&mut client, "order_differs"), 1);
    let alerts = |client: &mut Client| client.get("/api/v1/alerts")["alerts"].as_array().unwrap().clone();
    let alert = eventually("the alert", || alerts(&mut client).into_iter().next());
    let told = "Upstream wants other goods than were begun: SO-1 · line 1: OTHER × 3";
    assert_eq!((&alert["type"], &alert["text"]), (&json!("order_differs"), &json!(told)));
    let said = |path: &str, word: &str| {
        let requests = group.requests();
        let bodies = requests.iter().filter(|request| request.path.starts_with(path));
        bodies.filter(|request| String::from_utf8_lossy(&request.body).contains(word)).count()
    };
    eventually("the group", || (said("/bot", told) == 1 && said("/next", told) == 1).then_some(()));

    // something else again: one exception still, with its last word
    erp.put_order(order("SO-1", 6, &[("THIRD", 1)]));
    eventually("the last word", || {
        let open = alerts(&mut client);
        (open.len() == 1 && open[0]["text"].as_str()?.contains("THIRD") && open[0]["id"] == alert["id"]).then_some(())
    });
    assert_eq!(events(&mut client, "order_differs"), 2);
    // what agrees with the goods ends it
    erp.put_order(order("SO-1", 7, &[("ITEM", 2)]));
    eventually("the end", || alerts(&mut client).is_empty().then_some(()));
    assert_eq!(said("/bot", "OTHER"), 1);
    assert!(served.terminate().success());
    assert_clean(&folder.path().join("data"));
}

#[test]
fn a_hold_that_was_released_by_hand_does_not_come_back_with_a_refused_order() {
    let folder = tempfile::tempdir().unwrap();
    let erp = Erp::start("127.0.0.1:0").unwrap();
    erp.put_order(order("SO-1", 1, &[("ITEM", 3)]));
    let served = start(folder.path(), &erp, "");
    let mut client = served.client();
    client.must("/api/v1/products", &json!([{"sku": "ITEM"}, {"sku": "OTHER"}]));
    eventually("the order", || known(&mut client, "SO-1").filter(|order| order["holds"] == json!([])));
    client.scan("1", "s", "SO-1");
    assert_eq!(client.scan("2", "s", "ITEM"), "accepted");
    // its lines can't be changed any more, that it is held bites all the same
    let mut risky = order("SO-1", 2, &[("OTHER", 3)]);
    risky["flag"] = "风险".into();
    erp.put_order(risky);
    let disposition = |client: &mut Client| known(client, "SO-1").unwrap()["disposition"].clone();
    until(&mut client, "the refusal", |source| source["refused"] == 1);
    assert_eq!(disposition(&mut client), "held");
    let held = events(&mut client, "order_held");
    client.must("/api/v1/orders/SO-1/release", &json!({"reason": null}));
    until(&mut client, "another judgement", |source| source["kept"][0]["times"].as_u64() >= Some(4));
    assert_eq!(disposition(&mut client), "active");
    assert!(served.terminate().success());
    let served = start(folder.path(), &erp, "");
    let mut client = served.client();
    until(&mut client, "a look after the restart", |source| !source["last_success"].is_null());
    assert_eq!((disposition(&mut client), events(&mut client, "order_held")), (json!("active"), held));
    assert!(served.terminate().success());
    assert_clean(&folder.path().join("data"));
}

#[test]
fn what_can_not_be_read_does_not_take_the_place_of_a_newer_word() {
    let folder = tempfile::tempdir().unwrap();
    let erp = Erp::start("127.0.0.1:0").unwrap();
    let mut newer = waybill("75312345678901", &["SO-1"]);
    newer["rev"] = json!(2);
    let mut older = waybill("75312345678901", &["SO-1"]);
    older["company"] = "天天快递".into();
    erp.put_waybill(newer);
    erp.put_waybill(older);
    let mut long = waybill("75312345678902", &["SO-1"]);
    long["tracking_no"] = serde_json::from_str("123456789012345678901234").unwrap();
    erp.put_waybill(long);
    let served = start(folder.path(), &erp, "");
    let mut client = served.client();
    let found = until(&mut client, "all three", |source| source["cursor"] == "3");
    let of = |state: &str| {
        let kept = found["kept"].as_array().unwrap().iter();
        kept.filter(|kept| kept["state"] == state).cloned().collect::<Vec<_>>()
    };
    let (waiting, refused) = (of("waiting"), of("refused"));
    assert_eq!((waiting.len(), &waiting[0]["id"]), (1, &json!("75312345678901")), "{found}");
    assert!(refused.len() == 1 && refused[0]["reason"].as_str().unwrap().contains("sent as a text"), "{found}");
    erp.put_order(order("SO-1", 1, &[("ITEM", 1)]));
    eventually("the waybill", || {
        (known(&mut client, "SO-1")?["waybills"][0]["number"] == "75312345678901").then_some(())
    });
    assert!(served.terminate().success());
}
