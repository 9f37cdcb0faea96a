//! Orders a second that `import` takes from a text table and a workbook, as a ratio to the same orders from JSON in the
//! same run. What the service does with them is the same in all three; the difference is the reading.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Orders of a run, if the environment does not say otherwise.
const ORDERS: u32 = 20_000;
const LINES: u32 = 5;
/// Runs of each format in turns; the best counts.
const RUNS: usize = 3;

const HEADERS: [&str; 8] = ["订单号", "承运商", "收货人", "电话", "地址", "行号", "SKU", "数量"];

fn row(order: u32, line: u32) -> [String; 8] {
    let (phone, sku) = (format!("138{order:08}"), format!("SKU-{}", (order * LINES + line) % 500));
    let id = format!("SO-{order}");
    [id, "ZTO".into(), format!("收货人{order}"), phone, "文三路 1 号".into(), line.to_string(), sku, "2".into()]
}

fn object(order: u32) -> Value {
    let lines: Vec<Value> =
        (1..=LINES).map(|line| json!({"line": line, "sku": row(order, line)[6], "quantity": 2})).collect();
    let [id, carrier, name, phone, address, ..] = row(order, 1);
    let consignee = json!({"name": name, "phone": phone, "address": address});
    json!({"id": id, "carrier": carrier, "consignee": consignee, "lines": lines})
}

fn write_files(folder: &Path, orders: u32) {
    let objects: Vec<Value> = (0..orders).map(object).collect();
    std::fs::write(folder.join("orders.json"), json!({ "orders": objects }).to_string()).unwrap();
    let mut text = HEADERS.join(",");
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write_row(0, 0, HEADERS).unwrap();
    for order in 0..orders {
        for line in 1..=LINES {
            let cells = row(order, line);
            text += "\n";
            text += &cells.join(",");
            sheet.write_row(order * LINES + line, 0, cells).unwrap();
        }
    }
    std::fs::write(folder.join("orders.csv"), text + "\n").unwrap();
    workbook.save(folder.join("orders.xlsx")).unwrap();
}

fn timed(folder: &Path, file: &str) -> Duration {
    let data = folder.join("data");
    let mut command = Command::new(env!("CARGO_BIN_EXE_waybind"));
    command.arg("import").arg(folder.join(file)).arg("--data").arg(&data).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    assert!(command.status().unwrap().success());
    let took = start.elapsed();
    std::fs::remove_dir_all(&data).unwrap();
    took
}

fn main() {
    let orders = std::env::var("WAYBIND_BENCH_ORDERS").map_or(ORDERS, |orders| orders.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    write_files(folder.path(), orders);
    let mut best = [("orders.json", Duration::MAX), ("orders.csv", Duration::MAX), ("orders.xlsx", Duration::MAX)];
    for _ in 0..RUNS {
        for (file, least) in &mut best {
            *least = timed(folder.path(), file).min(*least);
        }
    }
    let json = best[0].1.as_secs_f64();
    for (file, took) in best {
        let took = took.as_secs_f64();
        println!(
            "import of {orders} orders with {LINES} lines from {file}: {:.0} orders/s; time to that of JSON {:.2}",
            f64::from(orders) / took,
            took / json
        );
    }
}
