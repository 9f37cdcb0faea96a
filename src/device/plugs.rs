//! What is plugged in, looked at once for all scanners, and which scanner reads which node.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::discovery::{NotFound, Plugged, Roots, Selector, plugged};
use crate::domain::ids::DeviceId;
use crate::protocol::{Fit, Input};

/// A look at `/sys` serves everybody for this long. A device that enumerates may block such a look, so it never runs
/// where scans are judged.
const FRESH: Duration = Duration::from_millis(200);

/// What is plugged in, and who reads it.
#[derive(Clone, Debug, Default)]
pub struct Plugs(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    roots: Roots,
    seen: tokio::sync::Mutex<Option<(Instant, Arc<Vec<Plugged>>)>>,
    taken: Mutex<HashMap<PathBuf, DeviceId>>,
    /// Every configured USB scanner, and which device it means.
    meant: Mutex<Vec<(DeviceId, Input, Selector)>>,
}

/// A node that is read for as long as this lives.
#[derive(Debug)]
pub(super) struct Claim {
    plugs: Plugs,
    node: PathBuf,
}

/// How well a configured scanner means a device: by its path, or by how much its match says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Meant {
    Like(Fit),
    Path,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Plugs {
    /// Says which device a configured scanner means, before any of them is looked for.
    pub fn mean(&self, device: &DeviceId, input: Input, selector: &Selector) {
        held(&self.0.meant).push((device.clone(), input, selector.clone()));
    }

    /// What is plugged in, as of a moment ago.
    pub async fn look(&self) -> Arc<Vec<Plugged>> {
        let mut seen = self.0.seen.lock().await;
        if let Some((at, devices)) = seen.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            tracing::trace!(age = ?at.elapsed(), "What is plugged in is known.");
            return devices.clone();
        }
        let devices = self.look_now().await;
        *seen = Some((Instant::now(), devices.clone()));
        devices
    }

    async fn look_now(&self) -> Arc<Vec<Plugged>> {
        let roots = self.0.roots.clone();
        let looked = tokio::task::spawn_blocking(move || plugged(&roots)).await;
        Arc::new(looked.unwrap_or_else(|error| {
            tracing::error!(%error, "What is plugged in could not be looked at.");
            Vec::new()
        }))
    }

    /// The one device that a configured scanner means. A device that another scanner means more closely is none of its.
    ///
    /// # Errors
    /// None is plugged in, or it can't be told which.
    pub(super) async fn find(&self, device: &DeviceId, selector: &Selector, input: Input) -> Result<Plugged, NotFound> {
        let all = self.look().await;
        choose(&all, &held(&self.0.meant), device, selector, input)
    }

    /// Whether a node is still the device that was found: it may have been given to another one meanwhile.
    pub(super) async fn is_still(&self, found: &Plugged) -> bool {
        self.look_now().await.iter().any(|device| device.node == found.node && device.identity == found.identity)
    }

    /// Whether a node is read.
    #[must_use]
    pub fn holds(&self, node: &Path) -> bool {
        held(&self.0.taken).contains_key(node)
    }

    /// Takes a node for a device.
    pub(super) fn take(&self, path: &Path, device: &DeviceId) -> io::Result<Claim> {
        let node = std::fs::canonicalize(path)?;
        let mut taken = held(&self.0.taken);
        if let Some(other) = taken.get(&node) {
            let text = format!("{} is read as device \"{other}\" already", node.display());
            return Err(io::Error::new(io::ErrorKind::AddrInUse, text));
        }
        taken.insert(node.clone(), device.clone());
        Ok(Claim { plugs: self.clone(), node })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        held(&self.plugs.0.taken).remove(&self.node);
    }
}

fn choose(
    all: &[Plugged],
    configured: &[(DeviceId, Input, Selector)],
    device: &DeviceId,
    selector: &Selector,
    input: Input,
) -> Result<Plugged, NotFound> {
    let meant = |selector: &Selector, plugged: &Plugged| match selector {
        Selector::Path(path) => (std::fs::canonicalize(path).ok()? == plugged.node).then_some(Meant::Path),
        Selector::Like(like) => like.fits(&plugged.identity).map(Meant::Like),
    };
    let mut fitting: Vec<&Plugged> = Vec::new();
    for plugged in all.iter().filter(|plugged| plugged.identity.input == input) {
        let Some(own) = meant(selector, plugged) else { continue };
        let others = configured.iter().filter(|(other, kind, _)| other != device && *kind == input);
        let closest = others.filter_map(|(other, _, selector)| Some((meant(selector, plugged)?, other))).max();
        match closest {
            Some((closest, _)) if closest > own => {}
            Some((closest, other)) if closest == own => return Err(NotFound::Contested(other.to_string())),
            _ => fitting.push(plugged),
        }
    }
    let [only] = fitting[..] else {
        return match fitting.is_empty() {
            true => Err(NotFound::Absent),
            false => Err(NotFound::Several(fitting.iter().map(|plugged| plugged.node.display().to_string()).collect())),
        };
    };
    // a link under by-id says nothing where two of one model have no serial number: it is whoever came last
    let is_by_id =
        matches!(selector, Selector::Path(path) if path.parent().is_some_and(|folder| folder.ends_with("by-id")));
    let twin = |other: &&Plugged| other.node != only.node && is_twin(other, only);
    match all.iter().find(twin).filter(|_| is_by_id) {
        Some(twin) => Err(NotFound::Several(vec![only.node.display().to_string(), twin.node.display().to_string()])),
        None => Ok(only.clone()),
    }
}

/// Whether nothing but the socket tells two devices apart.
fn is_twin(one: &Plugged, other: &Plugged) -> bool {
    let (one, other) = (&one.identity, &other.identity);
    one.serial.is_empty()
        && other.serial.is_empty()
        && (one.input, one.vendor, one.product, one.interface, &one.name)
            == (other.input, other.vendor, other.product, other.interface, &other.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Identity, Match};

    fn scanner(node: &str, serial: &str) -> Plugged {
        let identity = Identity {
            input: Input::Keyboard,
            vendor: Some(0x0C2E),
            product: Some(0x0B61),
            name: "Scanner".into(),
            serial: serial.into(),
            interface: Some(0),
            by_id: String::new(),
        };
        Plugged { node: node.into(), link: None, identity, descriptor: Vec::new() }
    }

    fn like(text: &str) -> Selector {
        let table: HashMap<String, Match> = toml::from_str(&format!("match = {text}")).expect("a match");
        Selector::Like(Box::new(table["match"].clone()))
    }

    fn name(text: &str) -> DeviceId {
        DeviceId::new(text).expect("a name")
    }

    #[test]
    fn a_device_belongs_to_whoever_means_it_most_closely() {
        let (any, serial) = (like("{ usb = \"0c2e:*\" }"), like("{ usb = \"0c2e:0b61\", serial = \"A\" }"));
        let configured = [(name("any"), Input::Keyboard, any.clone()), (name("a"), Input::Keyboard, serial.clone())];
        let find = |all: &[Plugged], device: &str, selector: &Selector| {
            choose(all, &configured, &name(device), selector, Input::Keyboard).map(|found| found.node)
        };
        let (a, b, c) = (scanner("/dev/a", "A"), scanner("/dev/b", "B"), scanner("/dev/c", "C"));
        let both = [a.clone(), b.clone()];
        assert_eq!(find(&both, "any", &any), Ok("/dev/b".into()));
        assert_eq!(find(&both, "a", &serial), Ok("/dev/a".into()));
        assert_eq!(find(std::slice::from_ref(&a), "any", &any), Err(NotFound::Absent), "it is never the other's");
        assert_eq!(find(std::slice::from_ref(&b), "a", &serial), Err(NotFound::Absent));
        assert!(matches!(find(&[b, c], "any", &any), Err(NotFound::Several(_))), "two fit");
        let contested = [(name("x"), Input::Keyboard, like("{ usb = \"0c2e:*\" }"))];
        let refused = choose(&[a], &contested, &name("any"), &any, Input::Keyboard);
        assert_eq!(refused, Err(NotFound::Contested("x".into())));
    }
}
