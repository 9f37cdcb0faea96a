//! The real program as a process of its own, and a client that speaks to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A completion deadline: far more than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub fn program() -> &'static str {
    env!("CARGO_BIN_EXE_waybind")
}

/// The program without the variables that steer the tests.
pub fn alone() -> Command {
    let mut command = Command::new(program());
    let ours = std::env::vars_os().map(|(name, _)| name).filter(|name| name.to_string_lossy().starts_with("WAYBIND_"));
    for name in ours {
        command.env_remove(name);
    }
    command
}

pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Waits for something that comes about by itself.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "{what} did not come about");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub struct Served {
    pub child: Child,
    pub address: SocketAddr,
    pub data: PathBuf,
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Served {
    pub fn start(folder: &Path, config: &str) -> Served {
        Served::start_with(folder, config, &[])
    }

    pub fn start_with(folder: &Path, config: &str, environment: &[(&str, &str)]) -> Served {
        let served = Served::spawn(folder, config, environment);
        served.wait_answering();
        served
    }

    pub fn spawn(folder: &Path, config: &str, environment: &[(&str, &str)]) -> Served {
        let file = folder.join("waybind.toml");
        std::fs::write(&file, config).unwrap();
        let (address, data) = (free_address(), folder.join("data"));
        let mut command = Command::new(program());
        command
            .arg("serve")
            .arg("--config")
            .arg(&file)
            .arg("--data")
            .arg(&data)
            .arg("--listen")
            .arg(address.to_string());
        command.envs(environment.iter().copied()).env("RUST_LOG", "off").stderr(Stdio::null()).stdout(Stdio::null());
        Served { child: command.spawn().unwrap(), address, data }
    }

    pub fn wait_answering(&self) {
        eventually("an answer of the service", || {
            Client::try_connect(self.address)?.try_call("GET", "/healthz", None).filter(|(status, _)| *status == 200)
        });
    }

    pub fn client(&self) -> Client {
        eventually("a connection", || Client::try_connect(self.address))
    }

    /// Memory that is resident.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches("kB").trim().parse().unwrap()
    }

    pub fn terminate(mut self) -> ExitStatus {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap()
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

pub struct Client {
    stream: BufReader<TcpStream>,
    token: String,
}

pub type Answer = (u16, Value);

impl Client {
    pub fn try_connect(address: SocketAddr) -> Option<Client> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_nodelay(true).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        Some(Client { stream: BufReader::new(stream), token: String::new() })
    }

    /// A client that shows a token with every call.
    pub fn with_token(self, token: &str) -> Client {
        Client { token: format!("authorization: Bearer {token}\r\n"), ..self }
    }

    /// A client that waits this long for an answer.
    pub fn waiting(self, patience: Duration) -> Client {
        self.stream.get_ref().set_read_timeout(Some(patience)).unwrap();
        self
    }

    pub fn try_text(&mut self, method: &str, path: &str, headers: &str, body: &str) -> Option<(u16, String)> {
        self.try_bytes(method, path, headers, body.as_bytes())
    }

    pub fn try_bytes(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> Option<(u16, String)> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\n{headers}{}content-length: {}\r\n\r\n",
            self.token,
            body.len()
        );
        self.stream.get_mut().write_all(&[request.as_bytes(), body].concat()).ok()?;
        let mut line = String::new();
        self.stream.read_line(&mut line).ok()?;
        let status = line.split(' ').nth(1)?.parse().ok()?;
        let mut length = 0;
        loop {
            line.clear();
            self.stream.read_line(&mut line).ok()?;
            if line.trim_end().is_empty() {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer).ok()?;
        Some((status, String::from_utf8_lossy(&answer).into_owned()))
    }

    pub fn text(&mut self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
        self.try_text(method, path, headers, body).expect("an answer")
    }

    pub fn try_call(&mut self, method: &str, path: &str, body: Option<&Value>) -> Option<Answer> {
        let body = body.map(ToString::to_string).unwrap_or_default();
        let (status, text) = self.try_text(method, path, "content-type: application/json\r\n", &body)?;
        Some((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    pub fn get(&mut self, path: &str) -> Value {
        let (status, answer) = self.try_call("GET", path, None).expect("an answer");
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    pub fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.try_call("POST", path, Some(body)).expect("an answer")
    }

    pub fn must(&mut self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.post(path, body);
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    pub fn try_scan(&mut self, id: &str, station: &str, data: &str) -> Option<Answer> {
        self.try_call("POST", "/api/v1/scans", Some(&json!({"id": id, "station": station, "data": data})))
    }

    /// Scans, and answers the verdict's code.
    pub fn scan(&mut self, id: &str, station: &str, data: &str) -> String {
        let (_, answer) = self.try_scan(id, station, data).expect("an answer");
        answer["code"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }
}

/// An order of one line that takes any number of `ITEM`s.
pub fn endless(id: &str) -> Value {
    json!({"id": id, "carrier": "ZTO", "consignee": {"name": "x"}, "lines": [{"line": 1, "sku": "ITEM", "quantity": 1_000_000}]})
}

pub fn verify(data: &Path) -> (bool, Value) {
    let output = Command::new(program()).args(["ledger", "verify", "--json", "--data"]).arg(data).output().unwrap();
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&output.stderr).into_owned()));
    (output.status.success(), report)
}

pub fn assert_clean(data: &Path) {
    let (clean, report) = verify(data);
    assert!(clean, "{report:#}");
}
