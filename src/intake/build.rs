//! What the rows of one thing say, as the object that the API takes.

use super::assembly::Node;
use super::fields::Kind;

/// Values of a thing or of one of its rows, by their paths.
pub(super) type Fields = Vec<(&'static str, Node)>;

/// Puts a value at a path of at most two steps.
fn put(object: &mut Vec<(String, Node)>, path: &str, node: Node) {
    let Some((outer, inner)) = path.split_once('.') else {
        object.push((path.to_owned(), node));
        return;
    };
    match object.iter_mut().find(|(name, _)| name == outer) {
        Some((_, Node::Object(fields))) => fields.push((inner.to_owned(), node)),
        _ => object.push((outer.to_owned(), Node::Object(vec![(inner.to_owned(), node)]))),
    }
}

fn take(part: &mut Fields, path: &str) -> Option<Node> {
    let place = part.iter().position(|(known, _)| *known == path)?;
    Some(part.remove(place).1)
}

fn has(part: &Fields, path: &str) -> bool {
    part.iter().any(|(known, _)| *known == path)
}

/// A part's object, its paths without the first step.
fn object(part: Fields) -> Node {
    let inner = |path: &str| path.split_once('.').map_or(path, |(_, inner)| inner).to_owned();
    Node::Object(part.into_iter().map(|(path, node)| (inner(path), node)).collect())
}

/// The object of a thing: what its rows say of it, and what each of them says. `rows` is how many they are.
///
/// # Errors
/// What its rows say can't be one thing.
pub(super) fn build(
    kind: Kind,
    mut head: Fields,
    ext: Vec<(String, Node)>,
    parts: Vec<Fields>,
    rows: usize,
) -> Result<Node, String> {
    let list = match kind {
        Kind::Products => {
            let pattern = (has(&head, "revision_pattern.after"), has(&head, "revision_pattern.length"));
            if pattern.0 != pattern.1 {
                return Err("a revision pattern has both what comes before it and a length".into());
            }
            Some(("barcodes", barcodes(parts)?))
        }
        Kind::Orders => Some(("lines", lines(parts)?)),
        Kind::PickLists => Some(pick_lines(parts)?),
        Kind::Waybills => Some(("orders", Node::List(parts.into_iter().flatten().flat_map(each).collect()))),
        Kind::Manifests => Some(("waybills", Node::List(parts.into_iter().flatten().flat_map(each).collect()))),
        Kind::StopLists => Some(("lots", lots(parts, rows)?)),
        Kind::Operators => None,
    };
    let note = take(&mut head, "note.text");
    let must_confirm = take(&mut head, "note.must_confirm");
    let mut fields = Vec::new();
    for (path, node) in head {
        put(&mut fields, path, node);
    }
    if let Some(text) = note {
        let mut note = vec![("text".to_owned(), text)];
        note.extend(must_confirm.map(|node| ("must_confirm".to_owned(), node)));
        fields.push(("notes".into(), Node::List(vec![Node::Object(note)])));
    }
    if let Some((name, list)) = list.filter(|(_, list)| *list != Node::List(Vec::new())) {
        fields.push((name.into(), list));
    }
    if !ext.is_empty() {
        fields.push(("ext".into(), Node::Object(ext)));
    }
    Ok(Node::Object(fields))
}

/// The values of a field that holds several.
fn each((_, node): (&'static str, Node)) -> Vec<Node> {
    if let Node::List(nodes) = node { nodes } else { vec![node] }
}

fn barcodes(parts: Vec<Fields>) -> Result<Node, String> {
    let mut barcodes = Vec::new();
    for mut part in parts {
        let quantity = take(&mut part, "barcodes.quantity");
        let Some(texts) = take(&mut part, "barcodes.text") else {
            return Err("a quantity of a barcode stands without the barcode".into());
        };
        for text in each(("", texts)) {
            let mut barcode = vec![("text".to_owned(), text)];
            barcode.extend(quantity.clone().map(|quantity| ("quantity".to_owned(), quantity)));
            barcodes.push(Node::Object(barcode));
        }
    }
    Ok(Node::List(barcodes))
}

/// An order's lines; where no row has a number, they are numbered as they stand.
fn lines(mut parts: Vec<Fields>) -> Result<Node, String> {
    let numbered = parts.iter().filter(|part| has(part, "lines.line")).count();
    if numbered == 0 {
        for (number, part) in (1..).zip(&mut parts) {
            part.insert(0, ("lines.line", Node::Number(number)));
        }
    } else if numbered < parts.len() {
        return Err("some of its rows have a line number and some have none".into());
    }
    Ok(Node::List(parts.into_iter().map(object).collect()))
}

/// A pick list's lines; or its orders, where no row names a line.
fn pick_lines(mut parts: Vec<Fields>) -> Result<(&'static str, Node), String> {
    let is_line = |part: &Fields| has(part, "lines.line") && has(part, "lines.quantity");
    if parts.iter().all(is_line) {
        return Ok(("lines", Node::List(parts.into_iter().map(object).collect())));
    }
    if parts.iter().any(|part| part.len() > 1) {
        return Err("each of its rows needs a line and a quantity, or each only an order".into());
    }
    let orders = parts.iter_mut().filter_map(|part| take(part, "lines.order")).collect();
    Ok(("orders", Node::List(orders)))
}

/// The lots of a stop-list; none stop the whole product. A row without a lot among others could mean either.
fn lots(parts: Vec<Fields>, rows: usize) -> Result<Node, String> {
    if !parts.is_empty() && parts.len() < rows {
        return Err(
            "some of its rows name a lot and some none; write a lot in each, or in none for the whole product".into()
        );
    }
    Ok(Node::List(parts.into_iter().flatten().flat_map(each).collect()))
}
