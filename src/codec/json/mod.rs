//! JSON: what was read of a sheet as an object of the API, and bodies read with the place of a mistake.

mod compact;
mod mistake;
mod objects;
mod strict;

use serde_json::Value;

pub use self::compact::compact;
pub use self::mistake::{Mistake, typed};
pub use self::strict::strict;

use crate::intake::Node;

/// The object as the API takes it.
#[must_use]
pub fn json(node: Node) -> Value {
    match node {
        Node::Text(text) => Value::String(text),
        Node::Number(number) => number.into(),
        Node::Bool(truth) => Value::Bool(truth),
        Node::List(nodes) => nodes.into_iter().map(json).collect(),
        Node::Object(fields) => fields.into_iter().map(|(name, node)| (name, json(node))).collect(),
    }
}
