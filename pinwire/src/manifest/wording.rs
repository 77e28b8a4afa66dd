//! How messages name the parts of a manifest, and what to write in them. `name` is always the struct as serde knows it.

/// How messages name the struct.
pub(crate) fn title(name: &str) -> &'static str {
    match name {
        "Pod" => "a pod",
        "Metadata" => "`metadata`",
        "Spec" => "the `spec` of a pod",
        "Container" => "a container",
        "Variable" => "an entry of `env`",
        "ContainerSecurity" | "PodSecurity" => "`securityContext`",
        "Capabilities" => "`capabilities`",
        "Seccomp" => "`seccompProfile`",
        "Resources" => "`resources`",
        "VolumeMount" => "an entry of `volumeMounts`",
        "Volume" => "a volume",
        "HostPathVolume" => "`hostPath`",
        "EmptyDirVolume" => "`emptyDir`",
        "Link" => "a link",
        "VfOptions" => "`vf`",
        "RawPool" => "a pool",
        "RawPools" => "the file",
        "Forwarding" => "`pinwire.dev/forwarding`",
        "Route" => "a route",
        "Rule" => "a rule",
        "Neighbour" => "a neighbour",
        _ => "this mapping",
    }
}

/// What to write under a key, where a bare "expected a list" would not help.
pub(crate) fn hint(name: &str, key: &str) -> Option<&'static str> {
    Some(match (name, key) {
        ("Metadata", "annotations") => {
            "an annotation is text: write `KEY: |` and the list or mapping indented below it"
        }
        ("Container", "command" | "args") => "write a list of words: [\"/bin/sh\", \"-c\", \"…\"]",
        ("Container", "env") => "write a list: [{name: NAME, value: \"…\"}]",
        ("Link", "addresses" | "hostAddresses") => {
            "write addresses with their prefix length: [10.0.0.1/24]"
        }
        ("RawPool", "physicalFunctions" | "cable") => {
            "write a list of interfaces or PCI addresses: [ens1f0, ens1f1]"
        }
        ("RawPool", "indices") => "write a range in quotes: \"0-6\"",
        ("Rule", "from" | "to") => "write a prefix: 10.0.0.0/24",
        ("Route", "via" | "source") | ("Neighbour", "ip") => {
            "write an address without prefix length: 10.0.0.1"
        }
        _ => return None,
    })
}
