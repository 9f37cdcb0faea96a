//! What is plugged in and not configured, with the definition that knows it and the lines that would configure it.

use crate::config::Library;
use crate::device::{Plugged, Plugs};
use crate::protocol::{Identity, Input, draft};
use crate::web::backend::PluggedView;

/// Of what is plugged in, what nobody reads.
#[must_use]
pub fn unread(plugged: &[Plugged], library: &Library, plugs: &Plugs) -> Vec<PluggedView> {
    plugged.iter().filter(|device| !plugs.holds(&device.node)).map(|device| view(device, library)).collect()
}

fn view(device: &Plugged, library: &Library) -> PluggedView {
    let identity = &device.identity;
    let (fits, problem) = match library.choose(identity) {
        Ok(chosen) => (chosen.map(|(name, _)| name.to_owned()), None),
        Err(ambiguous) => (None, Some(ambiguous.to_string())),
    };
    PluggedView {
        node: device.node.display().to_string(),
        link: device.link.as_ref().map(|link| link.display().to_string()),
        kind: kind(identity.input),
        usb: usb(identity),
        name: identity.name.clone(),
        serial: identity.serial.clone(),
        interface: identity.interface,
        configuration: configuration(device, fits.as_deref()),
        draft: fits.is_none().then(|| draft(identity, &identity.name)),
        fits,
        problem,
    }
}

/// How the configuration calls a kind of input.
fn kind(input: Input) -> &'static str {
    match input {
        Input::Serial => "serial",
        Input::Keyboard => "hid-keyboard",
        Input::HidPos => "hid-pos",
    }
}

fn usb(identity: &Identity) -> Option<String> {
    identity.vendor.zip(identity.product).map(|(vendor, product)| format!("{vendor:04x}:{product:04x}"))
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// The lines that configure a device: by its USB ids and serial number where it has them, else by a link that stays.
fn configuration(device: &Plugged, fits: Option<&str>) -> String {
    let identity = &device.identity;
    let mut lines =
        format!("[[device]]\nname = \"scanner-01\"\nstation = \"pack-01\"\nkind = \"{}\"\n", kind(identity.input));
    let place = match (usb(identity), &device.link) {
        (Some(usb), _) if !identity.serial.is_empty() => {
            format!("match = {{ usb = \"{usb}\", serial = {} }}", quoted(&identity.serial))
        }
        (_, Some(link)) => format!("path = {}", quoted(&link.display().to_string())),
        (Some(usb), None) => format!("match = {{ usb = \"{usb}\" }}"),
        (None, None) => format!("path = {}", quoted(&device.node.display().to_string())),
    };
    let protocol = fits.unwrap_or(Library::generic(identity.input));
    lines.push_str(&format!("{place}\nprotocol = \"{protocol}\"\n"));
    lines
}
