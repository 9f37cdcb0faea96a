//! What was read of a sheet, as JSON.

use serde_json::Value;

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
