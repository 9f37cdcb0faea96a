//! The guest's root file system: a cpio archive (the kernel's "newc" form) with programs, their libraries, and the
//! kernel's modules in the order in which they must be loaded.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::packages::{LIBRARIES, Packages};

const FOLDER: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const PLAIN: u32 = 0o100_644;
const LINK: u32 = 0o120_777;
const CHARACTER_DEVICE: u32 = 0o020_600;

/// The kernel's console, open before anything is mounted.
const CONSOLE: (u32, u32) = (5, 1);

/// The kernel's modules that the guest uses; what they depend on is found.
const MODULES: [&str; 19] = [
    "virtio_pci",
    "virtio_net",
    "virtio_blk",
    "crc32c_generic",
    "ext4",
    "hid",
    "hid-generic",
    "usbhid",
    "evdev",
    "uhid",
    "xhci-pci",
    "usbserial",
    "ftdi_sio",
    "cdc-acm",
    "configfs",
    "libcomposite",
    "usb_f_hid",
    "usb_f_acm",
    "dummy_hcd",
];

/// Debian's rules that name scanners; the others have nothing to do here.
const RULES: [&str; 5] = ["50-udev-default", "60-serial", "60-input-id", "60-persistent-input", "60-evdev"];

/// What a project's file in the guest is called, and what is in it.
pub type Extra<'e> = (&'e str, &'e str);

/// Packs everything; `extras` are further plain files.
pub fn pack(packages: &Packages, waybind: &Path, extras: &[Extra<'_>]) -> Vec<u8> {
    let mut archive = Archive::default();
    archive.device("dev/console", CONSOLE);
    archive.file("init", PROGRAM, include_bytes!("init.sh"));
    archive.copy("bin/busybox", &packages.guest("bin/busybox"));
    archive.copy("bin/waybind", waybind);
    let udevadm = packages.guest("bin/udevadm");
    archive.copy("bin/udevadm", &udevadm);
    archive.entry("sbin/udevd", LINK, b"/bin/udevadm", (0, 0));
    for rules in RULES {
        let path = format!("lib/udev/rules.d/{rules}.rules");
        archive.copy(&path, &packages.guest(&path));
    }
    let own = packages.guest("usr").join(LIBRARIES);
    for (name, path) in libraries(&own, &[waybind, &udevadm]) {
        archive.copy(&name, &path);
    }
    for (path, text) in extras {
        archive.file(path, PLAIN, text.as_bytes());
    }
    let modules = Modules::below(&packages.modules());
    let order = modules.load_order();
    for name in &order {
        archive.file(&format!("modules/{name}.ko"), PLAIN, &modules.bytes(name));
    }
    archive.file("modules/order", PLAIN, order.join("\n").as_bytes());
    archive.finish()
}

/// The shared libraries of programs: where the loader looks for them, and where they are here.
fn libraries(own: &Path, programs: &[&Path]) -> BTreeMap<String, PathBuf> {
    let output = Command::new("ldd").args(programs).env("LD_LIBRARY_PATH", own).output().unwrap();
    assert!(output.status.success(), "ldd: {}", String::from_utf8_lossy(&output.stderr));
    let mut found = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            [name, "=>", path, _] if path.starts_with('/') => {
                found.insert(format!("{LIBRARIES}/{name}"), PathBuf::from(path));
            }
            [loader, _] if loader.starts_with("/lib") => {
                found.insert(loader.trim_start_matches('/').to_owned(), PathBuf::from(loader));
            }
            _ => {}
        }
    }
    assert!(found.len() >= 3, "{found:?}");
    found
}

/// The kernel's modules by name; the kernel takes `-` and `_` in it as the same.
struct Modules(BTreeMap<String, PathBuf>);

impl Modules {
    fn below(folder: &Path) -> Modules {
        let mut found = BTreeMap::new();
        let mut open = vec![folder.to_owned()];
        while let Some(folder) = open.pop() {
            for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    open.push(path);
                } else if path.extension().is_some_and(|extension| extension == "ko") {
                    found.insert(plain_name(&path.file_stem().unwrap().to_string_lossy()), path);
                }
            }
        }
        Modules(found)
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(&self.0[name]).unwrap()
    }

    /// Each module after those that it depends on; what is no file is built into the kernel.
    fn load_order(&self) -> Vec<String> {
        let mut order = Vec::new();
        for name in MODULES {
            self.add(&plain_name(name), &mut order);
        }
        order
    }

    fn add(&self, name: &str, order: &mut Vec<String>) {
        if order.iter().any(|known| known == name) || !self.0.contains_key(name) {
            return;
        }
        for needed in depends(&self.bytes(name)) {
            self.add(&needed, order);
        }
        order.push(name.to_owned());
    }
}

fn plain_name(name: &str) -> String {
    name.replace('-', "_")
}

/// What a module says that it depends on: an entry `depends=a,b` among the zero-terminated ones of its information.
fn depends(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = module.windows(KEY.len()).position(|window| window == KEY) else { return Vec::new() };
    let value = module[at + KEY.len()..].split(|byte| *byte == 0).next().unwrap_or_default();
    let names = String::from_utf8_lossy(value);
    names.split(',').filter(|name| !name.is_empty()).map(plain_name).collect()
}

/// A cpio archive in the making.
#[derive(Default)]
struct Archive {
    bytes: Vec<u8>,
    entries: u32,
    folders: BTreeSet<String>,
}

impl Archive {
    fn copy(&mut self, path: &str, from: &Path) {
        let bytes = fs::read(from).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
        self.file(path, PROGRAM, &bytes);
    }

    fn file(&mut self, path: &str, mode: u32, bytes: &[u8]) {
        self.entry(path, mode, bytes, (0, 0));
    }

    fn device(&mut self, path: &str, number: (u32, u32)) {
        self.entry(path, CHARACTER_DEVICE, b"", number);
    }

    fn entry(&mut self, path: &str, mode: u32, bytes: &[u8], device: (u32, u32)) {
        if let Some((folder, _)) = path.rsplit_once('/')
            && self.folders.insert(folder.to_owned())
        {
            self.entry(folder, FOLDER, b"", (0, 0));
        }
        self.entries += 1;
        let [size, name_size] = [bytes.len(), path.len() + 1].map(|length| u32::try_from(length).unwrap());
        // serial number, mode, owner, group, links, time, size, device (2), node (2), size of the name, checksum
        let fields = [self.entries, mode, 0, 0, 1, 0, size, 0, 0, device.0, device.1, name_size, 0];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08X}").as_bytes());
        }
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes.push(0);
        self.align();
        self.bytes.extend_from_slice(bytes);
        self.align();
    }

    fn align(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, b"", (0, 0));
        self.bytes
    }
}
