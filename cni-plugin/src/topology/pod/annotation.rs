//! A pod is read from its annotations, YAML in strings. What they may say together is for [`pinwire_wiring::annotation::rule`].

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Pod, PodError};
use crate::cni::arguments::Arguments;
use crate::cni::json;
use crate::cni::json::Checked;
use pinwire_wiring::annotation::rule;
use pinwire_wiring::annotation::rule::Finding;
use pinwire_wiring::annotation::{FORWARDING, LINKS, NODE, TOPOLOGY, text};

impl Pod {
    /// Reads a pod; `None` if it has nothing to do with Pinwire.
    ///
    /// # Errors
    /// The first [`PodError`].
    pub fn read(
        annotations: &BTreeMap<String, String>,
        arguments: &Arguments,
    ) -> Result<Option<Self>, PodError> {
        let namespace = arguments.pod_namespace.as_deref().unwrap_or("default");
        let given = arguments.pod_name.as_deref();
        let name = format!("{namespace}/{}", given.unwrap_or("(unnamed)"));
        first(
            &name,
            rule::annotations(0, annotations.keys().map(String::as_str)),
        )?;
        let Some(topology) = annotations.get(TOPOLOGY) else {
            return no_topology(annotations, name);
        };
        let text = |annotation, reason| PodError::Text {
            pod: name.clone(),
            annotation,
            reason,
        };
        let node = annotations.get(NODE).map(String::as_str).or(given);
        let node = rule::node_name(node.ok_or(PodError::NoName)?);
        let pod = Self {
            topology: FromStr::from_str(topology).map_err(|reason| text(TOPOLOGY, reason))?,
            node: node.map_err(|(reason, _)| text(NODE, reason))?,
            links: yaml(annotations, LINKS).map_err(|reason| text(LINKS, reason))?,
            forwarding: yaml(annotations, FORWARDING).map_err(|reason| text(FORWARDING, reason))?,
            name,
        };
        first(&pod.name, rule::alone(pod.rules(0)))?;
        Ok(Some(pod))
    }
}

/// The first error of what was found.
fn first(pod: &str, findings: Vec<Finding>) -> Result<(), PodError> {
    let mut errors = findings.into_iter().filter(|finding| !finding.is_warning);
    errors.next().map_or(Ok(()), |finding| {
        Err(PodError::Rule {
            pod: pod.to_owned(),
            finding: Box::new(finding),
        })
    })
}

/// A pod that is of no topology must not say anything of one.
fn no_topology(
    annotations: &BTreeMap<String, String>,
    pod: String,
) -> Result<Option<Pod>, PodError> {
    let mut ours = [LINKS, FORWARDING, NODE].into_iter();
    match ours.find(|annotation| annotations.contains_key(*annotation)) {
        None => Ok(None),
        Some(annotation) => Err(PodError::NoTopology { pod, annotation }),
    }
}

/// Keys whose values are lists.
const LISTS: [&str; 5] = [
    "addresses",
    "hostAddresses",
    "routes",
    "rules",
    "neighbours",
];

/// Reads an annotation that is YAML in a string; what it says if absent or empty is nothing. The text becomes a value first, as
/// strictly as `pinwire validate` reads it: text is no number, a number no text, and a list no mapping.
fn yaml<T: DeserializeOwned + Default>(
    annotations: &BTreeMap<String, String>,
    annotation: &str,
) -> Result<T, String> {
    let text = annotations.get(annotation).map_or("", String::as_str);
    let value = match json(text) {
        Some(value) => value,
        None => document(text)?,
    };
    if value.is_null() {
        return Ok(T::default());
    }
    if has_list(&value, annotation == LINKS) {
        return Err("there is a list where a mapping is expected".to_owned());
    }
    serde_json::from_value(value).map_err(|error| {
        // Read once more, the error may have a line and a column.
        let read = serde_saphyr::from_str_with_options::<T>(text, text::options());
        read.map_or_else(|error| error.to_string(), |_| error.to_string())
    })
}

/// The one YAML document of a text.
fn document(text: &str) -> Result<Value, String> {
    let documents = serde_saphyr::from_multiple_with_options::<Checked>(text, text::options());
    let mut documents = documents.map_err(|error| error.to_string())?;
    if documents.len() > 1 {
        return Err("an annotation is one YAML document, and there is a second one".to_owned());
    }
    Ok(documents.pop().map_or(Value::Null, |Checked(value)| value))
}

/// Reads YAML that is JSON, as programs write it, by the parser that every call needs anyway. What that one does not take is for
/// YAML's to judge.
fn json(text: &str) -> Option<Value> {
    if !text.starts_with(['[', '{']) {
        return None;
    }
    json::parse(text.as_bytes()).ok()
}

/// Whether there is a list where none belongs: serde would read a mapping from it.
fn has_list(value: &Value, belongs: bool) -> bool {
    match value {
        Value::Array(items) => !belongs || items.iter().any(|item| has_list(item, false)),
        Value::Object(entries) => {
            let mut entries = entries.iter();
            entries.any(|(key, value)| has_list(value, LISTS.contains(&key.as_str())))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{document, json};

    fn same(text: &str) {
        assert_eq!(json(text), Some(document(text).unwrap()), "{text}");
    }

    #[test]
    fn json_means_what_it_means_as_yaml() {
        same(
            r#"[{"interface": "left", "peer": "b:right", "addresses": ["10.0.0.1/24", "fd00::1/64"], "mtu": 9000}]"#,
        );
        same(
            r#"[{"interface": "up", "type": "vf", "vf": {"pool": "p", "vlan": 7, "trust": true, "vlanProto": "802.1ad", "maxTxRate": 100}}]"#,
        );
        same(
            r#"[{"interface": "a", "peer": "host:h", "hostAddresses": [], "tuning": {"channels": {"rx": 2}, "interrupts": 1, "offloads": {"tx-checksum-ip-generic": false}}}]"#,
        );
        same(
            r#"{"plane": "none", "sysctls": {"net.ipv4.ip_forward": 1, "net.ipv4.tcp_ecn": "2"}}"#,
        );
        same(
            r#"{"routes": [{"to": "default", "via": "10.0.0.2", "metric": 5}], "rules": [{"priority": 9, "table": 100, "from": "10.0.0.0/8"}]}"#,
        );
    }

    #[test]
    fn what_json_would_pass_over_is_for_yaml_to_judge() {
        let twice = r#"{"sysctls": {"net.ipv4.ip_forward": 1, "net.ipv4.ip_forward": 0}}"#;
        for text in [twice, "{plane: kernel}", "- interface: a\n  peer: b:c\n"] {
            assert_eq!(json(text), None, "{text}");
        }
    }
}
