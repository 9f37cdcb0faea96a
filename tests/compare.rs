//! Dual run: an export of another system beside what waybind knows.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::Path;
use std::process::Command;

use calamine::{Data, Reader, Xlsx};
use rust_xlsxwriter::Workbook;
use serde_json::{Value, json};
use support::served::{Served, program};

const HEADERS: [&str; 7] = ["订单号", "快递公司", "运单号", "SKU", "数量", "状态", "收货人"];

fn export(folder: &Path, rows: &[[&str; 7]]) -> std::path::PathBuf {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write_row(0, 0, HEADERS).unwrap();
    for (number, row) in (1..).zip(rows) {
        sheet.write_row(number, 0, *row).unwrap();
    }
    let file = folder.join("export.xlsx");
    workbook.save(&file).unwrap();
    file
}

fn compare(folder: &Path, file: &Path, more: &[&str]) -> (Vec<Value>, Option<i32>) {
    let mapping = folder.join("own.toml");
    std::fs::write(&mapping, "[orders.headers]\nstage = [\"状态\"]\n[orders.words.carrier]\n\"中通\" = \"ZTO\"\n")
        .unwrap();
    let output = Command::new(program())
        .arg("compare")
        .arg(file)
        .args(["--json", "--mapping"])
        .arg(&mapping)
        .args(more)
        .arg("--data")
        .arg(folder.join("data"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")));
    assert!(!text.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (lines.collect(), output.status.code())
}

fn warehouse(folder: &Path) -> Served {
    let served = Served::start(folder, "time_zone = \"Asia/Shanghai\"\n");
    let mut client = served.client();
    let order =
        |id: &str, lines: Value| json!({"id": id, "carrier": "ZTO", "consignee": {"name": "张三"}, "lines": lines});
    let lines = json!([{"line": 1, "sku": "A", "quantity": 2}, {"line": 2, "sku": "B", "quantity": 1}]);
    client.must(
        "/api/v1/orders",
        &json!([
            order("SO-1", lines.clone()),
            order("SO-2", lines.clone()),
            order("SO-3", lines.clone()),
            order("SO-4", lines)
        ]),
    );
    client.must(
        "/api/v1/waybills",
        &json!([{"number": "75312345678901", "carrier": "ZTO", "orders": ["SO-1"]},
        {"number": "75312345678902", "carrier": "ZTO", "orders": ["SO-1"]}]),
    );
    client.must("/api/v1/orders/SO-4/cancel", &json!({"lines": null}));
    served
}

#[test]
fn our_own_workbook_is_compared_and_no_folder_is_made_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("work.xlsx");
    let made = Command::new(program()).args(["import", "--template"]).arg(&file).output().unwrap();
    assert!(made.status.success() && String::from_utf8_lossy(&made.stdout).contains("work.xlsx was made"), "{made:?}");
    let call = |data: &Path| {
        let mut command = Command::new(program());
        let called =
            command.args(["compare", "--data"]).arg(data).arg(&file).current_dir(folder.path()).output().unwrap();
        (called.status.code(), String::from_utf8_lossy(&called.stderr).into_owned())
    };
    let (code, told) = call(&folder.path().join("nowhere"));
    assert!(code == Some(1) && told.contains("there is no ledger in"), "{told}");
    assert!(!folder.path().join("nowhere").exists());
    let served = warehouse(folder.path());
    let (code, told) = call(&folder.path().join("data"));
    assert_eq!(code, Some(0), "its sheets of products and operators are no orders: {told}");
    drop(served);
}

#[test]
fn equal_exports_end_with_0_and_differences_with_1() {
    let folder = tempfile::tempdir().unwrap();
    let served = warehouse(folder.path());
    // lines in another order, and a waybill beside each
    let equal = [
        ["SO-1", "中通", "75312345678902", "B", "1", "stock_locked", "张三"],
        ["SO-1", "中通", "75312345678901", "A", "2", "stock_locked", "张三"],
        ["SO-2", "ZTO", "", "A", "2", "", "张三"],
        ["SO-2", "ZTO", "", "B", "1", "", "张三"],
        ["SO-3", "ZTO", "", "A", "2", "", ""],
        ["SO-3", "ZTO", "", "B", "1", "", ""],
    ];
    let (findings, code) = compare(folder.path(), &export(folder.path(), &equal), &[]);
    assert_eq!(code, Some(0), "{findings:#?}");
    assert_eq!(findings[0]["counts"]["there"], 3);

    let different = [
        ["SO-1", "SF", "75312345678901", "A", "2", "packed", "张三"],
        ["SO-1", "SF", "75312345678901", "B", "4", "packed", "张三"],
        ["SO-2", "ZTO", "", "A", "two", "", "张三"],
        ["SO-9", "ZTO", "", "A", "1", "", "张三"],
    ];
    let report = folder.path().join("report.xlsx");
    let file = export(folder.path(), &different);
    let (findings, code) = compare(folder.path(), &file, &["-o", report.to_str().unwrap()]);
    assert_eq!(code, Some(1));
    let told: Vec<String> = findings[..findings.len() - 1]
        .iter()
        .map(|finding| {
            format!(
                "{} {} {} {}|{}",
                finding["id"].as_str().unwrap(),
                finding["finding"].as_str().unwrap(),
                finding["field"].as_str().unwrap(),
                finding["here"].as_str().unwrap(),
                finding["there"].as_str().unwrap()
            )
        })
        .collect();
    for expected in [
        "SO-1 differs carrier ZTO|SF",
        "SO-1 differs stage stock_locked|packed",
        "SO-1 differs waybills 75312345678901 75312345678902|75312345678901",
        "SO-1 differs lines[2].quantity 1|4",
        "SO-3 missing_there  |",
        "SO-9 missing_here  |",
    ] {
        assert!(told.iter().any(|line| line == expected), "{expected} is not among {told:#?}");
    }
    assert!(told.iter().any(|line| line.starts_with("SO-2 unreadable") && line.contains("two")), "{told:#?}");
    assert!(!told.iter().any(|line| line.starts_with("SO-4")), "a cancelled order is rightly not there");
    assert!(!told.iter().any(|line| line.starts_with("SO-2 missing")), "{told:#?}");
    assert!(findings[0].get("rows").is_some());
    let mut workbook: Xlsx<_> = calamine::open_workbook(&report).unwrap();
    let range = workbook.worksheet_range("差异").unwrap();
    assert_eq!(range.height(), told.len() + 1);
    assert_eq!(range.get((0, 4)), Some(&Data::String("waybind".into())));

    let (findings, _) = compare(folder.path(), &file, &["--all"]);
    assert!(findings.iter().any(|finding| finding["id"] == "SO-4" && finding["finding"] == "missing_there"));
    assert!(served.terminate().success());
}
