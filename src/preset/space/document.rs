//! The table of space keys as the Markdown of `docs/spaces.md` and as a JSON schema.

use super::super::schema::{literal, of_kind, words, written};
use super::keys::{Form, Part, SpaceKey};
use crate::graph::Operation;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

const PARTS: [(Part, &str); 6] = [
    (Part::File, "At the top of the file"),
    (Part::Stem, "`[stem]`"),
    (Part::Stage, "`[[stage]]`, once for each stage; also what stands below for cells"),
    (Part::Cell, "`[cell.<name>]`, or in a stage that describes its own cell"),
    (Part::Edge, "An edge, where its value is a table: `\"in -> a\" = { operations = \"conv3\", stride = 2 }`"),
    (Part::Head, "`[head]`"),
];

/// Every key of a space file as Markdown.
#[must_use]
pub fn space_reference() -> String {
    let mut text = String::new();
    for (part, heading) in PARTS {
        let _ = write!(text, "\n{heading}:\n\n| key | default | value | meaning |\n|---|---|---|---|\n");
        // Keys of cells stand once, under the cell.
        for key in part.keys().filter(|key| part != Part::Stage || !key.parts.contains(&Part::Cell)) {
            let cell = |text: &str| text.replace('|', "\\|");
            let _ = writeln!(
                text,
                "| `{}` | {} | {}, such as `{}` | {} |",
                key.name,
                cell(key.default),
                cell(&key.must()),
                key.example,
                cell(key.doc)
            );
        }
    }
    text
}

/// The schema of space files, `docs/schema/space.schema.json`.
#[must_use]
pub fn space_schema() -> String {
    written("pgnas space", &properties(Part::File), &["stage"])
}

fn properties(part: Part) -> Map<String, Value> {
    part.keys().map(|key| (key.name.to_owned(), described(key))).collect()
}

fn described(key: &SpaceKey) -> Value {
    let mut schema = of_form(&key.form);
    schema["description"] = key.doc.into();
    match literal(key.default) {
        Some(default) => schema["default"] = default,
        None => schema["description"] = format!("{} Default: {}.", key.doc, key.default).into(),
    }
    schema
}

fn table(part: Part) -> Value {
    let required: &[&str] = if part == Part::Stage { &["channels"] } else { &[] };
    json!({ "type": "object", "properties": properties(part), "required": required, "additionalProperties": false })
}

fn of_form(form: &Form) -> Value {
    let operation = || words(Operation::of_own_spaces());
    let operations = || {
        let list = json!({ "type": "array", "items": operation(), "minItems": 1, "uniqueItems": true });
        json!({ "anyOf": [operation(), list] })
    };
    let list = |items: Value| json!({ "type": "array", "items": items, "minItems": 1 });
    match form {
        Form::Plain(kind) => of_kind(kind),
        Form::Operation => operation(),
        Form::Operations => operations(),
        Form::Image => {
            json!({ "type": "array", "items": { "type": "integer", "minimum": 1, "maximum": 4096 }, "minItems": 3, "maxItems": 3 })
        }
        Form::Edges => {
            let edge = json!({ "anyOf": [operation(), list(operation()), table(Part::Edge)] });
            json!({ "anyOf": [list(json!({ "type": "string" })), { "type": "object", "minProperties": 1, "additionalProperties": edge }] })
        }
        Form::Branches => list(list(operations())),
        Form::Names => json!({ "anyOf": [{ "type": "string" }, list(json!({ "type": "string" }))] }),
        Form::Reduction => json!({ "type": "string" }),
        Form::Table(part) => table(*part),
        Form::Tables(part) => list(table(*part)),
        Form::Named(part) => json!({ "type": "object", "additionalProperties": table(*part) }),
    }
}
