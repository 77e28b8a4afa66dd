//! What of a pod concerns neither its containers nor its part of the topology: names, host name, policies.

use pinwire_wiring::name::NodeName;

use super::RestartPolicy;
use crate::manifest::PodDocument;
use crate::manifest::report::Report;

/// The runtime class of the manifests that Pinwire ships.
const RUNTIME_CLASS: &str = "pinwire";
/// The longest host name (`HOST_NAME_MAX`, uname(2)), in bytes.
const HOSTNAME_MAX: usize = 63;

/// The host name of a pod.
pub(super) fn hostname(document: &PodDocument, report: &mut Report) -> String {
    let name = &document.pod.metadata.name;
    let Some(hostname) = &document.pod.spec.hostname else {
        // As a kubelet does: the first 63 bytes of the pod's name, without `-` or `.` at the end.
        let cut = name.floor_char_boundary(HOSTNAME_MAX);
        return name[..cut].trim_end_matches(['-', '.']).to_owned();
    };
    // The same rule as for a node's name: an RFC 1123 label.
    if hostname.parse::<NodeName>().is_err() {
        let place = document.tree.value("spec").place_of("hostname");
        report.error(place, format!("`{hostname}` is not a host name: write a DNS label, at most {HOSTNAME_MAX} bytes (RFC 1123)"));
    }
    hostname.clone()
}

/// Checks names and policies.
pub(super) fn check(document: &PodDocument, report: &mut Report) {
    let (spec, tree) = (&document.pod.spec, document.tree.value("spec"));
    if let Some(class) = spec
        .runtime_class_name
        .as_deref()
        .filter(|class| *class != RUNTIME_CLASS)
    {
        let message = format!(
            "the runtime class `{class}` has no effect here: Pinwire runs every pod itself"
        );
        report.warning(tree.place_of("runtimeClassName"), message);
    }
    if matches!(
        spec.restart_policy,
        Some(RestartPolicy::Always | RestartPolicy::OnFailure)
    ) {
        let place = tree.place_of("restartPolicy");
        report.warning(
            place,
            "`restartPolicy` has no effect here: a container that ends is not started again",
        );
    }
    for (key, name) in [
        ("name", Some(&document.pod.metadata.name)),
        ("namespace", document.pod.metadata.namespace.as_ref()),
    ] {
        let valid = |name: &&String| {
            name.len() <= 253
                && name
                    .split('.')
                    .all(|label| label.parse::<NodeName>().is_ok())
        };
        if let Some(name) = name.filter(|name| !valid(name)) {
            // The node's own check has said it already, unless the annotation names the node.
            if key == "namespace"
                || document
                    .pod
                    .metadata
                    .annotations
                    .contains_key(pinwire_wiring::annotation::NODE)
            {
                let place = document.tree.value("metadata").place_of(key);
                report.error(
                    place,
                    format!("`{name}` is not a name: write a DNS subdomain (RFC 1123)"),
                );
            }
        }
    }
}
