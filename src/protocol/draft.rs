//! A definition for a device that no definition fits, ready to be pasted and checked.

use super::matching::{Identity, Input};

/// A TOML definition for an unknown device: the match section filled in, the framing that is most likely, and what to
/// check. `name` is what people call it.
#[must_use]
pub fn draft(identity: &Identity, name: &str) -> String {
    let (framing, check) = match identity.input {
        Input::Serial => (
            "kind = \"line\"\nterminators = [\"0D 0A\", \"0D\", \"0A\"]",
            "# Check: scan a code and look at what arrives. Does every scan end with CR or LF? If nothing ends it, set a\n\
             # suffix of CR on the scanner. Does it send a letter before the code? Then add [symbology].\n",
        ),
        Input::Keyboard => (
            "kind = \"keyboard\"",
            "# Check: the keyboard layout that the scanner is set to, and that it sends Enter behind every code. A scanner\n\
             # that can be set to a serial port (USB-CDC) or HID POS is better used so.\n",
        ),
        Input::HidPos => ("kind = \"hid-pos\"", "# Check: scan a long code; does it arrive whole?\n"),
    };
    let serial = "\n# Check: the line's settings, for RS-232; a USB-CDC port takes any.\n\
                  [serial]\nbaud = 9600\n\n\
                  # Check: what makes it beep. BEL does on many, where \"beep on BEL\" is on.\n\
                  # [feedback]\n# accept = \"07\"\n# refuse = \"07 07 07\"\n";
    format!(
        "# A draft. Save it as <vendor>/<family>.toml in the folder of your own definitions, and beside it\n\
         # <family>.vectors.toml with the bytes of at least one scan.\n\
         name = {}\n\
         source = \"draft made from the plugged device; replace by the manual's name and page\"\n\
         \n{check}[framing]\n{framing}\n\n{}{}",
        quoted(name),
        section(identity),
        if identity.input == Input::Serial { serial } else { "" },
    )
}

fn section(identity: &Identity) -> String {
    let mut keys = Vec::new();
    let text = |key: &str, text: &str| format!("{key} = {}", quoted(&literal(text)));
    match (identity.vendor, identity.product) {
        (Some(vendor), Some(product)) => keys.push(format!("usb = \"{vendor:04x}:{product:04x}\"")),
        (Some(vendor), None) => keys.push(format!("usb = \"{vendor:04x}:*\"")),
        (None, _) if !identity.name.is_empty() => keys.push(text("name", &identity.name)),
        (None, _) if !identity.by_id.is_empty() => keys.push(text("by-id", &identity.by_id)),
        (None, _) => {
            return "# The system says nothing of this device by which it could be known again: name its path and this\n\
                    # definition in the configuration.\n"
                .to_owned();
        }
    }
    keys.extend(identity.interface.map(|number| format!("interface = {number}")));
    let only = match identity.serial.is_empty() {
        true => String::new(),
        false => format!("# {}   # for this one device only\n", text("serial", &identity.serial)),
    };
    format!("# Check: is this every device of the family, and nothing else?\n[[match]]\n{}\n{only}", keys.join("\n"))
}

/// A pattern that fits this text only.
fn literal(text: &str) -> String {
    let escaped = |character| matches!(character, '*' | '?' | '\\').then_some('\\').into_iter().chain([character]);
    text.chars().flat_map(escaped).collect()
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(control))),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Definition;

    fn unknown(input: Input) -> Identity {
        Identity {
            input,
            vendor: Some(0x28E9),
            product: Some(0x018A),
            name: "a \"scanner\" *1\\\n".into(),
            serial: "0001".into(),
            interface: Some(1),
            by_id: String::new(),
        }
    }

    #[test]
    fn a_draft_is_a_definition_that_fits_the_device() {
        let by_usb = unknown(Input::Serial);
        let by_name = Identity { vendor: None, ..by_usb.clone() };
        let by_link = Identity { name: String::new(), by_id: "usb-x?-if00".into(), ..by_name.clone() };
        for identity in [by_usb, by_name, by_link] {
            let text = draft(&identity, "枪 \"1\"");
            let definition: Definition = toml::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert_eq!(definition.name, "枪 \"1\"");
            assert!(definition.fits(&identity).is_some(), "{text}");
        }
    }

    #[test]
    fn without_any_identity_there_is_no_match_section() {
        let bare = Identity { vendor: None, name: String::new(), ..unknown(Input::Serial) };
        let definition: Definition = toml::from_str(&draft(&bare, "x")).expect("a definition");
        assert!(definition.matches.is_empty());
    }

    #[test]
    fn keyboards_and_hid_pos_devices_get_their_framing() {
        assert!(draft(&unknown(Input::Keyboard), "x").contains("kind = \"keyboard\""));
        let text = draft(&unknown(Input::HidPos), "x");
        assert!(text.contains("kind = \"hid-pos\"") && !text.contains("[serial]"));
    }
}
