//! `import` of workbooks and text tables by the real program: what is taken, and each way in which such files are bad.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use encoding_rs::GB18030;
use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook, Worksheet};
use serde_json::{Value, json};
use support::served::{Served, assert_clean, program};

const HEADERS: [&str; 8] = ["订单号", "承运商", "收货人", "电话", "行号", "SKU", "数量", "批号"];

fn import(files: &[&Path], data: &Path, more: &[&str]) -> Output {
    Command::new(program()).arg("import").args(files).args(more).arg("--data").arg(data).output().unwrap()
}

/// A folder for one test.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let file = self.0.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        file
    }

    fn workbook(&self, name: &str, fill: impl FnOnce(&mut Workbook)) -> PathBuf {
        let mut workbook = Workbook::new();
        fill(&mut workbook);
        self.write(name, &workbook.save_to_buffer().unwrap())
    }

    /// A workbook with one sheet of orders.
    fn orders(&self, name: &str, fill: impl FnOnce(&mut Worksheet)) -> PathBuf {
        self.workbook(name, |workbook| {
            let sheet = workbook.add_worksheet();
            sheet.set_name("订单").unwrap().write_row(0, 0, HEADERS).unwrap();
            fill(sheet);
        })
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    /// What an import says, and its exit code.
    fn import(&self, file: &Path) -> (String, Option<i32>) {
        self.import_with(file, &[])
    }

    fn import_with(&self, file: &Path, more: &[&str]) -> (String, Option<i32>) {
        let output = import(&[file], &self.data(), more);
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (text, output.status.code())
    }

    /// What the data folder holds of an order.
    fn order(&self, id: &str) -> Value {
        let served = self.serve();
        let order = served.client().get(&format!("/api/v1/orders/{id}"));
        assert!(served.terminate().success());
        order
    }

    fn serve(&self) -> Served {
        Served::start(self.0.path(), "time_zone = \"Asia/Shanghai\"\n")
    }
}

fn has_line(text: &str, parts: &[&str]) -> bool {
    text.lines().any(|line| parts.iter().all(|part| line.contains(part)))
}

#[track_caller]
fn assert_line(text: &str, parts: &[&str]) {
    assert!(has_line(text, parts), "no line with {parts:?} in\n{text}");
}

const CSV: &str = "订单号,承运商,收货人,电话,行号,SKU,数量,批号,ext.店铺\n\
                   SO-1,ZTO,张三,013800000000,1,FLT-204,2,A1,旗舰店\n\
                   SO-2,ZTO,李四,,1,BRK-77,1,,\n\
                   SO-1,ZTO,张三,013800000000,2,BRK-77,3.0,,旗舰店\n";

#[test]
fn rows_of_one_order_number_become_one_order() {
    let folder = Folder::new();
    let file = folder.write("orders.csv", CSV.as_bytes());
    let (text, code) = folder.import(&file);
    assert_eq!(code, Some(0), "{text}");
    assert_line(&text, &["orders SO-1 created", "orders.csv", "rows 2, 4)"]);
    assert_line(&text, &["orders SO-2 created", "row 3)"]);
    let order = folder.order("SO-1");
    assert_eq!(order["lines"].as_array().unwrap().len(), 2, "{order}");
    assert_eq!((&order["consignee"]["phone"], &order["ext"]["店铺"]), (&json!("013800000000"), &json!("旗舰店")));
    assert_eq!((&order["lines"][0]["lot"], &order["lines"][1]["demanded"]), (&json!("A1"), &json!(3)));
    assert_clean(&folder.data());
}

#[test]
fn every_encoding_and_delimiter_says_the_same() {
    let folder = Folder::new();
    let first = folder.import(&folder.write("utf8.csv", CSV.as_bytes()));
    assert_eq!(first.1, Some(0), "{}", first.0);
    let variants = [
        ("bom.csv", format!("\u{feff}{CSV}").into_bytes()),
        ("gb.csv", GB18030.encode(CSV).0.into_owned()),
        ("semicolon.csv", CSV.replace(',', ";").into_bytes()),
        ("tab.tsv", GB18030.encode(&CSV.replace(',', "\t").replace('\n', "\r\n")).0.into_owned()),
    ];
    for (name, bytes) in variants {
        let (text, code) = folder.import(&folder.write(name, &bytes));
        assert_eq!(code, Some(0), "{text}");
        assert_eq!(text.matches("unchanged").count(), 2, "{name}: {text}");
    }
}

#[test]
fn a_workbook_of_all_kinds_goes_through_the_running_service() {
    let folder = Folder::new();
    let served = folder.serve();
    let sheets: [(&str, &[&[&str]]); 7] = [
        ("交接清单", &[&["交接单号", "承运商", "运单号"], &["M-1", "ZTO", "75312345678901"]]),
        ("运单", &[&["运单号", "承运商", "订单号"], &["75312345678901", "ZTO", "SO-1"]]),
        ("拣货单", &[&["拣货单号", "订单号", "行号", "数量", "库位"], &["PL-1", "SO-1", "1", "2", "A-01-3"]]),
        (
            "商品",
            &[
                &["SKU", "商品名称", "条码", "条码数量", "追踪"],
                &["FLT-204", "滤清器", "6901234567892", "", "批号"],
                &["FLT-204", "滤清器", "16901234567899", "10", ""],
            ],
        ),
        ("人员", &[&["工号", "姓名", "角色"], &["li", "李雷", "组长"]]),
        ("Tabelle1", &[&["Order No", "Carrier", "Consignee", "Item", "Qty"], &["SO-1", "ZTO", "张三", "FLT-204", "2"]]),
        ("说明", &[&["请先填写商品"]]),
    ];
    let file = folder.workbook("work.xlsx", |workbook| {
        for (name, rows) in sheets {
            let sheet = workbook.add_worksheet().set_name(name).unwrap();
            for (number, row) in (0..).zip(rows) {
                sheet.write_row(number, 0, row.iter().copied()).unwrap();
            }
        }
    });
    let output = import(&[&file], &served.data, &["--json"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["sheet"], lines[0]["note"].is_string()), (&json!("说明"), true), "{text}");
    let kinds: Vec<&str> = lines[1..].iter().map(|line| line["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["products", "operators", "orders", "pick_lists", "waybills", "manifests"]);
    assert!(lines[1..].iter().all(|line| line["result"] == "created"), "{text}");
    assert_eq!((&lines[1]["rows"], &lines[3]["sheet"]), (&json!([2, 3]), &json!("Tabelle1")));
    let mut client = served.client();
    assert_eq!(client.scan("1", "http-bench", "PL-1"), "opened");
    assert_eq!(client.scan("2", "http-bench", "6901234567892"), "awaiting_lot");
    drop(client);
    assert!(served.terminate().success());
    assert_clean(&folder.data());
}

#[test]
fn the_template_filled_in_is_imported() {
    let folder = Folder::new();
    let template = folder.0.path().join("template.xlsx");
    let make = || Command::new(program()).args(["import", "--template"]).arg(&template).output().unwrap();
    assert_eq!(make().status.code(), Some(0));
    assert_eq!(make().status.code(), Some(1), "a file that is there is not replaced");
    let (text, code) = folder.import(&template);
    let told: Vec<&str> = text.lines().filter(|line| !line.contains("data folder")).collect();
    assert_eq!((told.as_slice(), code), (&["waybind: the files hold nothing that could be taken"][..], Some(0)));

    let mut read = waybind::codec::sheet::Workbook::open(std::fs::read(&template).unwrap()).unwrap();
    let names: Vec<String> = read.sheets().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["商品", "人员", "停发名单", "订单", "拣货单", "运单", "交接清单"]);
    let values = [
        ("SKU", "FLT-204"),
        ("工号", "li"),
        ("停发单号", "RC-1"),
        ("订单号", "SO-1"),
        ("承运商", "ZTO"),
        ("收货人", "张三"),
        ("行号", "1"),
        ("数量", "2"),
        ("拣货单号", "PL-1"),
        ("运单号", "75312345678901"),
        ("交接单号", "M-1"),
        ("发货时间", "2026-11-21 15:00"),
        ("备注", "木箱包装"),
        ("备注须确认", "是"),
    ];
    let filled = folder.workbook("filled.xlsx", |workbook| {
        for name in &names {
            let headers = read.rows(name).unwrap().next().unwrap().unwrap();
            let sheet = workbook.add_worksheet().set_name(name).unwrap();
            for (column, cell) in (0..).zip(&headers.cells) {
                let waybind::intake::Cell::Text(header) = cell else { panic!("{cell:?}") };
                sheet.write(0, column, header).unwrap();
                if let Some((_, value)) = values.iter().find(|(known, _)| known == header) {
                    sheet.write(1, column, *value).unwrap();
                }
            }
        }
    });
    let config = folder.write("zone.toml", b"time_zone = \"Asia/Shanghai\"\n");
    let (text, code) = folder.import_with(&filled, &["--config", config.to_str().unwrap()]);
    assert_eq!((text.matches(" created").count(), code), (7, Some(0)), "{text}");
    let order = folder.order("SO-1");
    assert_eq!(order["notes"][0]["must_confirm"], true, "{order}");
    assert!(order["ship_at"].as_str().unwrap().starts_with("2026-11-21T15:00:00+08:00"), "{order}");
}

#[test]
fn a_bad_row_refuses_its_whole_order_and_nothing_else() {
    let folder = Folder::new();
    let rows = "订单号,承运商,收货人,SKU,数量,最短有效期\n\
                GOOD,ZTO,张三,A,2.0,2027/1/31\n\
                HALF,ZTO,张三,A,2.5,\n\
                HALF,ZTO,张三,B,1,\n\
                TWO,ZTO,张三,A,1,\n\
                TWO,ZTO,李四,B,1,\n\
                ,ZTO,张三,A,1,\n\
                LOST,ZTO,张三,6.90123E+12,1,\n\
                ERR,ZTO,张三,A,#N/A,\n\
                WIDE,ZTO,张三,A,1,,x\n\
                DAY,ZTO,张三,A,1,31/01/2027\n\
                ,,,,,\n\
                CUT,ZTO,张三";
    let (text, code) = folder.import(&folder.write("orders.csv", rows.as_bytes()));
    assert_eq!(code, Some(1), "{text}");
    assert_line(&text, &["orders GOOD created", "row 2"]);
    assert_line(&text, &["orders HALF refused", "row 3", "2.5 is no whole number", "rows 3-4"]);
    assert_line(&text, &["orders TWO refused", "张三 in row 5 and 李四 in row 6"]);
    assert_line(&text, &["orders refused 订单号 is missing", "row 7"]);
    assert_line(&text, &["orders LOST refused", "SKU", "last digits are lost"]);
    assert_line(&text, &["orders ERR refused", "#N/A"]);
    assert_line(&text, &["orders WIDE refused", "7 fields"]);
    assert_line(&text, &["orders DAY refused", "is no date"]);
    assert_line(&text, &["orders CUT refused", "cut off"]);
    assert_eq!(text.matches(" refused ").count(), 8, "{text}");
    assert!(has_line(&text, &["8 object(s) were refused"]));
}

#[test]
fn an_order_whose_lines_may_stand_in_rows_without_its_number_is_not_taken_without_them() {
    let folder = Folder::new();
    let rows = "订单号,承运商,收货人,SKU,数量\nSO-73,ZTO,张三,X,1\n,ZTO,张三,Y,2\n#N/A,,,Z,1\nSO-74,ZTO,李四,X,1\n";
    let (text, code) = folder.import(&folder.write("orders.csv", rows.as_bytes()));
    assert_eq!(code, Some(1), "{text}");
    assert_line(&text, &["orders SO-73 refused", "row 3 behind it has no 订单号", "row 2"]);
    assert_line(&text, &["orders refused 订单号 is missing", "row 3"]);
    assert_line(&text, &["orders SO-74 created", "row 5"]);
}

#[test]
fn cells_that_a_spreadsheet_spoils_are_told() {
    let folder = Folder::new();
    let date = Format::new().set_num_format("yyyy-mm-dd");
    let file = folder.orders("orders.xlsx", |sheet| {
        sheet.write(0, 8, "最短有效期").unwrap().write(0, 9, "收货员").unwrap();
        let mut row = |number: u32, id: &str| {
            sheet.write_row(number, 0, [id, "ZTO", "张三", "", "1", "A", "1"]).unwrap();
        };
        for (number, id) in [(1, "NUMBER"), (2, "DATE"), (3, "LONG"), (5, "FAILED"), (6, "MADE"), (7, "FORMULA")] {
            row(number, id);
        }
        sheet.write(1, 5, 6_901_234_567_892_f64).unwrap().write(1, 6, 2.0).unwrap();
        sheet.write_datetime_with_format(2, 8, ExcelDateTime::from_ymd(2027, 1, 31).unwrap(), &date).unwrap();
        sheet.write(3, 5, 7.531_234_567_890_123e17).unwrap();
        sheet.write_formula(5, 6, Formula::new("NA()").set_result("#N/A")).unwrap();
        sheet.write_datetime_with_format(6, 5, ExcelDateTime::from_ymd(2026, 3, 12).unwrap(), &date).unwrap();
        sheet.write_formula(7, 6, Formula::new("1+2").set_result("3")).unwrap();
    });
    let (text, code) = folder.import(&file);
    assert_eq!(code, Some(1), "{text}");
    assert_line(&text, &["note: column \"收货员\" is not known; the nearest is \"收货", "订单"]);
    assert_line(&text, &["orders NUMBER created", "订单 row 2"]);
    assert_line(&text, &["orders DATE created"]);
    assert_line(&text, &["orders LONG refused", "15 digits", "row 4"]);
    assert_line(&text, &["orders FAILED refused", "#N/A"]);
    assert_line(&text, &["orders MADE refused", "made a date of the code"]);
    assert_line(&text, &["orders FORMULA created"]);
    let served = folder.serve();
    let mut client = served.client();
    assert_eq!(client.get("/api/v1/orders/NUMBER")["lines"][0]["sku"], "6901234567892");
    assert_eq!(client.get("/api/v1/orders/DATE")["lines"][0]["min_expiry"], "2027-01-31");
    assert_eq!(client.get("/api/v1/orders/FORMULA")["lines"][0]["demanded"], 3);
}

#[test]
fn merged_cells_never_shorten_an_order() {
    let folder = Folder::new();
    let plain = Format::new();
    let file = folder.orders("orders.xlsx", |sheet| {
        for (number, id) in [(1, "IDS"), (2, ""), (3, "HEAD"), (4, "HEAD"), (5, "LOT"), (6, "LOT")] {
            sheet.write_row(number, 0, [id, "ZTO", "张三", "", &number.to_string(), "A", "1"]).unwrap();
        }
        sheet.merge_range(1, 0, 2, 0, "IDS", &plain).unwrap();
        sheet.merge_range(3, 2, 4, 2, "王五", &plain).unwrap();
        sheet.merge_range(5, 7, 6, 7, "B7", &plain).unwrap();
    });
    let (text, code) = folder.import(&file);
    assert_eq!(code, Some(1), "{text}");
    assert_line(&text, &["note: cells A2:A3 are merged"]);
    assert_line(&text, &["orders IDS refused", "A2:A3"]);
    assert_line(&text, &["orders refused", "订单号 is missing", "A2:A3", "row 3"]);
    assert_line(&text, &["orders HEAD created", "rows 4-5"]);
    assert_line(&text, &["orders LOT refused", "批号", "H6:H7"]);
}

#[test]
fn an_order_in_two_sheets_is_refused_in_both() {
    let folder = Folder::new();
    let file = folder.workbook("orders.xlsx", |workbook| {
        for name in ["一月", "二月"] {
            let sheet = workbook.add_worksheet().set_name(name).unwrap();
            sheet.write_row(0, 0, HEADERS).unwrap();
            sheet.write_row(1, 0, ["SO-1", "ZTO", "张三", "", "1", "A", "1"]).unwrap();
        }
    });
    let (text, code) = folder.import(&file);
    assert_eq!(code, Some(1), "{text}");
    assert_eq!(
        text.matches("orders SO-1 refused it stands in two sheets: 一月 row 2, 二月 row 2").count(),
        2,
        "{text}"
    );
}

#[test]
fn a_file_that_can_t_be_read_is_named_and_nothing_is_taken() {
    let folder = Folder::new();
    let whole = folder.orders("whole.xlsx", |sheet| {
        for number in 1..2_000 {
            sheet.write_row(number, 0, [&format!("SO-{number}"), "ZTO", "张三", "", "1", "A", "1"]).unwrap();
        }
    });
    let bytes = std::fs::read(&whole).unwrap();
    let head = "订单号,承运商,收货人,SKU,数量\n";
    let gb = GB18030.encode(CSV).0.into_owned();
    let files: [(&str, Vec<u8>, &str); 13] = [
        ("half.xlsx", bytes[..bytes.len() / 2].to_vec(), "damaged or cut off"),
        ("torn.xlsx", [&bytes[..bytes.len() / 3], &bytes[bytes.len() / 2..]].concat(), "damaged or cut off"),
        ("old.xlsx", b"\xd0\xcf\x11\xe0rest".to_vec(), "save it as .xlsx"),
        ("text.xlsx", b"a,b".to_vec(), "no workbook"),
        ("empty.xlsx", Vec::new(), "no workbook"),
        ("old.xls", b"\xd0\xcf\x11\xe0rest".to_vec(), "save it as .xlsx"),
        ("zip.csv", bytes, "name it .xlsx"),
        ("wide.csv", b"\xff\xfea\0".to_vec(), "UTF-16"),
        ("mixed.csv", [head.as_bytes(), b"SO-1,ZTO,\xff,A,1\n"].concat(), "line 2, byte 10"),
        ("latin.csv", b"order,carrier,consignee,sku,qty\nSO-1,ZTO,M\xfcller,A,1\n\xff".to_vec(), "GB18030 (line"),
        ("quote.csv", [head.as_bytes(), b"SO-1,ZTO,\"X,A,1\nSO-2,ZTO,X,A,1\n"].concat(), "not closed"),
        ("missing.csv", "订单号,承运商,SKU,数量\nSO-1,ZTO,A,1\n".into(), "columns are missing: 收货人"),
        ("strange.csv", b"some,other,table\n1,2,3\n".to_vec(), "no row of known headers"),
    ];
    for (name, bytes, expected) in &files {
        let (text, code) = folder.import(&folder.write(name, bytes));
        assert_eq!(code, Some(1), "{name}: {text}");
        assert_line(&text, &[name, expected]);
    }
    for length in (0..gb.len()).step_by(7) {
        let (text, _) = folder.import(&folder.write("cut.csv", &gb[..length]));
        assert!(!text.contains("panicked"), "{length}: {text}");
    }
    let taken = folder.write("taken.csv", format!("{head}NEW-1,ZTO,X,A,1\n").as_bytes());
    let output = import(&[&taken, &folder.0.path().join("torn.xlsx")], &folder.data(), &[]);
    assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(1), true), "{output:?}");
}

#[test]
fn days_count_from_where_the_workbook_says_and_formulas_need_their_value() {
    let folder = Folder::new();
    let date = Format::new().set_num_format("yyyy-mm-dd");
    let file = folder.orders("orders.xlsx", |sheet| {
        sheet.write(0, 8, "最短有效期").unwrap();
        for (number, id) in [(1, "DATE"), (2, "TYPED"), (3, "EMPTY")] {
            sheet.write_row(number, 0, [id, "ZTO", "张三", "", "1", "A", "1"]).unwrap();
        }
        sheet.write_datetime_with_format(1, 8, ExcelDateTime::from_ymd(2027, 1, 31).unwrap(), &date).unwrap();
        sheet.write(2, 8, "46418").unwrap();
        sheet.write_formula(3, 6, Formula::new("1+2").set_result("777")).unwrap();
    });
    let bytes = std::fs::read(&file).unwrap();
    let without_value = with_part(&bytes, "xl/worksheets/sheet1.xml", |out, text| {
        assert!(text.contains("<v>777</v>"), "{text}");
        write!(out, "{}", text.replace("<v>777</v>", "")).unwrap();
    });
    let from_1904 = with_part(&without_value, "xl/workbook.xml", |out, text| {
        assert!(text.contains("<workbookPr "), "{text}");
        write!(out, "{}", text.replace("<workbookPr ", "<workbookPr date1904=\"1\" ")).unwrap();
    });
    let (text, code) = folder.import(&folder.write("mac.xlsx", &from_1904));
    assert_eq!(code, Some(1), "{text}");
    assert_line(&text, &["note: the workbook counts days from 1904"]);
    assert_line(&text, &["orders DATE created"]);
    assert_line(&text, &["orders TYPED refused", "最短有效期 (I3)", "counts them from 1904"]);
    assert_line(&text, &["orders EMPTY refused", "数量 (G4)", "saved without its value"]);
    let served = folder.serve();
    let mut client = served.client();
    // 1,462 days later than it would be by the usual count
    assert_eq!(client.get("/api/v1/orders/DATE")["lines"][0]["min_expiry"], "2031-02-01");
}

/// An order of one line as an object.
fn object(id: &str, quantity: u32) -> Value {
    json!({"id": id, "carrier": "ZTO", "consignee": {"name": "张三"}, "lines": [{"line": 1, "sku": "A", "quantity": quantity}]})
}

#[test]
fn a_bad_object_of_a_json_file_refuses_itself_alone() {
    let folder = Folder::new();
    let with = |id: &str, field: &str, value: Value| {
        let mut object = object(id, 1);
        object[field] = value;
        object
    };
    let objects = [
        object("GOOD-1", 1),
        with("TYPO", "carier", json!("ZTO")),
        json!("a text"),
        with("LINES", "lines", json!([{"line": 1, "sku": "A", "quantity": "two"}])),
        with("NONE", "lines", json!([])),
        with("NUMBER", "id", json!(7)),
        object("GOOD-2", 2),
        object("TWICE", 1),
        object("TWICE", 2),
        object("SAME", 1),
        object("SAME", 1),
    ];
    let lines: Vec<String> = objects.iter().map(Value::to_string).collect();
    let twice = "{\"id\": \"FIELD\", \"carrier\": \"ZTO\", \"carrier\": \"SF\"}";
    let text = format!("\u{feff}{{\"orders\": [\n{},\n{twice}\n]}}", lines.join(",\n"));
    let file = folder.write("orders.json", text.as_bytes());
    let (text, code) = folder.import(&file);
    assert_eq!(code, Some(1), "{text}");
    assert_line(&text, &["orders GOOD-1 created, held: master_data", "orders.json line 2)"]);
    assert_line(&text, &["orders TYPO refused unknown field `carier`, expected one of `id`", "line 3)"]);
    assert_line(&text, &["orders refused it is no object", "line 4)"]);
    assert_line(&text, &["orders LINES refused", "two", "line 5)"]);
    assert_line(&text, &["orders NONE refused", "line 6)"]);
    assert_line(&text, &["orders refused id: the number 7 stands where a text belongs", "line 7)"]);
    assert_line(&text, &["orders GOOD-2 created", "line 8)"]);
    assert_line(&text, &["orders TWICE refused it stands twice in the file and differs", "line 9)"]);
    assert_line(&text, &["orders TWICE refused it stands twice in the file and differs", "line 10)"]);
    assert_line(&text, &["orders SAME created", "line 11)"]);
    assert_line(&text, &["orders SAME unchanged", "line 12)"]);
    assert_line(&text, &["orders refused field `carrier` stands twice", "line 13)"]);
    assert_line(&text, &["8 object(s) were refused"]);

    let (text, code) = folder.import_with(&file, &["--json"]);
    assert_eq!(code, Some(1), "{text}");
    let typo = text.lines().find(|line| line.contains("TYPO")).unwrap();
    let typo: Value = serde_json::from_str(typo).unwrap();
    assert_eq!((&typo["kind"], &typo["result"], &typo["line"]), (&json!("orders"), &json!("refused"), &json!(3)));
    assert_eq!((&typo["id"], typo["file"].as_str()), (&json!("TYPO"), file.to_str()));
    assert_eq!(folder.order("GOOD-2")["lines"][0]["demanded"], 2);
}

#[test]
fn bad_objects_by_the_thousand_and_one_too_large_stop_nothing() {
    let folder = Folder::new();
    let mut objects: Vec<Value> = (0..1_200).map(|number| object(&format!("SO-{number}"), 1)).collect();
    for object in objects.iter_mut().step_by(2) {
        object["colour"] = json!(1);
    }
    objects[1]["notes"] = json!([{"text": "x".repeat(5 * 1024 * 1024)}]);
    let file = folder.write("orders.json", json!({ "orders": objects }).to_string().as_bytes());
    let (text, code) = folder.import(&file);
    assert_eq!(code, Some(1), "{text:.2000}");
    assert_eq!((text.matches(" created").count(), text.matches(" refused ").count()), (599, 601));
    assert_line(&text, &["orders refused a body may have", "line 1)"]);
}

#[test]
fn what_stands_in_several_files_is_never_shortened() {
    let folder = Folder::new();
    let head = "订单号,承运商,收货人,SKU,数量,数据版本\n";
    let rows = |name: &str, rows: &str| folder.write(name, format!("{head}{rows}").as_bytes());
    let one = rows(
        "one.csv",
        "SPLIT,ZTO,张三,A,1,\nSAME,ZTO,张三,A,1,\nNEWER,ZTO,张三,A,1,1\nBAD,ZTO,张三,A,one,\nONE,ZTO,张三,A,1,\n",
    );
    let two = rows("two.csv", "SPLIT,ZTO,张三,B,2,\nSAME,ZTO,张三,A,1,\nNEWER,ZTO,张三,A,3,2\nBAD,ZTO,张三,B,1,\n");
    let three =
        folder.write("three.json", json!({"orders": [object("SPLIT", 5), object("JSON", 1)]}).to_string().as_bytes());
    let output = import(&[&one, &two, &three], &folder.data(), &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    let split = "orders SPLIT refused it stands in several files and differs: ";
    assert_eq!(text.matches(split).count(), 3, "{text}");
    assert_line(
        &text,
        &[split, "one.csv one row 2, ", "two.csv two row 2, ", "three.json line 1; put all of it into one"],
    );
    assert_line(&text, &["orders SAME created", "one.csv"]);
    assert_line(&text, &["orders SAME unchanged", "two.csv"]);
    assert_line(&text, &["orders NEWER created", "one.csv"]);
    assert_line(&text, &["orders NEWER updated", "two.csv"]);
    assert_line(&text, &["orders BAD refused", "one is no whole number", "one.csv"]);
    assert_line(&text, &["orders BAD refused it stands in several files", "two.csv two row 5"]);
    assert_line(&text, &["orders ONE created"]);
    assert_line(&text, &["orders JSON created"]);
    assert_eq!(folder.order("NEWER")["lines"][0]["demanded"], 3);
}

#[test]
fn an_order_that_was_copied_within_a_sheet_is_not_sent_twice_over() {
    let folder = Folder::new();
    let head = "订单号,承运商,收货人,SKU,数量\n";
    let rows = "COPY,ZTO,张三,A,1\nNEXT,ZTO,李四,A,1\nNEXT,ZTO,李四,A,1\nCOPY,ZTO,张三,A,1\nPART,ZTO,王五,A,1\nLAST,ZTO,王五,A,1\nPART,ZTO,王五,B,1\n";
    // two exports, one below the other
    let file = folder.write("orders.csv", format!("{head}{rows}{head}MORE,ZTO,张三,A,1\n").as_bytes());
    let (text, code) = folder.import(&file);
    assert_eq!(code, Some(1), "{text}");
    assert_line(&text, &["orders COPY refused rows 2 and 5 say the same", "rows 2, 5)"]);
    for id in ["NEXT", "PART", "LAST", "MORE"] {
        assert_line(&text, &[&format!("orders {id} created")]);
    }
    assert_eq!(text.matches(" refused ").count(), 1, "{text}");
    assert_eq!(folder.order("NEXT")["lines"].as_array().unwrap().len(), 2);
}

#[test]
fn a_number_with_thousands_separators_is_refused_with_its_cell() {
    let folder = Folder::new();
    let rows = "SKU,商品名称,条码,条码数量\nA,甲,\"6,901,234\",1\nB,乙,\"6901234567892,6901234567893\",1\nC,丙,690,\"1,000\"\n";
    let (text, code) = folder.import(&folder.write("products.csv", rows.as_bytes()));
    assert_eq!(code, Some(1), "{text}");
    assert_line(&text, &["products A refused", "条码 (C2)", "thousands separators"]);
    assert_line(&text, &["products B created"]);
    assert_line(&text, &["products C refused", "条码数量 (D4)", "write 1000"]);
    let formulas = "订单号,承运商,收货人,SKU,数量\n=A1&\"x\",ZTO,张三,A,1\nSO-1\u{200b},ZTO,张三,A,1\n";
    let (text, code) = folder.import(&folder.write("orders.csv", formulas.as_bytes()));
    assert_eq!(code, Some(1), "{text}");
    assert_line(&text, &["orders refused", "订单号 (A2)", "is a formula"]);
    assert_line(&text, &["orders refused", "订单号 (A3)", "invisible character U+200B"]);
}

#[test]
fn headers_are_found_below_a_title_whatever_is_in_it() {
    let folder = Folder::new();
    let table = "订单号;承运商;收货人;SKU;数量\r\nID;ZTO;张三;A;1\r\n";
    let titles =
        ["2026年11月, 一号仓, 订单", "Orders", "SKU", "\"备注\"\r\n\r\n", "a,b,c,d,e,f,g\r\n导出时间,2026-11-22"];
    for (number, title) in titles.iter().enumerate() {
        let text = format!("\u{feff}{title}\r\n{}", table.replace("ID", &format!("T-{number}")));
        let (text, code) = folder.import(&folder.write("titled.csv", text.as_bytes()));
        assert_eq!(code, Some(0), "{title}: {text}");
        assert_line(&text, &[&format!("orders T-{number} created")]);
    }
    // lines that end as they once did on other machines
    let old = format!("导出\r{}", "订单号,承运商,收货人,SKU,数量\rOLD-1,ZTO,张三,A,1\rOLD-2,ZTO,张三,A,1\r");
    let (text, code) = folder.import(&folder.write("old.csv", old.as_bytes()));
    assert_eq!((text.matches(" created").count(), code), (2, Some(0)), "{text}");
    assert_line(&text, &["orders OLD-2 created", "row 4)"]);

    let (text, _) = folder.import(&folder.write("odd.csv", "甲|乙\n1|2\n".as_bytes()));
    assert_line(
        &text,
        &["no row of known headers was found; row 1 begins with \"甲|乙\"", "split at \",\"", "--template"],
    );
    let (text, _) = folder.import(&folder.write("odd.txt", b"\n \n"));
    assert_line(&text, &["odd.txt: it is empty"]);
}

#[test]
fn sheets_that_are_no_tables_are_named_for_what_they_are() {
    let folder = Folder::new();
    let file = folder.workbook("charts.xlsx", |workbook| {
        let sheet = workbook.add_worksheet().set_name("订单").unwrap();
        sheet.write(0, 0, "2026年11月订单").unwrap().write_row(1, 0, HEADERS).unwrap();
        sheet.write_row(2, 0, ["SO-1", "ZTO", "张三", "", "1", "A", "1"]).unwrap();
        let mut chart = rust_xlsxwriter::Chart::new_column();
        chart.add_series().set_values("订单!$G$3:$G$3");
        workbook.add_chartsheet().set_name("图表").unwrap().insert_chart(0, 0, &chart).unwrap();
        workbook.add_worksheet().set_name("藏").unwrap().set_hidden(true);
    });
    let (text, code) = folder.import(&file);
    assert_eq!(code, Some(0), "{text}");
    assert_line(&text, &["note: the sheet is left out: it is a chart", "图表"]);
    assert_line(&text, &["note: the sheet is left out: it is hidden", "藏"]);
    assert_line(&text, &["orders SO-1 created", "订单 row 3)"]);
    let only = folder.workbook("only.xlsx", |workbook| {
        workbook.add_worksheet().set_name("说明").unwrap().write(0, 0, "请看图表").unwrap();
        let mut chart = rust_xlsxwriter::Chart::new_column();
        chart.add_series().set_values("说明!$A$1:$A$1");
        workbook.add_chartsheet().set_name("图表").unwrap().insert_chart(0, 0, &chart).unwrap();
    });
    let (text, code) = folder.import(&only);
    assert_eq!(code, Some(1), "{text}");
    assert_line(
        &text,
        &[
            "only.xlsx",
            "说明: the sheet is left out: no row of known headers was found; row 1 begins with \"请看图表\"",
            "图表: the sheet is left out: it is a chart",
        ],
    );
}

#[test]
fn what_comes_from_a_file_steers_no_terminal() {
    let folder = Folder::new();
    let file =
        folder.write("orders.json", json!({"orders": [object("SO-1\u{1b}[2J\nforged", 1)]}).to_string().as_bytes());
    for more in [&[][..], &["--json"]] {
        let output = import(&[&file], &folder.data(), more);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!((output.status.code(), text.lines().count()), (Some(1), 1), "{text}");
        assert!(text.contains("SO-1\\u001b[2J") && text.contains("forged") && !text.contains('\u{1b}'), "{text:?}");
    }
    let csv =
        folder.write("orders.csv", "订单号,承运商,收货人,SKU,数量,颜色\u{1b}[31m\nSO-1,ZTO,张三,A,1,\n".as_bytes());
    let (text, _) = folder.import(&csv);
    assert!(text.contains("\\u001b[31m") && !text.contains('\u{1b}'), "{text:?}");
}

#[test]
fn stop_lists_come_from_sheets_and_json() {
    let folder = Folder::new();
    let rows = "停发单号,SKU,批号,原因,生效\nRC-1,A,L1,漏液,是\nRC-1,A,\"L2、L3\",,\nRC-2,B,,召回,\nRC-3,C,L1,,\nRC-3,C,,,\nRC-4,A,L9,,\nRC-4,B,L9,,\n";
    let (text, code) = folder.import(&folder.write("recalls.csv", rows.as_bytes()));
    assert_eq!(code, Some(1), "{text}");
    assert_line(&text, &["stop_lists RC-1 created", "rows 2-3)"]);
    assert_line(&text, &["stop_lists RC-2 created"]);
    assert_line(&text, &["stop_lists RC-3 refused some of its rows name a lot and some none"]);
    assert_line(&text, &["stop_lists RC-4 refused", "SKU is A in row 7 and B in row 8"]);
    let lifted =
        json!({"stop_lists": [{"id": "RC-2", "sku": "B", "active": false}, {"id": "RC-5", "sku": "D", "lots": []}]});
    let (text, code) = folder.import(&folder.write("recalls.json", lifted.to_string().as_bytes()));
    assert_eq!(code, Some(1), "{text}");
    assert_line(&text, &["stop_lists RC-2 updated"]);
    assert_line(&text, &["stop_lists RC-5 refused lots is empty; leave it out"]);
    let served = folder.serve();
    let mut client = served.client();
    let known = client.get("/api/v1/stop-lists")["stop_lists"].clone();
    assert_eq!(known.as_array().unwrap().len(), 2, "{known}");
    let first = client.get("/api/v1/stop-lists/RC-1");
    assert_eq!(
        (&first["lots"], &first["reason"], &first["active"]),
        (&json!(["L1", "L2", "L3"]), &json!("漏液"), &json!(true))
    );
    assert_eq!(client.get("/api/v1/stop-lists/RC-2")["active"], false);
    assert!(served.terminate().success());
    assert_clean(&folder.data());
}

#[test]
fn a_warehouse_has_its_own_names() {
    let folder = Folder::new();
    let file = folder.write("a.csv", "参考号,承运商,收货人,SKU,数量,状态\nSO-1,中通快递,张三,A,1,已配货\n".as_bytes());
    let mapping = folder.write(
        "names.toml",
        "[orders.headers]\nid = [\"参考号\"]\n[orders.words.stage]\n\"已配货\" = \"stock_locked\"\n\
         [orders.words.carrier]\n\"中通快递\" = \"ZTO\"\n"
            .as_bytes(),
    );
    assert_eq!(folder.import(&file).1, Some(1));
    let (text, code) = folder.import_with(&file, &["--mapping", mapping.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{text}");
    assert_line(&text, &["orders SO-1 created"]);
    assert_eq!(folder.order("SO-1")["carrier"], "ZTO");
    let wrong = folder.write("wrong.toml", b"[orders.headers]\nidd = [\"x\"]\n");
    let (text, code) = folder.import_with(&file, &["--mapping", wrong.to_str().unwrap()]);
    assert_eq!(code, Some(2), "{text}");
    assert_line(&text, &["idd", "the nearest is \"id\""]);
}

#[test]
fn twenty_thousand_rows_are_taken() {
    let folder = Folder::new();
    let file = folder.workbook("orders.xlsx", |workbook| {
        let sheet = workbook.add_worksheet().set_name("订单").unwrap();
        sheet.write_row(0, 0, HEADERS).unwrap();
        for number in 0..20_000_u32 {
            let id = format!("SO-{}", number / 5);
            sheet.write_row(number + 1, 0, [id.as_str(), "ZTO", "张三", "13800000000"]).unwrap();
            sheet.write(number + 1, 4, number % 5 + 1).unwrap().write(number + 1, 5, "FLT-204").unwrap();
            sheet.write(number + 1, 6, 2).unwrap();
        }
    });
    let (text, code) = folder.import(&file);
    assert_eq!((text.matches(" created").count(), code), (4_000, Some(0)));
    assert_eq!(folder.order("SO-3999")["lines"].as_array().unwrap().len(), 5);
}

/// A workbook with one of its parts replaced.
fn with_part(workbook: &[u8], name: &str, fill: impl Fn(&mut dyn std::io::Write, &str)) -> Vec<u8> {
    use std::io::{Cursor, Read, Write};
    let mut from = zip::ZipArchive::new(Cursor::new(workbook)).unwrap();
    let mut to = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().large_file(true);
    for index in 0..from.len() {
        let mut part = from.by_index(index).unwrap();
        let mut text = String::new();
        part.read_to_string(&mut text).unwrap();
        let here = part.name().unwrap().into_owned();
        to.start_file(&here, options).unwrap();
        if here == name { fill(&mut to, &text) } else { to.write_all(text.as_bytes()).unwrap() }
    }
    to.finish().unwrap().into_inner()
}

#[test]
fn a_workbook_that_would_eat_the_memory_is_refused() {
    let folder = Folder::new();
    let file = folder.orders("good.xlsx", |sheet| {
        sheet.write_row(1, 0, ["SO-1", "ZTO", "张三", "", "1", "FLT-204", "2", ""]).unwrap();
    });
    let good = std::fs::read(&file).unwrap();
    let (text, code) = folder.import(&file);
    assert_eq!(code, Some(0), "{text}");

    let zeros = vec![b' '; 1024 * 1024];
    let bomb = with_part(&good, "xl/sharedStrings.xml", |out, text| {
        out.write_all(text.as_bytes()).unwrap();
        (0..200).for_each(|_| out.write_all(&zeros).unwrap());
    });
    assert!(bomb.len() < 1024 * 1024, "it is small as long as nobody opens it");
    let lie = with_part(&good, "xl/sharedStrings.xml", |out, text| {
        let (before, after) = text.split_once("uniqueCount=\"").unwrap();
        let after = after.split_once('"').unwrap().1;
        write!(out, "{before}uniqueCount=\"900000000000\"{after}").unwrap();
    });
    let backwards = with_part(&good, "xl/worksheets/sheet1.xml", |out, text| {
        let after = text.split_once("<dimension").unwrap().1.split_once("/>").unwrap().1;
        write!(out, "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><dimension ref=\"H9:A1\"/>{after}").unwrap();
    });
    for (name, bytes, word) in
        [("bomb.xlsx", bomb, "larger than"), ("lie.xlsx", lie, "larger than"), ("backwards.xlsx", backwards, "")]
    {
        let (text, code) = folder.import(&folder.write(name, &bytes));
        assert!(matches!(code, Some(0 | 1)) && text.contains(word), "{name}: {code:?} {text}");
    }
}
