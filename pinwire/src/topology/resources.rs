//! Requests and limits of a container.

use std::collections::BTreeMap;

use pinwire_shim::workload::Resources;

use crate::manifest::quantity::Quantity;
use crate::manifest::report::Report;
use crate::manifest::tree::Tree;
use crate::manifest::{pod, suggest};

/// The least limit of memory that a container can start with, in bytes.
const MEMORY_MIN: u64 = 4 << 20;

/// Checks requests and limits.
pub(super) fn read(resources: &pod::Resources, tree: &Tree, report: &mut Report) -> Resources {
    for (key, quantities) in [
        ("limits", &resources.limits),
        ("requests", &resources.requests),
    ] {
        check_resource_names(quantities, tree.value(key), report);
    }
    for (name, request) in &resources.requests {
        if resources
            .limits
            .get(name)
            .is_some_and(|limit| limit < request)
        {
            let place = tree.value("requests").place_of(name);
            report
                .error(place, format!("the request of {name} is beyond its limit"))
                .related(tree.value("limits").place_of(name), "the limit");
        }
    }
    let memory_limit = resources.limits.get("memory").map(|memory| memory.units());
    if memory_limit.is_some_and(|bytes| bytes < MEMORY_MIN) {
        let place = tree.value("limits").place_of("memory");
        report
            .error(place, "no container starts with less than 4Mi of memory")
            .hint("`M` and `Mi` are millions, `m` is a thousandth");
    }
    let cpu = |quantities: &BTreeMap<String, Quantity>| {
        quantities.get("cpu").map(|cpu| cpu.thousandths())
    };
    if cpu(&resources.limits) == Some(0) {
        report.error(
            tree.value("limits").place_of("cpu"),
            "no container runs with no CPU time at all",
        );
    }
    Resources {
        cpu_limit_millis: cpu(&resources.limits),
        // Without a request the limit is the request (Kubernetes, "Resource Management for Pods and Containers").
        cpu_request_millis: cpu(&resources.requests).or(cpu(&resources.limits)),
        memory_limit_bytes: memory_limit,
        pids_limit: None,
    }
}

fn check_resource_names(quantities: &BTreeMap<String, Quantity>, tree: &Tree, report: &mut Report) {
    for name in quantities.keys() {
        let Some(entry) = tree.entry(name) else {
            continue;
        };
        match name.as_str() {
            "cpu" | "memory" => {}
            "ephemeral-storage" => {
                report.warning(
                    entry.key_place,
                    "`ephemeral-storage` has no effect here: disk space is not limited",
                );
            }
            _ => {
                let hint = suggest::hint(name, ["cpu", "memory"]);
                let hint =
                    hint.unwrap_or_else(|| "the resources are `cpu` and `memory`".to_owned());
                report
                    .error(
                        entry.key_place,
                        format!("the resource `{name}` is not supported"),
                    )
                    .hint(hint);
            }
        }
    }
}
