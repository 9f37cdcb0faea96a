//! `import`: what upstream describes, from JSON files; line by line what was taken and what was refused.

use std::path::{Path, PathBuf};

use hyper::Method;
use serde_json::{Map, Value};

use super::client::Client;
use super::{Failure, Target, runtime, say};

/// In this order, so that what refers to something comes after it.
const KINDS: [(&str, &str); 6] = [
    ("products", "/api/v1/products"),
    ("operators", "/api/v1/operators"),
    ("orders", "/api/v1/orders"),
    ("pick_lists", "/api/v1/pick-lists"),
    ("waybills", "/api/v1/waybills"),
    ("manifests", "/api/v1/manifests"),
];

/// Objects of one call.
const CHUNK: usize = 500;

pub(super) fn import(files: &[PathBuf], target: &Target) -> Result<(), Failure> {
    let config = target.load()?;
    let is_new = !config.data.exists();
    let contents: Vec<(&PathBuf, Map<String, Value>)> =
        files.iter().map(|file| Ok((file, read(file)?))).collect::<Result<_, Failure>>()?;
    let refused = runtime()?.block_on(async {
        let mut client = Client::connect(&config).await?;
        let mut refused = 0;
        for (kind, path) in KINDS {
            for (file, content) in &contents {
                let objects = content.get(kind).and_then(Value::as_array).cloned().unwrap_or_default();
                for chunk in objects.chunks(CHUNK) {
                    refused += send(&mut client, file, kind, path, chunk, target.json).await?;
                }
            }
        }
        Ok::<usize, Failure>(refused)
    })?;
    if is_new {
        eprintln!("waybind: the data folder {} was made", config.data.display());
    }
    if refused > 0 { Err(Failure::Failed(format!("{refused} object(s) were refused"))) } else { Ok(()) }
}

fn read(file: &Path) -> Result<Map<String, Value>, Failure> {
    let failed = |message: String| Failure::Failed(format!("{}: {message}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => failed("there is no such file".into()),
        _ => failed(format!("can't be read: {error}")),
    })?;
    let value: Value = serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
    let known: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
    let Value::Object(object) = value else {
        return Err(failed(format!("an object with {} is expected", known.join(", "))));
    };
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(failed(format!("\"{key}\" is none of {}", known.join(", ")))),
        None => Ok(object),
    }
}

async fn send(
    client: &mut Client,
    file: &Path,
    kind: &str,
    path: &str,
    chunk: &[Value],
    json: bool,
) -> Result<usize, Failure> {
    let (status, answer) = client.call(Method::POST, path, Some(&Value::Array(chunk.to_vec()))).await?;
    let Some(results) = answer["results"].as_array() else {
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        return Err(Failure::Failed(format!(
            "{}: {kind}: {status}: {} {}",
            file.display(),
            text("detail"),
            text("hint")
        )));
    };
    let mut refused = 0;
    for result in results {
        let text = |name: &str| result[name].as_str().unwrap_or_default();
        refused += usize::from(text("result") == "refused");
        if json {
            say(&result.to_string())?;
        } else {
            say(format!("{kind} {} {} {}", text("id"), text("result"), text("reason")).trim_end())?;
        }
    }
    Ok(refused)
}
