//! Pods of a manifest, as a kubelet hands them to a container runtime.

use std::collections::HashMap;

use serde::Deserialize;

use crate::cri::api::{
    LinuxPodSandboxConfig, PodSandboxConfig, PodSandboxMetadata, PortMapping, Protocol,
};

/// A pod, as far as a container runtime is told of it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Pod {
    metadata: Metadata,
    #[serde(default)]
    port: Option<i32>,
}

#[derive(Clone, Debug, Deserialize)]
struct Metadata {
    name: String,
    #[serde(default)]
    annotations: HashMap<String, String>,
}

/// The pods of a manifest.
pub(crate) fn pods(manifest: &str) -> Vec<Pod> {
    serde_saphyr::from_multiple(manifest).unwrap()
}

impl Pod {
    /// A pod without annotations.
    pub(crate) fn plain(name: &str) -> Self {
        Self {
            metadata: Metadata {
                name: name.to_owned(),
                annotations: HashMap::new(),
            },
            port: None,
        }
    }

    /// Maps a TCP port of the host to port 80 of the pod.
    #[must_use]
    pub(crate) fn host_port(mut self, port: i32) -> Self {
        self.port = Some(port);
        self
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.metadata.name
    }

    /// What the runtime is told, for the so manieth pod of this name.
    pub(crate) fn config(&self, cgroup: &str, attempt: u32) -> PodSandboxConfig {
        let name = self.name().to_owned();
        let mapping = |host_port| PortMapping {
            protocol: Protocol::Tcp.into(),
            container_port: 80,
            host_port,
            host_ip: String::new(),
        };
        PodSandboxConfig {
            metadata: Some(PodSandboxMetadata {
                uid: format!("{name}-{attempt}"),
                name: name.clone(),
                namespace: "default".to_owned(),
                attempt,
            }),
            hostname: name,
            annotations: self.metadata.annotations.clone(),
            port_mappings: self.port.map(mapping).into_iter().collect(),
            linux: Some(LinuxPodSandboxConfig {
                cgroup_parent: cgroup.to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        }
    }
}
