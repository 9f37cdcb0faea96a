//! `serve` and `demo`.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::client::display;
use super::{Failure, runtime, warn};
use crate::config::Config;
use crate::ledger::{HINT_OF_DAMAGE, Health};
use crate::service::{self, ServeError};
use crate::sim::demo::{self, Demo};

pub(super) fn serve(config: &Config) -> Result<(), Failure> {
    for warning in config.warnings() {
        warn(&format!("warning: {warning}"));
    }
    let ready = |running: &service::Running| {
        warn(&format!("http://{}  data in {}", running.address, config.data.display()));
        if !running.address.ip().is_loopback() && config.token.is_empty() {
            warn("nothing beyond this machine may call the API: no token is configured; `waybind token` makes one");
        }
        if let Health::Recovery(damage) = &*running.core.health_changes().borrow() {
            warn(&format!("RECOVERY MODE, nothing is recorded: {}", damage.what));
            warn(match damage.acceptable {
                true => {
                    "`waybind ledger verify` tells more; once the loss is understood, stop waybind and run `waybind ledger accept-loss`"
                }
                false => HINT_OF_DAMAGE,
            });
        }
    };
    runtime()?.block_on(service::serve(config, ready)).map_err(failure)
}

fn failure(error: ServeError) -> Failure {
    match &error {
        ServeError::Ledger(ledger) => Failure::Failed(format!("{}; {}", display(&error), ledger.hint())),
        _ => Failure::Failed(display(&error)),
    }
}

pub(super) fn demo(
    listen: SocketAddr,
    data: Option<PathBuf>,
    fast: bool,
    exit: bool,
    traces: Option<PathBuf>,
) -> Result<(), Failure> {
    let settings = Demo { listen, data, fast, exit, traces };
    let outcome = runtime()?.block_on(demo::play(&settings)).map_err(|error| Failure::failed(&error))?;
    match outcome.unexpected {
        0 => Ok(()),
        count => Err(Failure::Failed(format!("{count} verdict(s) were not as expected"))),
    }
}
