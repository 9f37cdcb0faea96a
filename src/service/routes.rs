//! Whether what stations print can be printed where it goes: each template's sample is made as its printer would get it.

use std::collections::HashMap;

use super::press::Press;
use crate::config::{Config, Problem};
use crate::domain::printing::MANIFEST_TEMPLATE;
use crate::label::{Resolution, Settings};

/// The templates that the printers of the stations can't print: a code is too fine for the dots, a text does not fit.
#[must_use]
pub fn unprintable(config: &Config) -> Vec<Problem> {
    let routes = config.routes();
    if routes.is_empty() {
        return Vec::new();
    }
    let press = match Press::new(config) {
        Ok((press, _)) => press,
        Err(error) => {
            let hint = "install a font with Chinese letters, such as fonts-wqy-microhei".to_owned();
            return vec![Problem { line: None, message: format!("labels can't be printed: {error}"), hint }];
        }
    };
    let mut tried: HashMap<(String, u32), Option<String>> = HashMap::new();
    let mut told = Vec::new();
    for route in routes {
        let key = (route.template.clone(), route.dpi);
        let Some(why) = tried.entry(key).or_insert_with(|| objection(config, &press, &route.template, route.dpi))
        else {
            continue;
        };
        let message = format!(
            "station \"{}\": {} can't be printed on {} at {} dots an inch: {why}",
            route.station, route.template, route.printer, route.dpi
        );
        told.push(Problem { line: route.line, message, hint: "take a finer printer, or another template".into() });
    }
    told
}

fn objection(config: &Config, press: &Press, template: &str, dpi: u32) -> Option<String> {
    let file = press.template(template).ok()?;
    let (record, language) = press.sample(file);
    let mask = if template == MANIFEST_TEMPLATE { Vec::new() } else { config.labels.mask.clone() };
    let today = jiff::civil::date(2026, 1, 1);
    let settings = Settings { language, mask, today };
    let resolution = Resolution::from_dpi(dpi)?;
    press.prove(file, record, &settings, resolution).err().map(|error| error.lines().join("; "))
}
