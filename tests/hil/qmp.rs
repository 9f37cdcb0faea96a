//! QEMU's machine protocol: one JSON object a line, over a unix socket.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

/// An answer takes milliseconds; without one QEMU hangs.
const ANSWER: Duration = Duration::from_secs(60);

/// A connection to a running QEMU.
pub struct Qmp {
    stream: BufReader<UnixStream>,
}

impl Qmp {
    /// Connects; none while QEMU does not listen yet.
    pub fn connect(path: &Path) -> Option<Qmp> {
        let stream = UnixStream::connect(path).ok()?;
        stream.set_read_timeout(Some(ANSWER)).unwrap();
        let mut qmp = Qmp { stream: BufReader::new(stream) };
        qmp.stream.read_line(&mut String::new()).unwrap();
        qmp.must("qmp_capabilities", json!({}));
        Some(qmp)
    }

    /// Gives a command; what happens meanwhile is passed over.
    pub fn call(&mut self, command: &str, arguments: Value) -> Result<Value, Value> {
        let request = json!({"execute": command, "arguments": arguments});
        writeln!(self.stream.get_mut(), "{request}").unwrap();
        loop {
            let mut line = String::new();
            assert!(self.stream.read_line(&mut line).unwrap() > 0, "QEMU is gone");
            let mut answer: Value = serde_json::from_str(&line).unwrap();
            if answer["event"].is_null() {
                return match answer["error"].take() {
                    Value::Null => Ok(answer["return"].take()),
                    error => Err(error),
                };
            }
        }
    }

    /// Gives a command that can't be refused.
    pub fn must(&mut self, command: &str, arguments: Value) -> Value {
        self.call(command, arguments).unwrap_or_else(|error| panic!("{command}: {error}"))
    }
}
