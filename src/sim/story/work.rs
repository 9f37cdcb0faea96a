//! What there is to do in the demo: goods and people as the API takes them, orders and waybills in the words of the ERP.

use serde_json::{Value, json};

use crate::sim::erp::{Erp, waybill};

/// Something that changes in the ERP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// An order of the catalogue is made.
    Made(&'static str),
    /// An order is cancelled.
    Cancelled(&'static str),
    /// An order goes to another address.
    Moved(&'static str, &'static str),
    /// A waybill number is assigned to an order.
    Numbers(&'static str, &'static str),
}

/// Products, people and manifests, as the API takes them, in this order.
#[must_use]
pub fn master_data() -> Vec<(&'static str, Value)> {
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
        ("/api/v1/operators", json!([{"id": "boss", "name": "孙主管", "role": "supervisor"}])),
        ("/api/v1/manifests", json!([{"id": "M-1", "carrier": "ZTO"}, {"id": "M-2", "carrier": "SF"}])),
    ]
}

/// The order of this number as it is made, in the ERP's words.
fn order(number: &str) -> Option<Value> {
    let filter = |num: u32| json!([{"row": 1, "sku_code": "FLT-204", "num": num}]);
    let air = || json!([{"row": 1, "sku_code": "AIR-31", "num": 1}]);
    let (name, details) = match number {
        "SO-1001" => {
            let pads = json!({"row": 2, "sku_code": "PAD-118", "num": 2, "batch": "A1"});
            ("张伟", json!([{"row": 1, "sku_code": "FLT-204", "num": 2}, pads]))
        }
        "SO-1002" => {
            let gift = json!({"row": 2, "sku_code": "CAP-1", "num": 1, "gift_of": 1});
            ("李娜", json!([{"row": 1, "sku_code": "ECU-77", "num": 1, "revision": "03"}, gift]))
        }
        "SO-1003" => ("王芳", json!([{"row": 1, "sku_code": "KIT-AO", "num": 1, "suite": ["AIR-31*1", "FLT-204*1"]}])),
        "SO-1004" => ("赵强", filter(1)),
        "SO-1005" => {
            let air = json!({"row": 1, "sku_code": "AIR-31", "num": 3});
            ("刘洋", json!([air, {"row": 2, "sku_code": "FLT-204", "num": 1}]))
        }
        "SO-2001" => ("陈静", filter(1)),
        "SO-2002" => ("杨帆", air()),
        "SO-2003" => ("周明", filter(2)),
        "SO-2004" => ("吴磊", air()),
        "SO-3001" => ("郑洁", filter(1)),
        "SO-3002" => ("冯涛", air()),
        "SO-3003" => ("蒋悦", air()),
        "SO-3004" => ("沈宁", filter(1)),
        _ => return None,
    };
    let company = if number.starts_with("SO-3") { "顺丰速运" } else { "中通快递" };
    Some(json!({
        "order_no": number, "rev": 1, "status": "待发货", "shop": "旗舰店",
        "logistics": {"company": company, "sort_code": "330-106 12"},
        "receiver": {"name": name, "mobile": "13800001111", "address": "浙江省杭州市西湖区文三路 1 号", "region": "330106"},
        "details": details,
    }))
}

/// What the ERP has when the shift begins. A number comes before its order does: it waits for it.
#[must_use]
pub fn opening() -> Vec<Change> {
    use Change::{Made, Numbers};
    vec![
        Numbers("75312345678901", "SO-1001"),
        Made("SO-1001"),
        Made("SO-1002"),
        Made("SO-1003"),
        Made("SO-1004"),
        Made("SO-1005"),
        Numbers("75312345678902", "SO-1002"),
        Numbers("75312345678903", "SO-1003"),
        Numbers("75312345678905", "SO-1005"),
        Made("SO-2001"),
        Made("SO-2002"),
        Made("SO-2003"),
        Made("SO-2004"),
        Numbers("75312345678911", "SO-2001"),
        Numbers("75312345678912", "SO-2002"),
        Numbers("75312345678913", "SO-2003"),
        Numbers("75312345678914", "SO-2004"),
    ]
}

/// Changes something in the ERP; whether there is what is changed.
#[must_use]
pub fn change(erp: &Erp, change: Change) -> bool {
    match change {
        Change::Made(number) => order(number).map(|order| erp.put_order(order)).is_some(),
        Change::Cancelled(number) => erp.change_order(number, |order| order["status"] = "已关闭".into()),
        Change::Moved(number, to) => erp.change_order(number, |order| order["receiver"]["address"] = to.into()),
        Change::Numbers(number, order) => {
            erp.put_waybill(waybill(number, &[order]));
            true
        }
    }
}
