//! Which nodes are read, so that no code of one scanner is counted for two.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::ids::DeviceId;

/// The nodes that are read, each with the device that it is read as.
#[derive(Clone, Debug, Default)]
pub struct Claims(Arc<Mutex<HashMap<PathBuf, DeviceId>>>);

/// A node that is read for as long as this lives.
#[derive(Debug)]
pub(super) struct Claim {
    claims: Claims,
    node: PathBuf,
}

impl Claims {
    /// Whether a node is read.
    #[must_use]
    pub fn holds(&self, node: &Path) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(node)
    }

    /// Takes a node for a device.
    pub(super) fn take(&self, path: &Path, device: &DeviceId) -> io::Result<Claim> {
        let node = std::fs::canonicalize(path)?;
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = taken.get(&node) {
            let text = format!("{} is read as device \"{other}\" already", node.display());
            return Err(io::Error::new(io::ErrorKind::AddrInUse, text));
        }
        taken.insert(node.clone(), device.clone());
        Ok(Claim { claims: self.clone(), node })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.claims.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.node);
    }
}
