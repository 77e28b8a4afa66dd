//! A pod as it is written: the part of Kubernetes' `v1.Pod` that Pinwire carries out, unchecked but for types.
//! Which other keys a pod may have is in [`super::unsupported`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::quantity::Quantity;

/// `v1.Pod`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Pod {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    pub(crate) metadata: Metadata,
    pub(crate) spec: Spec,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Metadata {
    pub(crate) name: String,
    pub(crate) namespace: Option<String>,
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) annotations: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Spec {
    pub(crate) containers: Vec<Container>,
    #[serde(default)]
    pub(crate) volumes: Vec<Volume>,
    pub(crate) restart_policy: Option<RestartPolicy>,
    pub(crate) termination_grace_period_seconds: Option<u32>,
    pub(crate) runtime_class_name: Option<String>,
    pub(crate) hostname: Option<String>,
    #[serde(default)]
    pub(crate) security_context: PodSecurity,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) image: String,
    pub(crate) image_pull_policy: Option<PullPolicy>,
    pub(crate) command: Option<Vec<String>>,
    pub(crate) args: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) env: Vec<Variable>,
    pub(crate) working_dir: Option<String>,
    #[serde(default)]
    pub(crate) resources: Resources,
    #[serde(default)]
    pub(crate) security_context: ContainerSecurity,
    #[serde(default)]
    pub(crate) volume_mounts: Vec<VolumeMount>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Variable {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) value: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Resources {
    #[serde(default)]
    pub(crate) limits: BTreeMap<String, Quantity>,
    #[serde(default)]
    pub(crate) requests: BTreeMap<String, Quantity>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PodSecurity {
    pub(crate) run_as_user: Option<u32>,
    pub(crate) run_as_group: Option<u32>,
    pub(crate) run_as_non_root: Option<bool>,
    #[serde(default)]
    pub(crate) supplemental_groups: Vec<u32>,
    pub(crate) seccomp_profile: Option<Seccomp>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ContainerSecurity {
    #[serde(default)]
    pub(crate) privileged: bool,
    #[serde(default)]
    pub(crate) capabilities: Capabilities,
    pub(crate) run_as_user: Option<u32>,
    pub(crate) run_as_group: Option<u32>,
    pub(crate) run_as_non_root: Option<bool>,
    #[serde(default)]
    pub(crate) read_only_root_filesystem: bool,
    pub(crate) allow_privilege_escalation: Option<bool>,
    pub(crate) seccomp_profile: Option<Seccomp>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Capabilities {
    #[serde(default)]
    pub(crate) add: Vec<String>,
    #[serde(default)]
    pub(crate) drop: Vec<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Seccomp {
    #[serde(rename = "type")]
    pub(crate) kind: SeccompType,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum SeccompType {
    RuntimeDefault,
    Unconfined,
    Localhost,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct VolumeMount {
    pub(crate) name: String,
    pub(crate) mount_path: String,
    #[serde(default)]
    pub(crate) read_only: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Volume {
    pub(crate) name: String,
    pub(crate) host_path: Option<HostPathVolume>,
    pub(crate) empty_dir: Option<EmptyDirVolume>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct HostPathVolume {
    pub(crate) path: String,
    #[serde(rename = "type")]
    pub(crate) kind: Option<HostPathType>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) enum HostPathType {
    #[serde(rename = "")]
    Any,
    DirectoryOrCreate,
    Directory,
    FileOrCreate,
    File,
    Socket,
    CharDevice,
    BlockDevice,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EmptyDirVolume {
    pub(crate) medium: Option<Medium>,
    pub(crate) size_limit: Option<Quantity>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum Medium {
    #[serde(rename = "")]
    Disk,
    Memory,
}

/// `imagePullPolicy` of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum PullPolicy {
    Always,
    IfNotPresent,
    Never,
}

/// `restartPolicy` of a Kubernetes pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestartPolicy {
    /// Restart whatever the exit status.
    #[default]
    Always,
    /// Restart after a failure.
    OnFailure,
    /// Never restart.
    Never,
}
