//! The schema that ships is the one that the types give.

use std::fs;
use std::path::Path;

use serde_json::Value;

#[test]
fn the_shipped_schema_is_up_to_date() {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/pinwire-annotations.schema.json");
    let text = format!("{:#}\n", pinwire::schema::annotations());
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::write(&file, &text).unwrap();
    }
    let shipped = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        shipped == text,
        "{} is out of date; run: INSTA_UPDATE=always cargo test -p pinwire --test schema",
        file.display()
    );
}

#[test]
fn every_reference_leads_to_a_definition_and_every_field_is_described() {
    let schema = pinwire::schema::annotations();
    let mut references = Vec::new();
    collect(&schema, &mut references);
    assert!(references.len() >= 6, "{references:?}");
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(schema.pointer(pointer).is_some(), "{reference}");
    }
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        for (field, property) in definition["properties"].as_object().into_iter().flatten() {
            assert!(property["description"].is_string(), "{name}.{field}");
        }
        assert_ne!(
            definition["additionalProperties"],
            Value::Bool(true),
            "{name}"
        );
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            references.extend(
                object
                    .get("$ref")
                    .and_then(Value::as_str)
                    .map(str::to_owned),
            );
            object.values().for_each(|value| collect(value, references));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}
