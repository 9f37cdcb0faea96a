//! The demo's shift at a dealer of truck parts: goods, orders, and what is scanned, with the verdict that must follow.

use serde_json::{Value, json};

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
"#;

/// The stations, each with its scanner.
pub const STATIONS: [&str; 5] = ["pick-01", "bench-01", "bench-02", "bag-01", "dock-01"];

/// Something that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A code is scanned at a station, and this verdict must follow; `{L1.1.2}` is a code of the label L1.
    Scan(&'static str, &'static str, &'static str),
    /// Upstream calls the API: path and body; `{badge}` is the supervisor's.
    Call(&'static str, &'static str),
    /// The ERP can't be reached any more, or can again.
    Outage(bool),
    /// A document of the API is kept in the data folder: path and file.
    Keep(&'static str, &'static str),
    /// The label printer has printed so many labels.
    Printed(usize),
    /// The narrator says something.
    Say(&'static str),
}

use Step::{Call, Keep, Outage, Printed, Say, Scan};

/// Products, orders, pick lists and waybills, as the API takes them, in this order.
#[must_use]
pub fn work() -> Vec<(&'static str, Value)> {
    let consignee =
        |name: &str| json!({"name": name, "phone": "13800001111", "address": "浙江省杭州市西湖区文三路 1 号"});
    let order = |id: &str, name: &str, lines: Value| json!({"id": id, "carrier": "ZTO", "region": "330106", "sort_code": "330-106 12", "consignee": consignee(name), "lines": lines});
    let kit = json!([{"line": 1, "sku": "KIT-AO", "quantity": 1, "components": [{"sku": "AIR-31", "quantity": 1}, {"sku": "FLT-204", "quantity": 1}]}]);
    vec![
        (
            "/api/v1/products",
            json!([
                {"sku": "FLT-204", "name": "机油滤清器 oil filter", "barcodes": [{"text": "6901234567892"}, {"text": "16901234567899", "quantity": 10}]},
                {"sku": "AIR-31", "name": "空气滤清器 air filter", "barcodes": [{"text": "6901234567915"}], "part_numbers": ["A 000 090 37 51"]},
                {"sku": "PAD-118", "name": "刹车片 brake pads", "barcodes": [{"text": "9506000134352"}], "tracking": ["lot"]},
                {"sku": "ECU-77", "name": "控制单元 control unit", "barcodes": [{"text": "6901234567939"}], "tracking": ["serial"]},
                {"sku": "KIT-AO", "name": "空滤+机滤套装 air and oil filter kit"},
                {"sku": "CAP-1", "name": "赠品帽 cap", "barcodes": [{"text": "6901234567953"}]}
            ]),
        ),
        (
            "/api/v1/orders",
            json!([
                order(
                    "SO-1001",
                    "张伟",
                    json!([{"line": 1, "sku": "FLT-204", "quantity": 2}, {"line": 2, "sku": "PAD-118", "quantity": 2, "lot": "A1"}])
                ),
                order(
                    "SO-1002",
                    "李娜",
                    json!([{"line": 1, "sku": "ECU-77", "quantity": 1, "revision": "03"}, {"line": 2, "sku": "CAP-1", "quantity": 1, "gift_of": 1}])
                ),
                order("SO-1003", "王芳", kit),
                order("SO-1004", "赵强", json!([{"line": 1, "sku": "FLT-204", "quantity": 1}])),
                order(
                    "SO-1005",
                    "刘洋",
                    json!([{"line": 1, "sku": "AIR-31", "quantity": 3}, {"line": 2, "sku": "FLT-204", "quantity": 1}])
                ),
                order("SO-2001", "陈静", json!([{"line": 1, "sku": "FLT-204", "quantity": 1}])),
                order("SO-2002", "杨帆", json!([{"line": 1, "sku": "AIR-31", "quantity": 1}])),
                order("SO-2003", "周明", json!([{"line": 1, "sku": "FLT-204", "quantity": 2}])),
                order("SO-2004", "吴磊", json!([{"line": 1, "sku": "AIR-31", "quantity": 1}]))
            ]),
        ),
        (
            "/api/v1/pick-lists",
            json!([{"id": "PL-7", "lines": [
                {"order": "SO-1001", "line": 1, "quantity": 2, "location": "A-01-2", "slot": "1"},
                {"order": "SO-1001", "line": 2, "quantity": 2, "location": "B-04-1", "slot": "1"},
                {"order": "SO-1005", "line": 1, "quantity": 3, "location": "A-02-1", "slot": "2"},
                {"order": "SO-1005", "line": 2, "quantity": 1, "location": "A-01-2", "slot": "2"}
            ]}]),
        ),
        (
            "/api/v1/waybills",
            json!([
                {"number": "75312345678901", "carrier": "ZTO", "orders": ["SO-1001"]},
                {"number": "75312345678902", "carrier": "ZTO", "orders": ["SO-1002"]},
                {"number": "75312345678903", "carrier": "ZTO", "orders": ["SO-1003"]},
                {"number": "75312345678905", "carrier": "ZTO", "orders": ["SO-1005"]},
                {"number": "75312345678911", "carrier": "ZTO", "orders": ["SO-2001"]},
                {"number": "75312345678912", "carrier": "ZTO", "orders": ["SO-2002"]},
                {"number": "75312345678913", "carrier": "ZTO", "orders": ["SO-2003"]},
                {"number": "75312345678914", "carrier": "ZTO", "orders": ["SO-2004"]}
            ]),
        ),
        ("/api/v1/operators", json!([{"id": "boss", "name": "孙主管", "role": "supervisor"}])),
        ("/api/v1/manifests", json!([{"id": "M-1", "carrier": "ZTO"}])),
    ]
}

/// The shift.
pub const SHIFT: &[Step] = &[
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
    Say("SO-1004 在打包前被取消。 SO-1004 is cancelled before it is packed."),
    Scan("bench-01", "SO-1004", "opened"),
    Call("/api/v1/orders/SO-1004/cancel", "{}"),
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
    Say("打印后 SO-2002 被取消：旧面单作废，取出，打印新版。 Cancelled after printing: void, out, a new version."),
    Call("/api/v1/orders/SO-2002/cancel", "{}"),
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
    Call(
        "/api/v1/orders/SO-2004/address",
        r#"{"name": "吴磊", "phone": "13800001111", "address": "浙江省宁波市鄞州区中山东路 8 号"}"#,
    ),
    Scan("dock-01", "75312345678914", "order_held"),
    Scan("dock-01", "WB:C:ACK", "acknowledged"),
    Call("/api/v1/orders/SO-2004/confirm-address", r#"{"badge": "{badge}"}"#),
    Scan("dock-01", "75312345678914", "waybill_void"),
    Scan("dock-01", "WB:C:ACK", "acknowledged"),
    Call("/api/v1/waybills", r#"{"number": "75312345678924", "carrier": "ZTO", "orders": ["SO-2004"]}"#),
    Scan("bench-01", "75312345678924", "waybill_bound"),
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
    Say("ERP 恢复：补发全部事件。 The ERP is back, and is told everything."),
    Outage(false),
];
