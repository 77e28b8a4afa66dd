//! The JSON schema of the annotations, from the types that read them. `configs/pinwire-annotations.schema.json` holds it
//! for editors; it cannot express what only both ends of a link show, which [`crate::topology`] checks.

use pinwire_wiring::annotation::{FORWARDING, Forwarding, LINKS, Link, NODE, TOPOLOGY};
use pinwire_wiring::name::{NodeName, TopologyName};
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

/// The schema (JSON Schema 2020-12) of `metadata.annotations` of a pod. The content of the annotations that are YAML
/// within YAML is under `$defs/Links` and `$defs/Forwarding`, for those who keep them in files of their own.
pub fn annotations() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let links = generator.subschema_for::<Vec<Link>>();
    generator.subschema_for::<Forwarding>();
    let topology = generator.subschema_for::<TopologyName>();
    let node = generator.subschema_for::<NodeName>();
    let mut definitions = generator.take_definitions(true);
    definitions.insert("Links".to_owned(), links.into());
    let content = |name: &str, description: &str| {
        json!({
            "description": description,
            "type": "string",
            "contentMediaType": "application/yaml",
            "contentSchema": {"$ref": format!("#/$defs/{name}")},
        })
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Annotations of a pod that is a node of a Pinwire topology",
        "type": "object",
        "properties": {
            TOPOLOGY: with_description(topology.into(), "The topology that the pod belongs to."),
            NODE: with_description(node.into(), "The node's name, where the pod's own name is generated."),
            LINKS: content("Links", "The pod's ends of links, as a YAML sequence."),
            FORWARDING: content("Forwarding", "How the node forwards, as a YAML mapping."),
        },
        "$defs": definitions,
    })
}

fn with_description(mut schema: Value, description: &str) -> Value {
    schema["description"] = description.into();
    schema
}
