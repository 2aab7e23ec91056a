//! JSON schemas (draft 7) of preset and space files, made from the tables of keys: editors complete, explain and check by them.

use super::keys::{KEYS, SECTIONS};
use super::kind::Kind;
use crate::graph::Operation;
use serde_json::{Map, Value, json};
use std::ops::Bound;

/// The schema of preset files, `docs/schema/preset.schema.json`.
#[must_use]
pub fn preset_schema() -> String {
    let keys = |section: &str| -> Map<String, Value> {
        let keys = KEYS.iter().filter(|key| key.section() == section);
        keys.map(|key| {
            let mut schema = of_kind(&key.kind);
            let applies = key.when.map_or_else(String::new, |(other, words)| format!(" Only where {other} is {}.", words.join(" or ")));
            schema["description"] = format!("{}{applies}", key.doc).into();
            let default = key.kind.check(&key.kind.from_command_line(key.default));
            if let Some(default) = default.and_then(|value| literal(&value.to_string())) {
                schema["default"] = default;
            }
            (key.name().to_owned(), schema)
        })
        .collect()
    };
    let mut properties = keys("");
    for (section, about) in SECTIONS {
        let schema = json!({ "type": "object", "description": about, "properties": keys(section), "additionalProperties": false });
        properties.insert(section.to_owned(), schema);
    }
    written("pgnas preset", &properties, &[])
}

/// A whole schema as text.
pub fn written(title: &str, properties: &Map<String, Value>, required: &[&str]) -> String {
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#", "title": title, "type": "object",
        "properties": properties, "required": required, "additionalProperties": false,
    });
    // Texts, numbers and lists alone: nothing here that JSON cannot hold.
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}

/// A TOML literal as JSON.
pub fn literal(text: &str) -> Option<Value> {
    serde_json::to_value(toml::from_str::<toml::Table>(&format!("value = {text}")).ok()?.remove("value")?).ok()
}

/// The words of operations.
pub fn words(operations: impl Iterator<Item = Operation>) -> Value {
    json!({ "enum": operations.map(Operation::key).collect::<Vec<_>>() })
}

/// What a value of a kind looks like.
pub fn of_kind(kind: &Kind) -> Value {
    match kind {
        Kind::Text | Kind::Constraint => json!({ "type": "string" }),
        Kind::Name => json!({ "type": "string", "pattern": "^([A-Za-z0-9_][A-Za-z0-9_.-]{0,63})?$" }),
        Kind::Word(words) => json!({ "enum": words }),
        Kind::Operations => json!({ "type": "array", "items": words(Operation::candidates()), "minItems": 1, "uniqueItems": true }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Whole(range) => whole(*range.start(), *range.end()),
        Kind::Wholes { each, empty, .. } => {
            json!({ "type": "array", "items": whole(*each.start(), *each.end()), "minItems": usize::from(!empty) })
        }
        Kind::Number(low, high) => {
            let mut schema = json!({ "type": "number" });
            for (bound, including, excluding) in [(low, "minimum", "exclusiveMinimum"), (high, "maximum", "exclusiveMaximum")] {
                match bound {
                    Bound::Included(limit) => schema[including] = json!(limit),
                    Bound::Excluded(limit) => schema[excluding] = json!(limit),
                    Bound::Unbounded => {}
                }
            }
            schema
        }
    }
}

fn whole(least: usize, most: usize) -> Value {
    // What has no bound of its own ends where numbers of JSON are exact.
    if most > 1 << 53 {
        json!({ "type": "integer", "minimum": least })
    } else {
        json!({ "type": "integer", "minimum": least, "maximum": most })
    }
}
