//! The demo's shift at a dealer of truck parts: what the systems around it do, what is scanned, and the verdict that must
//! follow.

mod work;

use std::time::Duration;

use super::courier::Mood;

pub use self::work::{Change, change, master_data, opening};

/// The configuration, without its devices and addresses: parcels of `bag-01` share bags, whose labels are printed there.
pub const CONFIGURATION: &str = r#"
[[station]]
id = "pick-01"
mode = "pick"

[[station]]
id = "bench-01"
mode = "bench"

[[station]]
id = "bench-02"
mode = "bench"

[[station]]
id = "bag-01"
mode = "bench"
bag = "scan"
printer = "label-01"

[[station]]
id = "dock-01"
mode = "load"

[[carrier]]
code = "SF"
channels = ["direct", "agent"]

[[printer]]
name = "label-01"
profile = "zpl-203"
address = "PRINTER"

[[target]]
name = "erp"
kind = "webhook"
url = "http://ERP/events"
secret = "whsec_c2ltdWxhdGVkLWVycC1vZi10aGUtZGVtby0wMQ=="
"#;

/// A channel of the courier: its name and its address are filled in. What it is sent is signed.
pub const CHANNEL: &str = r#"
[[channel]]
name = "NAME"
url = "http://ADDRESS/number"
headers = { x-digest = "{sign}" }
sign = { of = "{body}{secret}", algorithm = "md5" }
secret = "of-the-demo"
body = '{"request":"{request}","to":{"name":"{name}","phone":"{phone}","address":"{address}"},"goods":"{goods}"}'
number = "data.no"
ok = "code"
message = "msg"
timeout_seconds = 1
"#;

/// The stations, each with its scanner.
pub const STATIONS: [&str; 5] = ["pick-01", "bench-01", "bench-02", "bag-01", "dock-01"];

/// The courier's channels, in the order in which they are asked.
pub const CHANNELS: [&str; 2] = ["direct", "agent"];

/// Something that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A code is scanned at a station, and this verdict must follow; `{L1.1.2}` is a code of the label L1, `{SO-1}` the
    /// waybill number that the order got.
    Scan(&'static str, &'static str, &'static str),
    /// Upstream calls the API: path and body; `{badge}` is the supervisor's.
    Call(&'static str, &'static str),
    /// The next answers of the ERP go wrong.
    Trouble(&'static [Bad]),
    /// Something changes in the ERP, and nobody is told.
    Erp(Change),
    /// waybind has asked the ERP for everything that changed.
    Asked,
    /// The ERP can't be reached any more, or can again.
    Outage(bool),
    /// A channel of the courier is like this from now on.
    Courier(&'static str, Mood),
    /// An order has got its number over this channel.
    Numbered(&'static str, &'static str),
    /// No channel gave an order a number.
    Pending(&'static str),
    /// A number came for an order that has one.
    Late(&'static str),
    /// A document of the API is kept in the data folder: path and file.
    Keep(&'static str, &'static str),
    /// The label printer has printed so many labels.
    Printed(usize),
    /// The narrator says something.
    Say(&'static str),
}

/// How an answer of the ERP goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// It is HTTP 500.
    Fails,
    /// It comes after a while.
    Slow,
    /// It is the one before once more.
    Twice,
    /// Its things come in the wrong order.
    Backwards,
    /// The connection is closed in the middle of it.
    BreaksOff,
}

use Bad::{Backwards, BreaksOff, Fails, Slow, Twice};
use Change::{Cancelled, Made, Moved, Numbers};
use Step::{Asked, Call, Courier, Erp, Keep, Late, Numbered, Outage, Pending, Printed, Say, Scan, Trouble};

/// The shift.
pub const SHIFT: &[Step] = &[
    Say("ERP 在线拉单：先报错，再慢、再断线、乱序、答两遍，一单不少。 Orders are pulled from an ERP that misbehaves."),
    Trouble(&[Fails, Slow, BreaksOff, Backwards, Twice]),
    Asked,
    Call(
        "/api/v1/pick-lists",
        r#"{"id": "PL-7", "lines": [
            {"order": "SO-1001", "line": 1, "quantity": 2, "location": "A-01-2", "slot": "1"},
            {"order": "SO-1001", "line": 2, "quantity": 2, "location": "B-04-1", "slot": "1"},
            {"order": "SO-1005", "line": 1, "quantity": 3, "location": "A-02-1", "slot": "2"},
            {"order": "SO-1005", "line": 2, "quantity": 1, "location": "A-01-2", "slot": "2"}]}"#,
    ),
    Say("拣货单 PL-7：两张订单一起拣。 Pick list PL-7: two orders in one walk."),
    Scan("pick-01", "PL-7", "opened"),
    Scan("pick-01", "A-01-2", "info"),
    Scan("pick-01", "]E06901234567892", "accepted"),
    Scan("pick-01", "]E06901234567892", "line_complete"),
    Scan("pick-01", "]E06901234567892", "line_complete"),
    Say("多拿一件：数量超出。 One too many."),
    Scan("pick-01", "]E06901234567892", "over_quantity"),
    Scan("pick-01", "WB:C:ACK", "acknowledged"),
    Say("拿错商品。 A wrong item."),
    Scan("pick-01", "]E06901234567953", "not_on_list"),
    Scan("pick-01", "WB:C:ACK", "acknowledged"),
    Say("批号必须是 A1。 The lot must be A1."),
    Scan("pick-01", "B-04-1", "info"),
    Scan("pick-01", "]C10109506000134352␝10B7", "wrong_lot"),
    Scan("pick-01", "WB:C:ACK", "acknowledged"),
    Scan("pick-01", "]C1010950600013435210A1", "accepted"),
    Scan("pick-01", "]E09506000134352", "awaiting_lot"),
    Scan("pick-01", "A1", "order_complete"),
    Say("撤销再扫。 Undo, and again."),
    Scan("pick-01", "WB:C:UNDO", "undone"),
    Scan("pick-01", "]C1010950600013435210A1", "order_complete"),
    Say("货架上只有两件：短拣。 Only two on the shelf: a short pick."),
    Scan("pick-01", "A-02-1", "info"),
    Scan("pick-01", "]E06901234567915", "accepted"),
    Scan("pick-01", "]E06901234567915", "accepted"),
    Scan("pick-01", "WB:C:SHORT", "info"),
    Scan("pick-01", "]E06901234567915", "short_recorded"),
    Scan("pick-01", "WB:C:DONE", "closed"),
    Call("/api/v1/orders/SO-1005/short", r#"{"line": 1, "decision": "ship_short"}"#),
    Say("打包台：先扫快递单号再验货。 The bench: waybill first, then the goods."),
    Scan("bench-01", "75312345678901", "opened"),
    Scan("bench-01", "6901234567892", "accepted"),
    Scan("bench-01", "6901234567892", "line_complete"),
    Scan("bench-01", "9506000134352", "awaiting_lot"),
    Scan("bench-01", "A1", "accepted"),
    Say("装车太早：还差一片刹车片。 Too early at the dock: one set of pads is missing."),
    Scan("dock-01", "75312345678901", "waybill_incomplete"),
    Scan("dock-01", "WB:C:ACK", "acknowledged"),
    Scan("bench-01", "9506000134352", "awaiting_lot"),
    Scan("bench-01", "A1", "order_complete"),
    Scan("bench-02", "]C0SO-1002", "opened"),
    Scan("bench-02", "]C101069012345679392002␝21SN-0001", "wrong_revision"),
    Scan("bench-02", "]C0WB:C:ACK", "acknowledged"),
    Scan("bench-02", "]C101069012345679392003␝21SN-0001", "line_complete"),
    Scan("bench-02", "]E06901234567953", "order_complete"),
    Say("两个箱子的面单贴反了。 Two boxes, their waybills swapped."),
    Scan("bench-01", "75312345678902", "wrong_waybill"),
    Scan("bench-01", "WB:C:ACK", "acknowledged"),
    Scan("bench-01", "75312345678901", "waybill_bound"),
    Scan("bench-02", "]C075312345678902", "waybill_bound"),
    Say("套装：空滤加机滤。 A kit: air and oil filter."),
    Scan("bench-02", "]C0SO-1003", "opened"),
    Scan("bench-02", "]E06901234567892", "accepted"),
    Scan("bench-02", "]E06901234567915", "order_complete"),
    Scan("bench-02", "]C075312345678903", "waybill_bound"),
    Say("SO-1004 刚打开就被 ERP 取消。 SO-1004 is cancelled in the ERP just as it is packed."),
    Scan("bench-01", "SO-1004", "opened"),
    Erp(Cancelled("SO-1004")),
    Asked,
    Scan("bench-01", "6901234567892", "order_cancelled"),
    Scan("bench-01", "WB:C:ACK", "acknowledged"),
    Scan("bench-01", "WB:C:DONE", "closed"),
    Scan("bench-01", "SO-1005", "opened"),
    Scan("bench-01", "A0000903751", "accepted"),
    Scan("bench-01", "A 000 090 37 51", "line_complete"),
    Scan("bench-01", "6901234567892", "order_complete"),
    Scan("bench-01", "75312345678905", "waybill_bound"),
    Say("ERP 断线，扫描照常。 The ERP is down; scanning goes on."),
    Outage(true),
    Say("集包：三个包裹一个袋，一张聚合面单。 Three parcels share a bag and one label."),
    Scan("bag-01", "SO-2001", "opened"),
    Scan("bag-01", "6901234567892", "order_complete"),
    Scan("bag-01", "75312345678911", "waybill_bound"),
    Scan("bag-01", "75312345678911", "bagged"),
    Scan("bag-01", "SO-2002", "opened"),
    Scan("bag-01", "6901234567915", "order_complete"),
    Scan("bag-01", "75312345678912", "waybill_bound"),
    Scan("bag-01", "75312345678912", "bagged"),
    Say("SO-2003 退款一件。 One unit of SO-2003 is refunded."),
    Scan("bag-01", "SO-2003", "opened"),
    Scan("bag-01", "6901234567892", "accepted"),
    Call("/api/v1/orders/SO-2003/cancel", r#"{"lines": [{"line": 1, "quantity": 1}]}"#),
    Scan("bag-01", "75312345678913", "waybill_bound"),
    Scan("bag-01", "75312345678913", "bagged"),
    Say("袋满，面单自动打印。 The bag is full: its label prints by itself."),
    Printed(1),
    Keep("/api/v1/labels/L1.pdf", "L1-version-1.pdf"),
    Keep("/api/v1/labels/L1.png", "L1-version-1.png"),
    Say(
        "断线时 ERP 取消了 SO-2002；恢复后旧面单作废，取出，打印新版。 Cancelled during the outage: void, out, a new version.",
    ),
    Erp(Cancelled("SO-2002")),
    Outage(false),
    Asked,
    Scan("dock-01", "{L1.1.1}", "label_void"),
    Scan("dock-01", "WB:C:ACK", "acknowledged"),
    Scan("bag-01", "WB:C:UNLOAD", "info"),
    Scan("bag-01", "75312345678912", "unloaded"),
    Printed(2),
    Keep("/api/v1/labels/L1.pdf", "L1-version-2.pdf"),
    Keep("/api/v1/labels/L1.png", "L1-version-2.png"),
    Say("打包后改地址：挂起、旧单号作废，主管确认后换新单号。 A new address after packing."),
    Scan("bench-01", "SO-2004", "opened"),
    Scan("bench-01", "6901234567915", "order_complete"),
    Scan("bench-01", "75312345678914", "waybill_bound"),
    Erp(Moved("SO-2004", "浙江省宁波市鄞州区中山东路 8 号")),
    Asked,
    Scan("dock-01", "75312345678914", "order_held"),
    Scan("dock-01", "WB:C:ACK", "acknowledged"),
    Call("/api/v1/orders/SO-2004/confirm-address", r#"{"badge": "{badge}"}"#),
    Scan("dock-01", "75312345678914", "waybill_void"),
    Scan("dock-01", "WB:C:ACK", "acknowledged"),
    Erp(Numbers("75312345678924", "SO-2004")),
    Asked,
    Scan("bench-01", "75312345678924", "waybill_bound"),
    Say(
        "单号三重兜底：直连失败，备用通道给号；恢复后又由直连给。 Waybill numbers: the first channel fails, the second gives one.",
    ),
    Courier("direct", Mood::Fails),
    Erp(Made("SO-3001")),
    Asked,
    Numbered("SO-3001", "agent"),
    Scan("bench-02", "]C0SO-3001", "opened"),
    Scan("bench-02", "]E06901234567892", "order_complete"),
    Scan("bench-02", "]C0{SO-3001}", "waybill_bound"),
    Courier("direct", Mood::Works),
    Erp(Made("SO-3002")),
    Asked,
    Numbered("SO-3002", "direct"),
    Scan("bench-02", "]C0SO-3002", "opened"),
    Scan("bench-02", "]E06901234567915", "order_complete"),
    Scan("bench-02", "]C0{SO-3002}", "waybill_bound"),
    Say("直连太慢，备用先给；迟到的号列为冲突，不覆盖。 A number that comes late is a conflict."),
    Courier("direct", Mood::Slow(Duration::from_millis(1_500))),
    Erp(Made("SO-3003")),
    Asked,
    Numbered("SO-3003", "agent"),
    Late("SO-3003"),
    Scan("bench-02", "]C0SO-3003", "opened"),
    Scan("bench-02", "]E06901234567915", "order_complete"),
    Scan("bench-02", "]C0{SO-3003}", "waybill_bound"),
    Say("全部失败：登记待取号，工位扫入手工单号。 All fail: waybill pending; the number is entered at the station."),
    Courier("direct", Mood::Refuses),
    Courier("agent", Mood::Closes),
    Erp(Made("SO-3004")),
    Asked,
    Pending("SO-3004"),
    Scan("bench-02", "]C0SO-3004", "opened"),
    Scan("bench-02", "]E06901234567892", "order_complete"),
    Scan("bench-02", "]C0SF1234567890123", "waybill_bound"),
    Say("交接清单：装车、交接。 The manifest: loading and hand-over."),
    Scan("dock-01", "M-1", "opened"),
    Scan("dock-01", "75312345678901", "waybill_loaded"),
    Scan("dock-01", "75312345678902", "waybill_loaded"),
    Scan("dock-01", "75312345678903", "waybill_loaded"),
    Scan("dock-01", "75312345678905", "waybill_loaded"),
    Scan("dock-01", "75312345678905", "waybill_already_loaded"),
    Scan("dock-01", "{L1.2.1}", "waybill_loaded"),
    Scan("dock-01", "WB:C:DONE", "wrong_step"),
    Scan("dock-01", "75312345678924", "waybill_loaded"),
    Scan("dock-01", "WB:C:DONE", "closed"),
    Keep("/api/v1/manifests/M-1.pdf", "M-1.pdf"),
    Say("第二家快递。 The other courier's manifest."),
    Scan("dock-01", "M-2", "opened"),
    Scan("dock-01", "{SO-3001}", "waybill_loaded"),
    Scan("dock-01", "{SO-3002}", "waybill_loaded"),
    Scan("dock-01", "{SO-3003}", "waybill_loaded"),
    Scan("dock-01", "SF1234567890123", "waybill_loaded"),
    Scan("dock-01", "WB:C:DONE", "closed"),
    Say("ERP 收到全部事件。 The ERP was told everything."),
];
