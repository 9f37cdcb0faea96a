//! `devices`: the scanners, as the running service sees them, else as the configuration has them.

use hyper::Method;
use serde_json::Value;

use super::client::Client;
use super::{Failure, Target, runtime, say};

pub(super) fn devices(target: &Target) -> Result<(), Failure> {
    let config = target.load()?;
    let running = runtime()?.block_on(async {
        let mut client = Client::running(&config).await.ok()?;
        client.call(Method::GET, "/api/v1/devices", None).await.ok().map(|(_, answer)| answer)
    });
    let live = running.as_ref().and_then(|answer| answer["devices"].as_array()).cloned().unwrap_or_default();
    if config.device.is_empty() && live.is_empty() {
        return say("No scanners are configured; add a [[device]] to the configuration.");
    }
    if running.is_none() {
        eprintln!("waybind: the service is not running; this is what the configuration says");
    }
    for device in &config.device {
        let state = live.iter().find(|state| state["name"] == device.name.as_str());
        let place = device
            .path
            .as_ref()
            .map(|path| path.display().to_string())
            .or_else(|| device.address.clone())
            .or_else(|| device.listen.map(|address| address.to_string()));
        let entry = serde_json::json!({
            "name": device.name, "station": device.station, "protocol": device.protocol, "place": place,
            "state": state.cloned().unwrap_or(Value::Null),
        });
        if target.json {
            say(&entry.to_string())?;
            continue;
        }
        let health = match state {
            None => "unknown".to_owned(),
            Some(state) if state["connected"] == true => format!("connected, {} codes", state["frames"]),
            Some(state) => format!("not there: {}", state["last_error"].as_str().unwrap_or("no error yet")),
        };
        say(&format!(
            "{}  {}  {}  {}  {health}",
            device.name,
            device.station,
            device.protocol,
            place.unwrap_or_default()
        ))?;
    }
    Ok(())
}
