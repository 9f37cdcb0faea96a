//! The demo's shift at a dealer of truck parts: goods, orders, and what is scanned, with the verdict that must follow.

use serde_json::{Value, json};

/// The stations, each with its scanner.
pub const STATIONS: [(&str, &str); 4] =
    [("pick-01", "pick"), ("bench-01", "bench"), ("bench-02", "bench"), ("dock-01", "load")];

/// Something that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A code is scanned at a station, and this verdict must follow.
    Scan(&'static str, &'static str, &'static str),
    /// Upstream calls the API: path and body.
    Call(&'static str, &'static str),
    /// The narrator says something.
    Say(&'static str),
}

use Step::{Call, Say, Scan};

/// Products, orders, pick lists and waybills, as the API takes them, in this order.
#[must_use]
pub fn work() -> Vec<(&'static str, Value)> {
    let consignee =
        |name: &str| json!({"name": name, "phone": "13800001111", "address": "浙江省杭州市西湖区文三路 1 号"});
    let order = |id: &str, name: &str, lines: Value| json!({"id": id, "carrier": "ZTO", "region": "330106", "consignee": consignee(name), "lines": lines});
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
                order(
                    "SO-1003",
                    "王芳",
                    json!([{"line": 1, "sku": "KIT-AO", "quantity": 1, "components": [{"sku": "AIR-31", "quantity": 1}, {"sku": "FLT-204", "quantity": 1}]}])
                ),
                order("SO-1004", "赵强", json!([{"line": 1, "sku": "FLT-204", "quantity": 1}])),
                order(
                    "SO-1005",
                    "刘洋",
                    json!([{"line": 1, "sku": "AIR-31", "quantity": 3}, {"line": 2, "sku": "FLT-204", "quantity": 1}])
                )
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
                {"number": "75312345678905", "carrier": "ZTO", "orders": ["SO-1005"]}
            ]),
        ),
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
    Say("装车。 Loading."),
    Scan("dock-01", "75312345678901", "waybill_loaded"),
    Scan("dock-01", "75312345678902", "waybill_loaded"),
    Scan("dock-01", "75312345678903", "waybill_loaded"),
    Scan("dock-01", "75312345678905", "waybill_loaded"),
    Scan("dock-01", "75312345678905", "waybill_already_loaded"),
];
