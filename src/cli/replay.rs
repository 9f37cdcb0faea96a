//! `replay`: a recorded trace through the same framer, as scans of the running service or of a folder.

use std::path::Path;
use std::time::Duration;

use hyper::Method;
use serde_json::json;

use super::client::Client;
use super::{Failure, Target, runtime, say};
use crate::config::Library;
use crate::device::Trace;
use crate::protocol::{Framer, Item};

pub(super) fn replay(file: &Path, station: Option<String>, target: &Target) -> Result<(), Failure> {
    let config = target.load()?;
    let trace = Trace::read(file).map_err(|error| Failure::failed(&error))?;
    let library = Library::with_folder(config.protocols.as_deref());
    let unknown = || Failure::Usage(format!("the trace speaks \"{}\", which is no definition", trace.protocol));
    let definition = library.get(&trace.protocol).cloned().ok_or_else(unknown)?;
    let layout = library.layout_of(&definition).cloned();
    let framer = Framer::of_device(definition, layout, &trace.descriptor);
    let mut framer = framer.map_err(|error| Failure::failed(&error))?;
    let (mut items, mut last): (Vec<Item>, u64) = (Vec::new(), 0);
    for (ms, bytes) in &trace.reads {
        items.extend(framer.silence(ms.saturating_sub(last)));
        items.extend(framer.feed_at(bytes, Duration::from_millis(*ms)));
        last = *ms;
    }
    items.extend(framer.silence(u64::MAX));
    let station = station.unwrap_or(trace.station);
    // a trace that is played again is other scans
    let played = crate::service::fresh_scan_id();
    runtime()?.block_on(async {
        let mut client = Client::connect(&config).await?;
        for (index, item) in items.into_iter().enumerate() {
            let data = match item {
                Item::Frame(data) => data,
                Item::Broken(why, _) => {
                    say(&format!("broken frame: {why}"))?;
                    continue;
                }
                Item::NoRead | Item::Reply(_) => continue,
            };
            let id = format!("{played}-{index}");
            let body = json!({"id": id, "station": station, "device": trace.device, "data_base64": data_encoding::BASE64.encode(&data)});
            let (status, verdict) = client.call(Method::POST, "/api/v1/scans", Some(&body)).await?;
            if !status.is_success() {
                return Err(Failure::Failed(verdict["detail"].as_str().unwrap_or("the scan was not taken").to_owned()));
            }
            match target.json {
                true => say(&verdict.to_string())?,
                false => say(&format!("{}  {}  {}", String::from_utf8_lossy(&data).replace('\u{1d}', "␝"), verdict["code"].as_str().unwrap_or_default(), verdict["detail"].as_str().unwrap_or_default()))?,
            }
        }
        Ok(())
    })
}
