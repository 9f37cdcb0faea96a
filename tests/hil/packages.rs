//! What the guest is made of: Debian's kernel, udev and busybox, and QEMU, downloaded as packages and unpacked into a
//! cache folder. Nothing is installed on the machine, and nothing in the clone.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where Debian keeps the libraries of the one architecture that the guest has.
pub const LIBRARIES: &str = "lib/x86_64-linux-gnu";

/// The folder for downloads, unless the environment says so; it outlives the clone.
const CACHE: &str = ".cache/waybind-hil";

/// Written last: a cache without it is begun anew. Its number counts up when other packages are wanted.
const READY: &str = "ready-1";

/// What the guest runs besides waybind, and the library that udev alone needs.
const GUEST: [&str; 3] = ["busybox-static", "udev", "libkmod2"];

/// What of the kernel's package is kept: the rest is five times as much.
const KERNEL_PARTS: [&str; 10] = [
    "./boot/vmlinuz*",
    "./lib/modules/*/kernel/drivers/hid/*",
    "./lib/modules/*/kernel/drivers/input/*",
    "./lib/modules/*/kernel/drivers/usb/*",
    "./lib/modules/*/kernel/drivers/virtio/*",
    "./lib/modules/*/kernel/drivers/block/*",
    "./lib/modules/*/kernel/drivers/net/*",
    "./lib/modules/*/kernel/fs/*",
    "./lib/modules/*/kernel/lib/*",
    "./lib/modules/*/kernel/[acn]*/*",
];

/// The unpacked packages.
pub struct Packages {
    folder: PathBuf,
    /// Held until the end: two runs at once would play in one folder.
    _lock: File,
}

impl Packages {
    /// Takes the cache, filling it first where that was not done yet.
    pub fn ready() -> Packages {
        let folder = cache();
        fs::create_dir_all(&folder).unwrap();
        let lock = File::create(folder.join("lock")).unwrap();
        lock.lock().unwrap();
        let packages = Packages { folder, _lock: lock };
        if !packages.folder.join(READY).exists() {
            packages.fill();
        }
        packages
    }

    /// QEMU with its own libraries, which must not reach any other process.
    pub fn qemu(&self) -> Command {
        let root = self.folder.join("qemu");
        let program = root.join("usr/bin/qemu-system-x86_64");
        // dies with this process, however that ends
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if !program.exists() {
            command.arg("qemu-system-x86_64");
            return command;
        }
        let (below_usr, below_root) = (root.join("usr").join(LIBRARIES), root.join(LIBRARIES));
        let libraries = [below_usr.as_os_str(), below_root.as_os_str()].join(OsStr::new(":"));
        // by env, so that setpriv itself runs with the machine's libraries
        command.args(["env"]).arg(assignment("LD_LIBRARY_PATH", &libraries));
        command.arg(assignment("QEMU_MODULE_DIR", below_usr.join("qemu").as_os_str()));
        command.arg(program);
        for firmware in ["usr/share/qemu", "usr/share/seabios"] {
            command.arg("-L").arg(root.join(firmware));
        }
        command
    }

    /// The kernel, unpacked: unpacking it in the guest takes as long as all the rest of its start.
    pub fn kernel(&self) -> PathBuf {
        self.folder.join("vmlinux")
    }

    /// The folder below which the kernel's modules are.
    pub fn modules(&self) -> PathBuf {
        self.folder.join("kernel/lib/modules")
    }

    /// A file of the guest's packages.
    pub fn guest(&self, path: &str) -> PathBuf {
        self.folder.join("guest").join(path)
    }

    /// An empty folder for what one run leaves; what a killed run left goes now.
    pub fn run_folder(&self) -> PathBuf {
        let folder = self.folder.join("run");
        discard(&folder);
        fs::create_dir(&folder).unwrap();
        folder
    }

    fn fill(&self) {
        for part in ["debs", "qemu", "kernel", "guest"] {
            discard(&self.folder.join(part));
            fs::create_dir_all(self.folder.join(part)).unwrap();
        }
        let kernel = kernel_package();
        let qemu = missing_for("qemu-system-x86");
        println!("downloading {kernel}, {} and {} packages of QEMU", GUEST.join(", "), qemu.len());
        self.download(qemu.iter().map(String::as_str).chain(GUEST).chain([kernel.as_str()]));
        for package in &qemu {
            self.unpack(package, "qemu");
        }
        for package in GUEST {
            self.unpack(package, "guest");
        }
        self.unpack_kernel(&kernel);
        discard(&self.folder.join("debs"));
        File::create(self.folder.join(READY)).unwrap();
    }

    fn download<'p>(&self, packages: impl Iterator<Item = &'p str>) {
        let mut command = Command::new("apt-get");
        // root's downloads too go to this folder, into which apt's own user may not write
        command.args(["-qq", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=3", "download"]);
        command.args(packages).current_dir(self.folder.join("debs"));
        assert!(command.status().unwrap().success(), "apt-get can't download; is `apt-get update` long ago?");
    }

    fn deb(&self, package: &str) -> PathBuf {
        let begins = format!("{package}_");
        let mut debs = fs::read_dir(self.folder.join("debs")).unwrap().map(|entry| entry.unwrap().path());
        debs.find(|path| path.file_name().unwrap().to_string_lossy().starts_with(&begins))
            .unwrap_or_else(|| panic!("{package} was not downloaded"))
    }

    fn unpack(&self, package: &str, into: &str) {
        let done = Command::new("dpkg-deb").arg("-x").arg(self.deb(package)).arg(self.folder.join(into)).status();
        assert!(done.unwrap().success(), "{package} can't be unpacked");
    }

    fn unpack_kernel(&self, package: &str) {
        let folder = self.folder.join("kernel");
        let mut packed = Command::new("dpkg-deb")
            .arg("--fsys-tarfile")
            .arg(self.deb(package))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let unpacked = Command::new("tar")
            .args(["x", "--wildcards", "-C"])
            .arg(&folder)
            .args(KERNEL_PARTS)
            .stdin(packed.stdout.take().unwrap())
            .status();
        assert!(packed.wait().unwrap().success() && unpacked.unwrap().success(), "{package} can't be unpacked");
        let image = fs::read_dir(folder.join("boot")).unwrap().next().unwrap().unwrap().path();
        unpack_image(&image, &self.kernel());
    }
}

fn cache() -> PathBuf {
    let chosen = std::env::var_os("WAYBIND_HIL_CACHE").map(PathBuf::from);
    chosen.unwrap_or_else(|| {
        PathBuf::from(std::env::var_os("HOME").expect("HOME or WAYBIND_HIL_CACHE is set")).join(CACHE)
    })
}

fn assignment(name: &str, value: &OsStr) -> std::ffi::OsString {
    [OsStr::new(name), value].join(OsStr::new("="))
}

fn discard(folder: &Path) {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{}: {error}", folder.display()),
        _ => {}
    }
}

fn said(command: &mut Command) -> String {
    let output = command.env("LC_ALL", "C").output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The package of Debian's newest kernel.
fn kernel_package() -> String {
    let depends = said(Command::new("apt-cache").args(["depends", "linux-image-amd64"]));
    let names = depends.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    names
        .into_iter()
        .find(|name| name.starts_with("linux-image-"))
        .expect("linux-image-amd64 names a kernel")
        .to_owned()
}

/// What would have to be installed for a package; none if it is there.
fn missing_for(package: &str) -> Vec<String> {
    let plan = said(Command::new("apt-get").args(["install", "-s", "--no-install-recommends", package]));
    let wanted = plan.lines().filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next());
    wanted.map(str::to_owned).collect()
}

/// Takes the ELF kernel out of a bzImage; its header tells where the payload is, which Debian packs with xz.
fn unpack_image(image: &Path, into: &Path) {
    let bytes = fs::read(image).unwrap();
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    assert_eq!(&bytes[0x202..0x206], b"HdrS", "{} is no bzImage", image.display());
    let sectors_before = usize::from(bytes[0x1F1].max(1)) + 1;
    let start = sectors_before * 512 + word(0x248);
    let packed = into.with_extension("xz");
    fs::write(&packed, &bytes[start..start + word(0x24C)]).unwrap();
    // after the stream comes its length, which is none of xz's business
    let unpacked = Command::new("xz")
        .args(["-dc", "--single-stream"])
        .stdin(File::open(&packed).unwrap())
        .stdout(File::create(into).unwrap())
        .status();
    assert!(unpacked.unwrap().success(), "{} can't be unpacked", image.display());
    let mut magic = [0; 4];
    File::open(into).unwrap().read_exact_at(&mut magic, 0).unwrap();
    assert_eq!(&magic, b"\x7fELF");
    fs::remove_file(packed).unwrap();
}
