//! The guest: a small PC in QEMU with a USB controller, two serial scanners plugged in and a disk that outlives it,
//! and what can be done to it from outside.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::initramfs;
use super::packages::Packages;
use super::qmp::Qmp;
use super::served::{Client, PATIENCE, free_address, program};

/// A start takes six seconds on an idle machine, a minute on a very busy one.
const START: Duration = Duration::from_secs(180);

/// QEMU takes a connection before anyone in the guest listens, and the first answer then never comes.
const FIRST_ANSWER: Duration = Duration::from_millis(300);

/// The guest's disk: the ledger of one run and the file system's journal.
const DISK: u64 = 64 * 1024 * 1024;

/// What the API asks for, as the test comes from outside the guest.
const TOKEN: &str = "a token for one run";

/// A rule of an administrator, as the shipped file shows it: QEMU's keyboard is the scanner that types here.
const LOCAL_RULES: &str =
    "SUBSYSTEM==\"input\", ATTRS{idVendor}==\"0627\", ATTRS{idProduct}==\"0001\", ENV{WAYBIND_SCANNER}=\"1\"\n";

/// A serial scanner of QEMU: an FTDI chip whose other end is a socket here.
#[derive(Clone, Copy)]
pub struct Ftdi {
    /// Its name in the configuration and in QEMU.
    pub name: &'static str,
    /// What its USB descriptor says.
    pub serial: &'static str,
}

/// Two of one model, told apart by their serial numbers alone.
pub const FTDI: [Ftdi; 2] = [Ftdi { name: "ftdi-1", serial: "SCN001" }, Ftdi { name: "ftdi-2", serial: "SCN002" }];

/// A scanner that types: a USB keyboard of QEMU.
#[derive(Clone, Copy)]
pub struct Keyboard {
    /// Its name in the configuration and in QEMU.
    pub name: &'static str,
    /// What its USB descriptor says.
    pub serial: &'static str,
    /// Where it is used.
    pub station: &'static str,
    /// The screen to which QEMU binds it, so that each can be typed on by itself.
    screen: &'static str,
    port: u8,
}

/// Two of them.
pub const WEDGES: [Keyboard; 2] = [
    Keyboard { name: "wedge-1", serial: "KBD001", station: "b4", screen: "screen-1", port: 3 },
    Keyboard { name: "wedge-2", serial: "KBD002", station: "b5", screen: "screen-2", port: 4 },
];

/// A USB keyboard hands over one event in 8 ms out of sixteen that it keeps, and drops the rest without a word.
const KEY_PACE: Duration = Duration::from_millis(12);

/// What a guest is started from, time and again with the same disk.
pub struct Machine {
    packages: Packages,
    folder: PathBuf,
}

impl Machine {
    /// Builds the guest's files; `config` is waybind's configuration without address, folder and token.
    pub fn build(packages: Packages, config: &str) -> Machine {
        let folder = packages.run_folder();
        let machine = Machine { packages, folder };
        let waybind = machine.folder.join("waybind");
        // a debug build is mostly debug information and symbols, which would fill the guest's memory
        let stripped = Command::new("strip").arg("--strip-all").arg("-o").arg(&waybind).arg(program()).status();
        assert!(stripped.unwrap().success(), "{} can't be stripped", program());
        let token = data_encoding::HEXLOWER.encode(&Sha256::digest(TOKEN));
        let config = format!(
            "listen = \"0.0.0.0:8080\"\ndata = \"/data/waybind\"\ntime_zone = \"Asia/Shanghai\"\n{config}\n[[token]]\nname = \"test\"\nsha256 = \"{token}\"\n"
        );
        let extras = [
            ("etc/waybind.toml", config.as_str()),
            ("lib/udev/rules.d/69-waybind-local.rules", LOCAL_RULES),
            ("lib/udev/rules.d/70-waybind.rules", include_str!("../../fixtures/udev/70-waybind.rules")),
        ];
        fs::write(machine.file("initramfs"), initramfs::pack(&machine.packages, &waybind, &extras)).unwrap();
        File::create(machine.file("disk")).unwrap().set_len(DISK).unwrap();
        let formatted =
            Command::new("/sbin/mke2fs").args(["-q", "-t", "ext4", "-F"]).arg(machine.file("disk")).status();
        assert!(formatted.unwrap().success(), "the guest's disk can't be formatted");
        machine
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// What the guest's kernel and waybind said since its last start.
    pub fn console(&self) -> String {
        fs::read(self.file("console")).map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
    }

    /// Switches a guest on and waits until waybind answers in it.
    pub fn start(&self) -> Guest {
        let begun = Instant::now();
        let (pages, shell) = (free_address(), free_address());
        let mut command = self.packages.qemu();
        self.hardware(&mut command, pages, shell);
        let qemu = command.stdin(Stdio::null()).current_dir(&self.folder).spawn().unwrap();
        let mut running = Running(qemu);
        let qmp = until("QEMU", START, || Qmp::connect(&self.file("qmp")));
        until("waybind in the guest", START, || {
            assert!(running.0.try_wait().unwrap().is_none(), "QEMU ended: {}", self.console());
            healthy(pages)
        });
        let shell = Shell::connect(shell);
        Guest { running, qmp, pages, shell, folder: self.folder.clone(), started_in: begun.elapsed() }
    }

    fn hardware(&self, command: &mut Command, pages: SocketAddr, shell: SocketAddr) {
        command.args(["-M", "pc", "-cpu", "max", "-accel", "tcg", "-m", "512"]);
        command.args(["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"]);
        command.arg("-kernel").arg(self.packages.kernel()).args(["-initrd", "initramfs"]);
        command.args(["-append", "console=ttyS0 quiet panic=-1 mitigations=off nokaslr"]);
        command.args(["-chardev", "file,id=console,path=console", "-serial", "chardev:console"]);
        command.args(["-qmp", "unix:qmp,server=on,wait=off"]);
        command.arg("-netdev");
        command.arg(format!("user,id=net,restrict=on,hostfwd=tcp:{pages}-:8080,hostfwd=tcp:{shell}-:9090"));
        command.args(["-device", "virtio-net-pci,netdev=net,romfile="]);
        command.args(["-drive", "file=disk,format=raw,if=none,id=disk,cache=writeback"]);
        command.args(["-device", "virtio-blk-pci,drive=disk", "-device", "qemu-xhci,id=usb"]);
        command.args(["-device", "VGA,id=screen-1", "-device", "secondary-vga,id=screen-2"]);
        for Keyboard { name, serial, screen, port, .. } in WEDGES {
            command.arg("-device");
            command.arg(format!("usb-kbd,bus=usb.0,port={port},id={name},serial={serial},display={screen}"));
        }
        for (Ftdi { name, serial }, port) in FTDI.into_iter().zip(1..) {
            command.arg("-chardev").arg(format!("socket,id={name}-line,path={name},server=on,wait=off"));
            command.arg("-device").arg(format!(
                "usb-serial,bus=usb.0,port={port},id={name},chardev={name}-line,serial={serial},always-plugged=on"
            ));
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// QEMU's process, which ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A running guest.
pub struct Guest {
    running: Running,
    qmp: Qmp,
    pages: SocketAddr,
    shell: Shell,
    folder: PathBuf,
    /// How long it took until waybind answered.
    pub started_in: Duration,
}

impl Guest {
    /// Waits until waybind answers, as after it was killed.
    pub fn wait_healthy(&self) {
        until("waybind in the guest", START, || healthy(self.pages));
    }

    /// A client of waybind's API.
    pub fn client(&self) -> Client {
        until("a connection", PATIENCE, || Client::try_connect(self.pages)).with_token(TOKEN)
    }

    /// Runs shell commands as root; answers what they said. They must succeed.
    pub fn shell(&mut self, commands: &str) -> String {
        self.shell.run(commands)
    }

    /// The far end of a serial scanner's line: what is written here the scanner sends.
    pub fn line(&self, scanner: Ftdi) -> Line {
        let stream = UnixStream::connect(self.folder.join(scanner.name)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Line(stream)
    }

    /// Pulls a scanner out.
    pub fn unplug(&mut self, name: &str) {
        self.qmp.must("device_del", json!({"id": name}));
    }

    /// Plugs a scanner in, in a socket of the controller.
    pub fn plug(&mut self, Ftdi { name, serial }: Ftdi, port: u8) {
        let device = json!({"driver": "usb-serial", "bus": "usb.0", "port": port.to_string(), "id": name,
            "chardev": format!("{name}-line"), "serial": serial, "always-plugged": true});
        self.add(&device);
    }

    /// Plugs a scanner that types into its socket.
    pub fn plug_keyboard(&mut self, Keyboard { name, serial, screen, port, .. }: Keyboard) {
        self.add(&json!({"driver": "usb-kbd", "bus": "usb.0", "port": port.to_string(), "id": name,
            "serial": serial, "display": screen}));
    }

    /// Adds a device to QEMU; its old self goes in its own time, so this is tried again.
    fn add(&mut self, device: &Value) {
        let mut refused = Value::Null;
        let plugged =
            wait(PATIENCE, || self.qmp.call("device_add", device.clone()).map_err(|error| refused = error).ok());
        assert!(plugged.is_some(), "{device} can't be plugged in: {refused}");
    }

    /// Types on a wedge, or on the PC's own keyboard.
    pub fn type_on(&mut self, keyboard: Option<Keyboard>, text: &str) {
        for character in text.chars() {
            let (key, shifted) = key(character);
            let strokes = [("shift", true), (key, true), (key, false), ("shift", false)];
            for (key, down) in strokes.into_iter().filter(|(key, _)| shifted || *key != "shift") {
                let press = json!({"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": key}}});
                let mut arguments = json!({"events": [press]});
                if let Some(Keyboard { screen, .. }) = keyboard {
                    arguments["device"] = screen.into();
                    arguments["head"] = 0.into();
                }
                self.qmp.must("input-send-event", arguments);
                std::thread::sleep(KEY_PACE);
            }
        }
    }

    /// Waits until waybind knows that a scanner is there, or gone; answers how long that took.
    pub fn wait_connected(&self, name: &str, connected: bool, limit: Duration) -> Duration {
        let begun = Instant::now();
        let mut client = self.client();
        until(&format!("{name}: connected = {connected}"), limit, || {
            let devices = client.get("/api/v1/devices");
            let device = devices["devices"].as_array()?.iter().find(|device| device["name"] == name)?.clone();
            (device["connected"] == connected).then_some(())
        });
        begun.elapsed()
    }

    /// Cuts the power: nothing in the guest hears of it.
    pub fn cut_power(mut self) {
        self.running.0.kill().unwrap();
        self.running.0.wait().unwrap();
    }
}

/// A shell in the guest that lives as long as its connection, and so do the devices that it holds open.
pub struct Shell(BufReader<TcpStream>);

impl Shell {
    fn connect(address: SocketAddr) -> Shell {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Shell(BufReader::new(stream))
    }

    fn run(&mut self, commands: &str) -> String {
        const END: &str = "--- ended with ";
        // in a group, so that the commands do not read what follows them
        write!(self.0.get_mut(), "{{\n{commands}\n}} </dev/null 2>&1; echo; echo '{END}'$?\n").unwrap();
        let mut said = String::new();
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "the guest's shell is gone: {commands}\n{said}");
            if let Some(code) = line.strip_prefix(END) {
                assert_eq!(code.trim(), "0", "{commands}\n{said}");
                return said.trim_end().to_owned();
            }
            said.push_str(&line);
        }
    }
}

/// A serial scanner's line.
pub struct Line(UnixStream);

impl Line {
    /// Sends bytes as the scanner does.
    pub fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// Waits for what the scanner is to get.
    pub fn expect(&mut self, bytes: &[u8]) {
        let got = self.heard(bytes.len()).unwrap_or_default();
        assert_eq!(got, bytes);
    }

    /// As many bytes as the scanner gets next; none if the guest is gone.
    pub fn heard(&mut self, count: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; count];
        std::io::Read::read_exact(&mut self.0, &mut bytes).ok()?;
        Some(bytes)
    }

    /// Sends a code and waits for its beep; false once the guest is gone.
    pub fn scan_accepted(&mut self, code: &str) -> bool {
        write!(self.0, "{code}\r").is_ok() && self.heard(1).is_some_and(|beep| beep == b"\x07")
    }
}

/// QEMU's name of the key of a character on a United States keyboard, and whether it is typed with shift.
fn key(character: char) -> (&'static str, bool) {
    const NAMED: [(char, char, &str); 13] = [
        ('-', '_', "minus"),
        ('=', '+', "equal"),
        ('[', '{', "bracket_left"),
        (']', '}', "bracket_right"),
        (';', ':', "semicolon"),
        ('\'', '"', "apostrophe"),
        ('`', '~', "grave_accent"),
        ('\\', '|', "backslash"),
        (',', '<', "comma"),
        ('.', '>', "dot"),
        ('/', '?', "slash"),
        (' ', ' ', "spc"),
        ('\n', '\n', "ret"),
    ];
    const PLAIN: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
    const SHIFTED: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ)!@#$%^&*(";
    if let Some((plain, _, name)) = NAMED.iter().find(|(plain, shifted, _)| [*plain, *shifted].contains(&character)) {
        return (name, *plain != character);
    }
    let at = PLAIN.find(character).or_else(|| SHIFTED.find(character));
    let at = at.unwrap_or_else(|| panic!("{character:?} is on no key"));
    (&PLAIN[at..=at], !PLAIN.contains(character))
}

/// Whether waybind answers.
fn healthy(pages: SocketAddr) -> Option<()> {
    let answer = Client::try_connect(pages)?.waiting(FIRST_ANSWER).try_call("GET", "/healthz", None)?;
    (answer.0 == 200).then_some(())
}

/// Looks again and again for something that comes about by itself; none if it does not in time.
fn wait<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        let found = look();
        if found.is_some() || Instant::now() > end {
            return found;
        }
        std::thread::sleep(Duration::from_millis(30));
    }
}

/// Waits for something that must come about.
pub fn until<T>(what: &str, limit: Duration, look: impl FnMut() -> Option<T>) -> T {
    wait(limit, look).unwrap_or_else(|| panic!("{what} did not come about"))
}

/// Bytes as a shell's printf writes them.
pub fn printable(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:03o}")).collect()
}
