//! The measured service, in a process of its own, and clients that keep their connection as PDAs do.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{CHUNK, LINES, Rate, STATIONS, failed};
use crate::cli::Failure;
use crate::ledger::Folder;

/// A service in a process of its own.
pub(super) struct Service {
    child: Child,
    address: SocketAddr,
    folder: Folder,
}

impl Drop for Service {
    fn drop(&mut self) {
        let ended = self.child.kill().and_then(|()| self.child.wait());
        if let Err(error) = ended {
            tracing::warn!(%error, "The measured service could not be ended.");
        }
    }
}

impl Service {
    pub(super) fn start(folder: &Path, devices: &str) -> Result<Service, Failure> {
        std::fs::create_dir_all(folder).map_err(failed)?;
        let mut config = devices.to_owned();
        for station in 0..STATIONS {
            writeln!(config, "[[station]]\nid = \"s{station}\"\nmode = \"bench\"\nlatch = false")
                .map_err(|error| Failure::failed(&error))?;
        }
        let file = folder.join("waybind.toml");
        std::fs::write(&file, config).map_err(failed)?;
        let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).map_err(failed)?;
        let data = Folder::new(&folder.join("data"));
        let program = std::env::current_exe().map_err(failed)?;
        let mut command = Command::new(program);
        command
            .arg("serve")
            .arg("--config")
            .arg(&file)
            .arg("--data")
            .arg(data.path())
            .arg("--listen")
            .arg(address.to_string());
        let child = command.stderr(Stdio::null()).spawn().map_err(failed)?;
        let service = Service { child, address, folder: data };
        service.wait_ready()?;
        Ok(service)
    }

    fn wait_ready(&self) -> Result<(), Failure> {
        let until = Instant::now() + Duration::from_secs(60);
        while Instant::now() < until {
            if let Ok(mut client) = Client::connect(self.address)
                && client.call("GET", "/readyz", "").is_ok_and(|(status, _)| status == 200)
            {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(Failure::Failed("the service did not become ready".into()))
    }

    /// Puts orders on file.
    pub(super) fn seed(&self, orders: usize) -> Result<(), Failure> {
        let mut client = Client::connect(self.address).map_err(failed)?;
        let products: Vec<Value> = (0..500).map(|number| json!({"sku": format!("SKU-{number}"), "name": "part", "barcodes": [{"text": format!("B{number}")}]})).collect();
        client.post("/api/v1/products", &Value::Array(products))?;
        for start in (0..orders).step_by(CHUNK) {
            let chunk: Vec<Value> = (start..orders.min(start + CHUNK)).map(order).collect();
            client.post("/api/v1/orders", &Value::Array(chunk))?;
        }
        Ok(())
    }

    /// An endless order at each station, so that every scan counts.
    pub(super) fn prepare_work(&self) -> Result<(), Failure> {
        let mut client = Client::connect(self.address).map_err(failed)?;
        for station in 0..STATIONS {
            let lines: Vec<Value> = (0..LINES)
                .map(|line| json!({"line": line + 1, "sku": format!("SKU-{line}"), "quantity": 1_000_000}))
                .collect();
            client.post("/api/v1/orders", &json!({"id": format!("ENDLESS-{station}"), "carrier": "ZTO", "consignee": {"name": "x"}, "lines": lines}))?;
            client.scan(station, &format!("ENDLESS-{station}"))?;
        }
        Ok(())
    }

    /// How often and how long the service itself worked on scans, as its metrics say.
    pub(super) fn worked(&self) -> Result<(f64, f64), Failure> {
        let (_, answer) =
            Client::connect(self.address).and_then(|mut client| client.call("GET", "/metrics", "")).map_err(failed)?;
        let text = String::from_utf8_lossy(&answer).into_owned();
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
        let both = value("waybind_scan_seconds_count ").zip(value("waybind_scan_seconds_sum "));
        both.ok_or_else(|| Failure::Failed("the metrics don't say how long scans took".into()))
    }

    /// How many events wait for the first target, and how many it took.
    pub(super) fn target(&self) -> Result<(u64, u64), Failure> {
        let called = Client::connect(self.address).and_then(|mut client| client.call("GET", "/api/v1/targets", ""));
        let (_, answer) = called.map_err(failed)?;
        let answer: Value = serde_json::from_slice(&answer).map_err(|error| Failure::failed(&error))?;
        let target = &answer["targets"][0];
        let both = target["depth"].as_u64().zip(target["delivered"].as_u64());
        both.ok_or_else(|| Failure::Failed("the service does not say how its target is".into()))
    }

    /// How long each scan of one station took.
    pub(super) fn one_station(&self, span: Duration) -> Result<Vec<Duration>, Failure> {
        let mut client = Client::connect(self.address).map_err(failed)?;
        client.scan_for(0, span)
    }

    /// What all stations scan together.
    pub(super) fn all_stations(&self, span: Duration) -> Result<Rate, Failure> {
        let address = self.address;
        let began = Instant::now();
        let work = move |station: usize| -> Result<usize, Failure> {
            let mut client = Client::connect(address).map_err(failed)?;
            Ok(client.scan_for(station, span)?.len())
        };
        let threads: Vec<_> = (0..STATIONS).map(|station| std::thread::spawn(move || work(station))).collect();
        let mut scans = 0;
        for thread in threads {
            scans += thread.join().map_err(|_| Failure::Failed("a client ended badly".into()))??;
        }
        Ok(Rate { done: scans as f64, time: began.elapsed() })
    }

    /// Its ledger.
    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    pub(super) fn client(&self) -> Result<Client, Failure> {
        Client::connect(self.address).map_err(failed)
    }

    pub(super) fn resident_mib(&self) -> Result<f64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).map_err(failed)?;
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
        kib.map(|kib| kib / 1024.0)
            .ok_or_else(|| Failure::Failed("the kernel does not say how much memory is resident".into()))
    }
}

fn order(number: usize) -> Value {
    let lines: Vec<Value> = (0..LINES)
        .map(
            |line| json!({"line": line + 1, "sku": format!("SKU-{}", (number + line * 7) % 500), "quantity": line + 1}),
        )
        .collect();
    json!({"id": format!("SO-{number:07}"), "carrier": "ZTO", "region": "330106", "consignee": {"name": "张三", "phone": format!("138{number:08}"), "address": "浙江省杭州市西湖区文三路 1 号"}, "lines": lines})
}

/// A client that keeps its connection, as PDAs do.
pub(super) struct Client {
    stream: BufReader<TcpStream>,
    scans: usize,
    name: String,
}

impl Client {
    fn connect(address: SocketAddr) -> std::io::Result<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        // not the port: one that comes again would repeat the scan ids of the client before
        let name = crate::service::fresh_scan_id().to_string();
        Ok(Client { stream: BufReader::new(stream), scans: 0, name })
    }

    pub(super) fn call(&mut self, method: &str, path: &str, body: &str) -> std::io::Result<(u16, Vec<u8>)> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let mut length = 0;
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let header = line.trim_end();
            if header.is_empty() {
                break;
            }
            if let Some((_, value)) =
                header.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer)?;
        Ok((status, answer))
    }

    pub(super) fn post(&mut self, path: &str, body: &Value) -> Result<(), Failure> {
        let (status, answer) = self.call("POST", path, &body.to_string()).map_err(failed)?;
        if status == 200 {
            Ok(())
        } else {
            Err(Failure::Failed(format!("{path}: {status} {}", String::from_utf8_lossy(&answer))))
        }
    }

    fn scan(&mut self, station: usize, data: &str) -> Result<bool, Failure> {
        self.scans += 1;
        let body = format!(r#"{{"id":"{}-{}","station":"s{station}","data":"{data}"}}"#, self.name, self.scans);
        let (_, answer) = self.call("POST", "/api/v1/scans", &body).map_err(failed)?;
        Ok(answer.windows(15).any(|window| window == br#""accepted":true"#))
    }

    /// Scans items without a pause; answers how long each took.
    fn scan_for(&mut self, station: usize, span: Duration) -> Result<Vec<Duration>, Failure> {
        let until = Instant::now() + span;
        let mut times = Vec::new();
        while Instant::now() < until {
            let start = Instant::now();
            if !self.scan(station, &format!("B{}", times.len() % LINES))? {
                return Err(Failure::Failed("a scan was refused that must count".into()));
            }
            times.push(start.elapsed());
        }
        Ok(times)
    }
}
