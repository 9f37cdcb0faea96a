//! `printers`: the printers that are configured and how they are; tries one.

use hyper::{Method, StatusCode};
use serde_json::Value;

use super::client::Client;
use super::{Failure, Target, runtime, say, warn};
use crate::config::Config;

pub(super) fn printers(target: &Target, test: Option<&str>) -> Result<(), Failure> {
    let config = target.load()?;
    match test {
        Some(name) => try_printer(&config, target, name),
        None => list(&config, target),
    }
}

fn call(config: &Config, method: Method, path: &str) -> Result<Option<(StatusCode, Value)>, Failure> {
    runtime()?.block_on(async {
        let Ok(mut client) = Client::running(config).await else { return Ok(None) };
        client.call(method, path, None).await.map(Some)
    })
}

fn list(config: &Config, target: &Target) -> Result<(), Failure> {
    let answer = call(config, Method::GET, "/api/v1/printers")?;
    if answer.is_none() {
        warn("the service is not running; this is what the configuration says");
    }
    let live = answer.map(|(_, answer)| answer["printers"].as_array().cloned().unwrap_or_default());
    if target.json {
        let configured = || config.printer.iter().map(|printer| serde_json::json!({"name": printer.name})).collect();
        return say(&serde_json::json!({"printers": live.unwrap_or_else(configured)}).to_string());
    }
    for printer in &config.printer {
        let state = live.iter().flatten().find(|state| state["name"] == printer.name.as_str());
        say(&line(&printer.name, printer.profile.as_deref().unwrap_or_default(), state))?;
    }
    if config.printer.is_empty() {
        say("No printers are configured; add a [[printer]] to the configuration.")?;
    }
    Ok(())
}

fn line(name: &str, profile: &str, state: Option<&Value>) -> String {
    let Some(state) = state else { return format!("{name}  {profile}") };
    let text = |name: &str| state[name].as_str().unwrap_or_default().to_owned();
    let error = match text("last_error") {
        error if error.is_empty() => String::new(),
        error => format!(" ({error})"),
    };
    let (queue, sent) = (&state["queue"], &state["sent"]);
    format!("{name}  {profile}  {}  {}{error}, {queue} waiting, {sent} sent", text("place"), text("condition"))
}

fn try_printer(config: &Config, target: &Target, name: &str) -> Result<(), Failure> {
    let path = format!("/api/v1/printers/{}/test", escaped(name));
    let Some((status, answer)) = call(config, Method::POST, &path)? else {
        return Err(Failure::Failed("the service is not running; `waybind serve` prints".into()));
    };
    match status {
        StatusCode::OK if target.json => say(&answer.to_string()),
        StatusCode::OK => say(&format!("{name}: its self-test is job {}", answer["job"])),
        _ => Err(Failure::Failed(answer["detail"].as_str().unwrap_or("it was refused").to_owned())),
    }
}

/// A name within an address.
fn escaped(name: &str) -> String {
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    name.bytes().map(|byte| if kept(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
