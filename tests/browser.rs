//! The station page in a real browser: verdict, alarm, acknowledgement, a wedge's typing, the service's restart.
//!
//! Needs Debian's chromium-driver, which `tests/run` installs.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use fantoccini::key::Key;
use fantoccini::{Client as Browser, ClientBuilder, Locator};
use serde_json::json;
use support::served::{PATIENCE, Served, eventually, free_address, program};
use waybind::sim::printer::{Fault, SimPrinter, Speech};

struct Driver {
    child: Child,
    address: SocketAddr,
}

impl Drop for Driver {
    /// Ends the driver and the browsers that it started, which share its process group, also when the test failed.
    fn drop(&mut self) {
        let group = format!("kill -s KILL -- -{}", self.child.id());
        drop(Command::new("sh").args(["-c", &group]).status());
        drop(self.child.wait());
    }
}

impl Driver {
    fn start() -> Driver {
        let address = free_address();
        let child = Command::new("chromedriver")
            .arg(format!("--port={}", address.port()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        let child = child.expect("chromedriver is installed by tests/run (Debian: chromium-driver)");
        eventually("chromedriver", || std::net::TcpStream::connect(address).ok());
        Driver { child, address }
    }

    async fn browser(&self, profile: &Path, size: &str) -> Browser {
        let flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--lang=zh-CN",
            &format!("--window-size={size}"),
            &format!("--user-data-dir={}", profile.display()),
        ]
        .map(str::to_owned);
        let capabilities = json!({"goog:chromeOptions": {"args": flags, "prefs": {"intl.accept_languages": "zh-CN"}}})
            .as_object()
            .unwrap()
            .clone();
        ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://{}", self.address))
            .await
            .unwrap()
    }
}

async fn band(browser: &Browser, code: &str) {
    let selector = format!("#band[data-code='{code}']");
    let found = browser.wait().at_most(PATIENCE).for_element(Locator::Css(&selector)).await;
    assert!(found.is_ok(), "the band does not show {code}: {}", browser.source().await.unwrap());
}

/// An element's text, read at one instant: the page replaces its elements as it goes.
async fn text(browser: &Browser, selector: &str) -> String {
    let script = "return document.querySelector(arguments[0])?.innerText ?? ''";
    browser.execute(script, vec![json!(selector)]).await.unwrap().as_str().unwrap().to_owned()
}

async fn picture(browser: &Browser, name: &str) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(name), browser.screenshot().await.unwrap()).unwrap();
}

/// Types as a keyboard-wedge scanner does: no field has the focus, Enter at the end.
async fn wedge(browser: &Browser, code: &str) {
    browser
        .find(Locator::Css("body"))
        .await
        .unwrap()
        .send_keys(&format!("{code}{}", char::from(Key::Enter)))
        .await
        .unwrap();
}

const CONFIG: &str = "language = \"zh-CN\"\n[[station]]\nid = \"bench-01\"\nmode = \"bench\"\n";

fn work(client: &mut support::served::Client) {
    client.must("/api/v1/products", &json!([{"sku": "PAD-118", "name": "刹车片", "tracking": ["lot"], "barcodes": [{"text": "9506000134352"}]}, {"sku": "FLT-204", "name": "滤清器", "barcodes": [{"text": "6901234567892"}]}]));
    client.must("/api/v1/orders", &json!({"id": "SO-1001", "carrier": "ZTO", "consignee": {}, "notes": [{"text": "木箱包装", "must_confirm": true}], "lines": [
        {"line": 1, "sku": "FLT-204", "quantity": 12}, {"line": 2, "sku": "PAD-118", "quantity": 2, "lot": "A1"}]}));
}

#[tokio::test]
async fn a_packer_sees_the_verdict_the_alarm_and_the_lost_connection() {
    let folder = tempfile::tempdir().unwrap();
    let driver = Driver::start();
    let mut served = Served::start(folder.path(), CONFIG);
    work(&mut served.client());
    let browser = driver.browser(&folder.path().join("profile"), "1280,800").await;
    let page = format!("http://{}/station/bench-01", served.address);
    browser.goto(&page).await.unwrap();
    let idle = text(&browser, "#band h1").await;
    assert_eq!(idle, "请扫拣货单、订单或面单");

    wedge(&browser, "SO-1001").await;
    band(&browser, "opened").await;
    for _ in 0..3 {
        wedge(&browser, "6901234567892").await;
    }
    let counted = browser
        .wait()
        .at_most(PATIENCE)
        .for_element(Locator::XPath("//p[@class='count'][contains(., '3 / 12')]"))
        .await;
    assert!(counted.is_ok(), "three scans are counted, each once");
    picture(&browser, "accepted.png").await;

    // group separators come as Ctrl+] from a wedge
    served.client().scan("gs", "bench-01", "]C1010950600013435210B7");
    band(&browser, "wrong_lot").await;
    let alarm = text(&browser, ".comparison").await;
    assert!(
        alarm.contains("A1") && alarm.contains("B7") && alarm.contains("应为") && alarm.contains("扫到"),
        "{alarm}"
    );
    picture(&browser, "alarm.png").await;
    let before = served.client().get("/api/v1/orders/SO-1001")["lines"][0]["packed"].clone();
    wedge(&browser, "6901234567892").await;
    eventually("the latched answer", || {
        (served.client().get("/api/v1/stations/bench-01")["verdict"]["code"] == "alarm_latched").then_some(())
    });
    assert_eq!(
        served.client().get("/api/v1/orders/SO-1001")["lines"][0]["packed"],
        before,
        "nothing counts under an alarm"
    );
    // a touch anywhere at the bottom, by a hand that shakes: the second one confirms no note that nobody has read
    let touch = "for (const _ of [1, 2]) document.elementFromPoint(innerWidth / 3, innerHeight - 20).click()";
    browser.execute(touch, vec![]).await.unwrap();
    band(&browser, "acknowledged").await;
    assert!(text(&browser, ".note").await.contains("木箱包装"));
    // times are said as people do, the exact one lies beneath; the sliders of the rim take no scan away
    let time = "const time = document.querySelector('.meaning time'); return time.title !== '' && time.title !== time.textContent";
    assert_eq!(browser.execute(time, vec![]).await.unwrap(), json!(true));
    browser.execute("document.querySelector('[data-volume]').focus()", vec![]).await.unwrap();
    let slider = browser.find(Locator::Css("[data-volume]")).await.unwrap();
    slider.send_keys(&format!("6901234567892{}", char::from(Key::Enter))).await.unwrap();
    band(&browser, "accepted").await;

    // the service is killed: the page says so at once, and comes back by itself with the same work
    let address = served.address;
    served.kill();
    let lost = browser.wait().at_most(PATIENCE).for_element(Locator::Css("#lost:not([hidden])")).await;
    assert!(lost.is_ok() && text(&browser, "#lost").await.contains("不记录"));
    picture(&browser, "lost.png").await;
    let mut again = Command::new(program());
    again
        .args(["serve", "--config"])
        .arg(folder.path().join("waybind.toml"))
        .arg("--data")
        .arg(&served.data)
        .arg("--listen")
        .arg(address.to_string());
    served.child = again.env("RUST_LOG", "off").stderr(Stdio::null()).spawn().unwrap();
    let back = browser.wait().at_most(PATIENCE).for_element(Locator::Css("#lost[hidden]")).await;
    assert!(back.is_ok(), "the page comes back");
    eventually("the service", || support::served::Client::try_connect(address)?.try_call("GET", "/healthz", None));
    wedge(&browser, "6901234567892").await;
    band(&browser, "accepted").await;

    // the other language, and a narrow screen
    browser.goto(&format!("http://{address}/language/en")).await.unwrap();
    browser.goto(&page).await.unwrap();
    assert!(browser.source().await.unwrap().contains("Order SO-1001"));
    browser.set_window_size(320, 640).await.unwrap();
    let wide = browser
        .execute("return document.documentElement.scrollWidth > document.documentElement.clientWidth", vec![])
        .await
        .unwrap();
    assert_eq!(wide, json!(false), "nothing sticks out on a 320 px screen");
    picture(&browser, "narrow.png").await;
    browser.goto(&format!("http://{address}/")).await.unwrap();
    assert!(browser.source().await.unwrap().contains("SO-1001"));
    browser.close().await.unwrap();
}

#[tokio::test]
async fn a_pin_is_typed_on_the_page_after_the_badge() {
    let folder = tempfile::tempdir().unwrap();
    let driver = Driver::start();
    let config = "[[station]]\nid = \"pin-01\"\nmode = \"bench\"\nsign_in = \"badge-pin\"\n";
    let served = Served::start(folder.path(), config);
    let mut client = served.client();
    let put = client.must("/api/v1/operators", &json!({"id": "li", "name": "李雷", "pin": "4711"}));
    let badge = put["results"][0]["scan_code"].as_str().unwrap().to_owned();
    let browser = driver.browser(&folder.path().join("profile"), "1280,800").await;
    browser.goto(&format!("http://{}/station/pin-01", served.address)).await.unwrap();
    wedge(&browser, &badge).await;
    // what a scanner types into the field is a scan, and no wrong PIN
    let field = browser.wait().at_most(PATIENCE).for_element(Locator::Css("[data-pin] input:focus")).await.unwrap();
    let key = "return document.querySelector('#band').dataset.key";
    let key = browser.execute(key, vec![]).await.unwrap();
    field.send_keys(&format!("{badge}{}", char::from(Key::Enter))).await.unwrap();
    let next = format!("#band:not([data-key='{}'])", key.as_str().unwrap());
    assert!(browser.wait().at_most(PATIENCE).for_element(Locator::Css(&next)).await.is_ok(), "the badge is read again");
    let shown = text(&browser, ".meaning").await;
    assert!(!shown.contains(badge.split(':').nth(2).unwrap()), "a badge's secret is on no screen: {shown}");
    for (pin, code) in [("0000", "not_allowed"), ("4711", "signed_in")] {
        let field = browser.wait().at_most(PATIENCE).for_element(Locator::Css("[data-pin] input:focus")).await;
        let field = field.expect("the field for the PIN has the focus");
        field.send_keys(pin).await.unwrap();
        picture(&browser, &format!("pin-{code}.png")).await;
        field.send_keys(&Key::Enter.to_string()).await.unwrap();
        band(&browser, code).await;
    }
    assert!(text(&browser, "body").await.contains("李雷"));
    let told = served.client().get("/api/v1/events?limit=100");
    let wrong = told["events"].as_array().unwrap().iter().filter(|event| event["type"] == "pin_refused").count();
    assert_eq!(wrong, 1, "{told}");
    assert!(browser.find(Locator::Css("[data-pin]")).await.is_err(), "nothing is asked any more");
    browser.close().await.unwrap();
}

#[tokio::test]
async fn a_dock_is_told_at_once_what_must_come_off_and_an_overview_keeps_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let driver = Driver::start();
    let dock = "[[station]]\nid = \"dock-01\"\nmode = \"load\"\n[[station]]\nid = \"bench-02\"\nmode = \"bench\"\n";
    let served = Served::start(folder.path(), &format!("{CONFIG}{dock}"));
    let mut client = served.client();
    work(&mut client);
    for id in ["SO-1", "SO-2"] {
        let line = json!({"line": 1, "sku": "FLT-204", "quantity": 1});
        client.must("/api/v1/orders", &json!({"id": id, "carrier": "ZTO", "consignee": {"name": id}, "lines": [line]}));
        let number = format!("7531234567890{}", &id[3..]);
        client.must("/api/v1/waybills", &json!({"number": number, "carrier": "ZTO", "orders": [id]}));
        for (step, data) in [id, "6901234567892", &number, "WB:C:DONE"].iter().enumerate() {
            client.scan(&format!("{id}-{step}"), "bench-01", data);
        }
    }
    client.must("/api/v1/manifests", &json!({"id": "M-1", "carrier": "ZTO"}));
    for (step, data) in ["M-1", "75312345678901", "75312345678902"].iter().enumerate() {
        client.scan(&format!("d{step}"), "dock-01", data);
    }
    let browser = driver.browser(&folder.path().join("profile"), "1280,800").await;
    let at = |path: &str| format!("http://{}{path}", served.address);
    browser.goto(&at("/station/dock-01")).await.unwrap();
    band(&browser, "waybill_loaded").await;
    assert!(browser.find(Locator::Css("[data-alarm]")).await.is_err());
    served.client().must("/api/v1/orders/SO-1/cancel", &json!({}));
    let raised = browser.wait().at_most(PATIENCE).for_element(Locator::Css("[data-alarm='75312345678901']")).await;
    assert!(raised.is_ok(), "nobody scanned anything, and the dock is told");
    assert!(text(&browser, "[data-alarm]").await.contains("订单已取消"));
    picture(&browser, "must-come-off.png").await;
    served.client().scan("u1", "dock-01", "WB:C:UNLOAD");
    served.client().scan("u2", "dock-01", "75312345678901");
    band(&browser, "unloaded").await;
    assert!(browser.find(Locator::Css("[data-alarm]")).await.is_err(), "it is off: the alarm is over");

    // work that is taken over is gone from the page of who had it, without a scan there
    served.client().must("/api/v1/operators", &json!({"id": "lead", "name": "组长", "role": "lead"}));
    served.client().scan("t0", "bench-01", "SO-1001");
    browser.goto(&at("/station/bench-01")).await.unwrap();
    assert!(text(&browser, ".work h2").await.contains("SO-1001"));
    for (id, code) in [("t1", "list_in_use"), ("t2", "opened")] {
        let scan = json!({"id": id, "station": "bench-02", "data": "SO-1001", "operator": "lead"});
        assert_eq!(served.client().post("/api/v1/scans", &scan).1["code"], code);
    }
    let gone = browser.wait().at_most(PATIENCE).for_element(Locator::Css("main:not(:has(.work))")).await;
    assert!(gone.is_ok(), "it is not there any more");

    // the overview: sorted by key, filtered by typing, and still so when it is drawn anew
    browser.goto(&at("/")).await.unwrap();
    let rows = "return [...document.querySelectorAll('.newest tbody tr')].filter((row) => !row.hidden).map((row) => row.cells[0].innerText).join(' ')";
    browser.execute("document.querySelector('.newest th').focus()", vec![]).await.unwrap();
    browser.find(Locator::Css(".newest th")).await.unwrap().send_keys(&Key::Enter.to_string()).await.unwrap();
    assert_eq!(browser.execute(rows, vec![]).await.unwrap(), json!("SO-1 SO-2 SO-1001"));
    browser.find(Locator::Css("[data-filter]")).await.unwrap().send_keys("so-1").await.unwrap();
    assert_eq!(browser.execute(rows, vec![]).await.unwrap(), json!("SO-1 SO-1001"));
    let line = json!({"line": 1, "sku": "FLT-204", "quantity": 1});
    served.client().must("/api/v1/orders", &json!({"id": "SO-12", "carrier": "ZTO", "consignee": {}, "lines": [line]}));
    let fresh = browser.wait().at_most(PATIENCE).for_element(Locator::XPath("//a[.='SO-12']")).await;
    assert!(fresh.is_ok(), "the overview is drawn anew");
    assert_eq!(browser.execute(rows, vec![]).await.unwrap(), json!("SO-1 SO-12 SO-1001"));
    picture(&browser, "overview-filtered.png").await;
    browser.goto(&at("/order/SO-1")).await.unwrap();
    let story = text(&browser, ".story").await;
    assert!(story.contains("已装车") && story.contains("订单取消") && !story.contains("waybill_loaded"), "{story}");
    picture(&browser, "story.png").await;
    browser.close().await.unwrap();
}

#[tokio::test]
async fn a_supervisor_sees_what_wants_a_person_and_confirms_a_new_address() {
    let folder = tempfile::tempdir().unwrap();
    let driver = Driver::start();
    let rule = "[[rule]]\nname = \"unpaid\"\nmode = \"warn\"\n";
    let served = Served::start(folder.path(), &format!("{CONFIG}{rule}"));
    let mut client = served.client();
    work(&mut client);
    let put = client.must("/api/v1/operators", &json!({"id": "boss", "name": "主管", "role": "supervisor"}));
    let badge = put["results"][0]["scan_code"].as_str().unwrap().to_owned();
    for (id, sku) in [("SO-1", "FLT-204"), ("SO-2", "FLT-204"), ("SO-3", "FLT-204"), ("SO-4", "PAD-118")] {
        let consignee = json!({"name": "张三", "phone": "13800001111", "address": "杭州市西湖区文三路 1 号"});
        let line = json!({"line": 1, "sku": sku, "quantity": 2});
        client.must("/api/v1/orders", &json!({"id": id, "carrier": "ZTO", "consignee": consignee, "lines": [line]}));
        client.must(
            "/api/v1/waybills",
            &json!({"number": format!("7531234567890{}", &id[3..]), "carrier": "ZTO", "orders": [id]}),
        );
    }
    let other = json!({"name": "李四", "phone": "13900002222", "address": "上海市静安区南京西路 2 号"});
    client.must("/api/v1/orders/SO-1/address", &other);
    for (id, data) in [
        ("a", "SO-2"),
        ("b", "6901234567892"),
        ("c", "6901234567892"),
        ("d", "WB:C:DONE"),
        ("e", "SO-4"),
        ("f", "PAD-118"),
        ("g", "A1"),
        ("h", "WB:C:PAUSE"),
    ] {
        client.scan(id, "bench-01", data);
    }
    client.must("/api/v1/orders/SO-2/cancel", &json!({"lines": [{"line": 1, "quantity": 1}]}));
    client.post("/api/v1/orders", &json!({"id": "SO-4", "carrier": "ZTO", "consignee": {"name": "张三", "phone": "13800001111", "address": "杭州市西湖区文三路 1 号"}, "lines": [{"line": 1, "sku": "FLT-204", "quantity": 2}]}));
    client.must("/api/v1/orders/SO-3/hold", &json!({"reason": "risk", "kind": "unpaid", "note": "尾款未到"}));
    client.must(
        "/api/v1/stop-lists",
        &json!({"id": "RC-2026-07", "sku": "PAD-118", "lots": ["A1"], "reason": "摩擦片脱胶"}),
    );

    let browser = driver.browser(&folder.path().join("profile"), "1280,900").await;
    let at = |path: &str| format!("http://{}{path}", served.address);
    browser.goto(&at("/")).await.unwrap();
    let told = text(&browser, ".exceptions").await;
    assert!(told.contains("SO-4") && !told.contains("南京西路"), "no address on the overview: {told}");
    picture(&browser, "overview-exceptions.png").await;
    browser.goto(&at("/recalls/RC-2026-07")).await.unwrap();
    assert!(text(&browser, "body").await.contains("SO-4"));
    picture(&browser, "recall.png").await;
    browser.goto(&at("/returns")).await.unwrap();
    assert!(text(&browser, "body").await.contains("75312345678901"));
    picture(&browser, "returns.png").await;
    browser.goto(&at("/exceptions")).await.unwrap();
    picture(&browser, "exceptions.png").await;
    let page = text(&browser, "body").await;
    assert!(page.contains("文三路") && page.contains("南京西路"), "{page}");

    // the badge is scanned into the field that asks for it
    browser.find(Locator::Css(".confirm input")).await.unwrap().send_keys("WB:U:NOBODY:0000").await.unwrap();
    browser.find(Locator::Css(".confirm input")).await.unwrap().send_keys(&Key::Enter.to_string()).await.unwrap();
    assert!(browser.wait().at_most(PATIENCE).for_element(Locator::Css(".alarm")).await.is_ok());
    let field = browser.find(Locator::Css(".confirm input")).await.unwrap();
    field.send_keys(&format!("{badge}{}", char::from(Key::Enter))).await.unwrap();
    eventually("the confirmation", || {
        (served.client().get("/api/v1/orders/SO-1")["disposition"] == "active").then_some(())
    });

    // a rule that only warns: the scan counts, and the band says what is the matter
    served.client().scan("i", "bench-01", "SO-3");
    served.client().scan("j", "bench-01", "6901234567892");
    browser.goto(&at("/station/bench-01")).await.unwrap();
    assert!(text(&browser, ".warned").await.contains("未付款"));
    assert!(browser.find(Locator::Css(".work tr.stopped")).await.is_err(), "nothing is struck out that is worked on");
    picture(&browser, "warned.png").await;
    browser.set_window_size(320, 640).await.unwrap();
    for path in ["/exceptions", "/recalls/RC-2026-07", "/returns"] {
        browser.goto(&at(path)).await.unwrap();
        let wide = "return document.documentElement.scrollWidth > document.documentElement.clientWidth";
        assert_eq!(browser.execute(wide, vec![]).await.unwrap(), json!(false), "{path} on a 320 px screen");
    }
    picture(&browser, "returns-narrow.png").await;
    browser.close().await.unwrap();
}

#[tokio::test]
async fn a_label_that_waits_and_its_reprint_are_on_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let driver = Driver::start();
    let sim = SimPrinter::start("127.0.0.1:0", Speech::Zpl).unwrap();
    sim.set_fault(Fault { paper_out: true, ..Fault::default() });
    let config = format!(
        "language = \"en\"\n[[station]]\nid = \"bench-01\"\nmode = \"bench\"\nprint_waybill = true\nprinter = \"PACK-01\"\n[[printer]]\nname = \"PACK-01\"\nprofile = \"zpl-203\"\naddress = \"{}\"\n",
        sim.address
    );
    let served = Served::start(folder.path(), &config);
    let mut client = served.client();
    client.must("/api/v1/products", &json!({"sku": "FLT-204", "name": "Oil filter"}));
    let consignee = json!({"name": "Li Lei", "phone": "13800001234", "address": "1 Wensan Road, Hangzhou"});
    client.must("/api/v1/orders", &json!({"id": "SO-1", "carrier": "ZTO", "consignee": consignee, "lines": [{"line": 1, "sku": "FLT-204", "quantity": 1}]}));
    client.must("/api/v1/waybills", &json!({"number": "75312345678901", "carrier": "ZTO", "orders": ["SO-1"]}));
    let browser = driver.browser(&folder.path().join("profile"), "1280,900").await;
    browser.goto(&format!("http://{}/language/en", served.address)).await.unwrap();
    browser.goto(&format!("http://{}/station/bench-01", served.address)).await.unwrap();
    for code in ["SO-1", "FLT-204"] {
        wedge(&browser, code).await;
    }
    band(&browser, "order_complete").await;
    let waits =
        browser.wait().at_most(PATIENCE).for_element(Locator::XPath("//footer[contains(., 'out of paper')]")).await;
    assert!(waits.is_ok(), "the rim says what the printer lacks");
    assert!(text(&browser, ".waiting.print").await.contains("packed, label waiting"));
    picture(&browser, "label-waiting.png").await;
    browser.goto(&format!("http://{}/", served.address)).await.unwrap();
    assert!(text(&browser, ".printing").await.contains("out of paper"));
    picture(&browser, "label-waiting-overview.png").await;

    browser.goto(&format!("http://{}/station/bench-01", served.address)).await.unwrap();
    sim.set_fault(Fault::default());
    eventually("the label", || (sim.count() == 1).then_some(()));
    let gone = browser
        .wait()
        .at_most(PATIENCE)
        .for_element(Locator::XPath("//main[not(.//p[contains(@class, 'print')])]"))
        .await;
    assert!(gone.is_ok(), "nothing waits any more");
    browser.find(Locator::Css("[data-scan='WB:C:REPRINT']")).await.unwrap().click().await.unwrap();
    let reason = browser.wait().at_most(PATIENCE).for_element(Locator::Css("[data-scan='badly printed']")).await;
    picture(&browser, "reprint.png").await;
    reason.unwrap().click().await.unwrap();
    eventually("the copy", || (sim.count() == 2).then_some(()));
    picture(&browser, "reprinted.png").await;
    browser.close().await.unwrap();
}
