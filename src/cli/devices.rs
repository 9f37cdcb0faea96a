//! `devices`: the scanners that are configured and how they are, and what else is plugged in.

use std::collections::BTreeMap;
use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};

use super::client::Client;
use super::{Failure, Target, runtime, say, say_lines, warn};
use crate::config::{Config, DeviceSettings, Library};
use crate::device::{Plugs, Roots, plugged};
use crate::service::unread;

/// How often `watch` looks.
const LOOK: Duration = Duration::from_millis(300);

pub(super) fn list(target: &Target) -> Result<(), Failure> {
    let config = target.load()?;
    let running = ask(&config)?;
    if running.is_none() {
        warn("the service is not running; this is what the configuration says");
    }
    let answer = match &running {
        Some(answer) => answer.clone(),
        None => {
            json!({"devices": [], "unread": unread(&plugged(&Roots::default()), &library(&config), &Plugs::default())})
        }
    };
    let entries = |name: &str| answer[name].as_array().cloned().unwrap_or_default();
    if target.json {
        say(&json!({"devices": configured(&config, &entries("devices")), "unread": entries("unread")}).to_string())?;
        return Ok(());
    }
    for device in configured(&config, &entries("devices")) {
        say(&line(&device))?;
    }
    if config.device.is_empty() {
        say("No scanners are configured; add a [[device]] to the configuration.")?;
    }
    for device in entries("unread") {
        offer(&device)?;
    }
    Ok(())
}

/// Tells what is plugged in and out until it is stopped.
pub(super) fn watch(target: &Target) -> Result<(), Failure> {
    let config = target.load()?;
    let library = library(&config);
    let mut known: BTreeMap<String, Value> = BTreeMap::new();
    loop {
        let now: BTreeMap<String, Value> = unread(&plugged(&Roots::default()), &library, &Plugs::default())
            .into_iter()
            .map(|device| (device.node.clone(), json!(device)))
            .collect();
        for (sign, from, to) in [("-", &known, &now), ("+", &now, &known)] {
            for device in from.iter().filter(|(node, device)| to.get(*node) != Some(device)).map(|(_, device)| device) {
                match target.json {
                    true => say(&json!({"change": sign, "device": device}).to_string())?,
                    false => say(&format!("{sign} {}", title(device)))?,
                }
            }
        }
        known = now;
        std::thread::sleep(LOOK);
    }
}

pub(super) fn library(config: &Config) -> Library {
    Library::with_folder(config.protocols.as_deref())
}

/// What the running service says, if there is one.
fn ask(config: &Config) -> Result<Option<Value>, Failure> {
    Ok(runtime()?.block_on(async {
        let mut client = Client::running(config).await.ok()?;
        client.call(Method::GET, "/api/v1/devices", None).await.ok().map(|(_, answer)| answer)
    }))
}

/// The devices of the configuration with their state, or without where nobody knows it.
fn configured(config: &Config, live: &[Value]) -> Vec<Value> {
    let entry = |device: &DeviceSettings| {
        let state = live.iter().find(|state| state["name"] == device.name.as_str());
        let place = device.path.as_ref().map(|path| path.display().to_string());
        let place = place.or_else(|| device.r#match.as_ref().map(ToString::to_string));
        let place = place.or_else(|| device.address.clone());
        let place = place.or_else(|| device.listen.map(|address| address.to_string()));
        let generic = || device.kind.map(|kind| Library::generic(kind.input()).to_owned());
        let protocol = state.and_then(|state| state["protocol"].as_str().map(str::to_owned));
        json!({
            "name": device.name, "station": device.station, "place": place, "state": state,
            "protocol": protocol.or_else(|| device.protocol.clone()).or_else(generic),
        })
    };
    config.device.iter().map(entry).collect()
}

fn line(device: &Value) -> String {
    let text = |name: &str| device[name].as_str().unwrap_or_default().to_owned();
    let state = &device["state"];
    let health = match (state.is_null(), state["connected"] == true) {
        (true, _) => "unknown".to_owned(),
        (false, true) => {
            format!("connected, {} codes, {} broken{}", state["frames"], state["broken"], last_error(state))
        }
        (false, false) if state["listening"] == true => {
            format!("waits for a connection at {}{}", text("place"), last_error(state))
        }
        (false, false) => format!("not there: {}", state["last_error"].as_str().unwrap_or("it is being looked for")),
    };
    format!("{}  {}  {}  {}  {health}", text("name"), text("station"), text("protocol"), text("place"))
}

/// What went wrong last, behind how a device is now.
fn last_error(state: &Value) -> String {
    match (state["last_error"].as_str(), state["last_error_at"].as_str()) {
        (Some(why), Some(at)) => format!("; last error at {at}: {why}"),
        _ => String::new(),
    }
}

fn title(device: &Value) -> String {
    let text = |name: &str| device[name].as_str().unwrap_or_default();
    let serial = match text("serial") {
        "" => String::new(),
        serial => format!("  serial number {serial}"),
    };
    let fits = device["fits"].as_str().or(device["problem"].as_str()).unwrap_or("no definition knows it");
    format!("{}  {}  {}  \"{}\"{serial}  {fits}", text("node"), text("kind"), text("usb"), text("name"))
}

/// Something that is plugged in: what it is, and the lines that configure it.
fn offer(device: &Value) -> Result<(), Failure> {
    let indented = |text: &str| text.trim_end().lines().map(|line| format!("    {line}\n")).collect::<String>();
    say("")?;
    say(&format!("not configured: {}", title(device)))?;
    say_lines(indented(device["configuration"].as_str().unwrap_or_default()).trim_end_matches('\n'))?;
    match device["draft"].as_str() {
        Some(draft) => say_lines(&format!(
            "  a definition to begin with, for the folder that `protocols` names:\n{}",
            indented(draft).trim_end_matches('\n')
        )),
        None => Ok(()),
    }
}
