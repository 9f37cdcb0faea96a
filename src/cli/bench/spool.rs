//! Labels while stations scan: 300 a minute go to a simulated printer, and the stations should not notice.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::failed;
use super::service::{Client, Service};
use crate::cli::{Failure, say};
use crate::sim::printer::{SimPrinter, Speech};

/// From one label to the next: 300 a minute.
const PACE: Duration = Duration::from_millis(200);

/// Turns, so that what else the machine does meets both.
const TURNS: usize = 3;

/// How long the last labels may take.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn measure(folder: &Path, span: Duration) -> Result<(), Failure> {
    let sim = SimPrinter::start("127.0.0.1:0", Speech::Zpl).map_err(failed)?;
    let config = format!(
        "language = \"en\"\n[[printer]]\nname = \"P\"\nprofile = \"zpl-203\"\naddress = \"{}\"\n[[station]]\nid = \"print\"\nmode = \"bench\"\nlatch = false\nprint_waybill = true\nprinter = \"P\"\n",
        sim.address
    );
    let service = Service::start(folder, &config)?;
    service.seed(100)?;
    service.prepare_work()?;
    // the press is made with the first label
    pack(&mut service.client()?, 0)?;
    wait(&sim, 1)?;
    let (mut ratios, mut labels, mut printing) = (Vec::new(), 1, Duration::ZERO);
    for _ in 0..TURNS {
        let without = service.all_stations(span)?.a_second();
        let stop = Arc::new(AtomicBool::new(false));
        let (mut client, stopped, first) = (service.client()?, stop.clone(), labels);
        let packer = std::thread::spawn(move || -> Result<usize, Failure> {
            let (mut number, mut due) = (first, Instant::now());
            while !stopped.load(Ordering::Relaxed) {
                pack(&mut client, number)?;
                number += 1;
                due += PACE;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            Ok(number)
        });
        let began = Instant::now();
        let with = service.all_stations(span)?.a_second();
        printing += began.elapsed();
        stop.store(true, Ordering::Relaxed);
        labels = packer.join().map_err(|_| Failure::Failed("the packer ended badly".into()))??;
        wait(&sim, labels)?;
        ratios.push(with / without);
    }
    ratios.sort_by(f64::total_cmp);
    let pace = (labels - 1) as f64 / printing.as_secs_f64() * 60.0;
    say(&format!(
        "{pace:.0} labels a minute while 32 stations scan: {:.2} of their scans without (should be near 1)",
        ratios[TURNS / 2]
    ))
}

/// Packs an order at the station that prints.
fn pack(client: &mut Client, number: usize) -> Result<(), Failure> {
    let order = json!({"id": format!("P-{number}"), "carrier": "ZTO", "consignee": {"name": "Li Lei", "phone": "13800001234", "address": "1 Wensan Road, Hangzhou"},
        "lines": [{"line": 1, "sku": "SKU-1", "quantity": 1}]});
    client.post("/api/v1/orders", &order)?;
    let waybill = json!({"number": format!("PW-{number}"), "carrier": "ZTO", "orders": [format!("P-{number}")]});
    client.post("/api/v1/waybills", &waybill)?;
    for (step, data) in [("open", format!("P-{number}")), ("item", "SKU-1".into()), ("done", "WB:C:DONE".into())] {
        let scan = json!({"id": format!("print-{step}-{number}"), "station": "print", "data": data});
        client.post("/api/v1/scans", &scan)?;
    }
    Ok(())
}

fn wait(sim: &SimPrinter, labels: usize) -> Result<(), Failure> {
    let until = Instant::now() + PATIENCE;
    while sim.count() < labels {
        if Instant::now() > until {
            return Err(Failure::Failed(format!("{} of {labels} labels were printed", sim.count())));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
