//! From a workload and an image to the OCI runtime configuration that libcontainer carries out, and to the
//! [`Confinement`] that is put on the process last. Pure: whatever must be looked up is looked up before.

mod environment;
mod mounts;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use oci_spec::OciSpecError;
use oci_spec::runtime::{
    Capabilities, Capability, Linux, LinuxBuilder, LinuxCapabilities, LinuxDevice, LinuxNamespace,
    LinuxNamespaceBuilder, LinuxNamespaceType, Mount, Process, ProcessBuilder, RootBuilder, Spec,
    SpecBuilder, UserBuilder,
};
use serde::{Deserialize, Serialize};

use crate::user::Identity;
use crate::workload::{ImageConfig, Workload};

pub(crate) use environment::{lookup, set};

/// What a process of the container is reduced to right before execve(2), by Pinwire itself: see [`crate::container`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// Its bounding, effective and permitted sets; ambient and inheritable ones are empty.
    pub capabilities: Capabilities,
    /// Whether system calls are filtered.
    pub seccomp: bool,
    /// Whether execve(2) may grant privileges.
    pub no_new_privileges: bool,
    /// Whether it may lock any amount of memory; the limit is as found otherwise.
    #[serde(default)]
    pub locks_memory: bool,
    /// Who runs it.
    pub identity: Identity,
    /// Its environment, `NAME=VALUE`.
    pub env: Vec<String>,
    /// Its working directory.
    pub cwd: PathBuf,
}

/// Its file in a container's directory.
const CONFINEMENT: &str = "confinement.json";

impl Confinement {
    /// Writes it into a container's directory.
    pub(crate) fn save(&self, directory: &Path) -> Result<(), (PathBuf, io::Error)> {
        let path = directory.join(CONFINEMENT);
        let result = serde_json::to_vec(self)
            .map_err(io::Error::from)
            .and_then(|text| fs::write(&path, text));
        result.map_err(|error| (path, error))
    }

    /// Reads it from a container's directory.
    pub(crate) fn load(directory: &Path) -> Result<Self, (PathBuf, io::Error)> {
        let path = directory.join(CONFINEMENT);
        let result = fs::read(&path).and_then(|text| Ok(serde_json::from_slice(&text)?));
        result.map_err(|error| (path, error))
    }
}

/// What a configuration is made of besides workload and image.
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    /// Host name, the pod's name.
    pub hostname: &'a str,
    /// Where the root filesystem is mounted.
    pub root: &'a Path,
    /// The network namespace to join.
    pub network: &'a Path,
    /// The control group, relative to where libcontainer sees its hierarchy.
    pub cgroup: &'a Path,
    /// Whether there is a control group namespace to make: only where version 2 alone is in use, since the namespace's
    /// root is wherever the process is when it is made, in each hierarchy.
    pub cgroup_namespace: bool,
    /// Who runs it, resolved against the image.
    pub identity: Identity,
    /// Its capabilities.
    pub capabilities: Capabilities,
    /// Mounts of volumes, prepared.
    pub volumes: Vec<Mount>,
    /// Devices of the host: of a privileged container all, of another those that it is given.
    pub devices: Vec<LinuxDevice>,
}

/// A workload that cannot be configured.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum SpecError {
    /// Neither pod nor image says what to run.
    #[error("there is no command: neither the pod nor the image has one")]
    NoCommand,
    /// A working directory must be absolute.
    #[error("the working directory `{0}` is not an absolute path")]
    RelativeDirectory(String),
    /// A value that the specification's types refuse.
    #[error("failed to describe the container's {part}")]
    Describe {
        part: &'static str,
        source: OciSpecError,
    },
}

/// The configuration of a container.
///
/// # Errors
/// [`SpecError`].
pub fn build(
    workload: &Workload,
    image: &ImageConfig,
    parts: Parts<'_>,
) -> Result<(Spec, Confinement), SpecError> {
    let env = environment::environment(workload, image, parts.hostname, &parts.identity);
    let args = environment::command(workload, image, &env)?;
    let confinement = Confinement {
        capabilities: parts.capabilities.clone(),
        seccomp: !workload.privileged,
        no_new_privileges: workload.no_new_privileges,
        locks_memory: workload.locks_memory,
        cwd: working_directory(workload, image)?,
        identity: parts.identity.clone(),
        env,
    };
    let describe = |part| move |source| SpecError::Describe { part, source };
    let linux = linux(workload, &parts).map_err(describe("Linux part"))?;
    let root = RootBuilder::default()
        .path(parts.root)
        .readonly(workload.read_only_root);
    let mut mounts = mounts::standard(workload.privileged, parts.cgroup_namespace)
        .map_err(describe("mounts"))?;
    mounts.extend(parts.volumes);
    let spec = SpecBuilder::default()
        .root(root.build().map_err(describe("root"))?)
        .mounts(mounts)
        .hostname(parts.hostname)
        .process(process(args, &confinement).map_err(describe("process"))?)
        .linux(linux)
        .build()
        .map_err(describe("configuration"))?;
    Ok((spec, confinement))
}

fn linux(workload: &Workload, parts: &Parts<'_>) -> Result<Linux, OciSpecError> {
    let mut linux = LinuxBuilder::default()
        .namespaces(namespaces(parts)?)
        .cgroups_path(parts.cgroup)
        .devices(parts.devices.clone())
        .build()?;
    // Pinwire writes the limits itself, where they are set, and libcontainer none.
    linux.set_resources(None);
    let hidden = |paths: &[&str]| {
        let paths = if workload.privileged { &[] } else { paths };
        Some(paths.iter().map(|&path| path.to_owned()).collect())
    };
    linux.set_masked_paths(hidden(&mounts::MASKED));
    linux.set_readonly_paths(hidden(&mounts::READ_ONLY));
    Ok(linux)
}

/// The process as libcontainer is to start it: with the capabilities more that the confinement itself needs (a filter asks
/// for `SYS_ADMIN`, the bounding set for SETPCAP, a limit that is raised for `SYS_RESOURCE`), and without a filter.
fn process(args: Vec<String>, confinement: &Confinement) -> Result<Process, OciSpecError> {
    let identity = &confinement.identity;
    let user = UserBuilder::default()
        .uid(identity.uid)
        .gid(identity.gid)
        .additional_gids(identity.additional_gids.clone());
    let mut capabilities = confinement.capabilities.clone();
    capabilities.extend([Capability::SysAdmin, Capability::Setpcap]);
    capabilities.extend(confinement.locks_memory.then_some(Capability::SysResource));
    let mut process = ProcessBuilder::default()
        .user(user.build()?)
        .args(args)
        .env(confinement.env.clone())
        .cwd(&confinement.cwd)
        .capabilities(capability_sets(&capabilities))
        .build()?;
    // `Some(false)` is not what the specification says it is: libcontainer treats any `Some` as true in places.
    process.set_no_new_privileges(confinement.no_new_privileges.then_some(true));
    process.set_rlimits(None);
    Ok(process)
}

/// The sets of a process: no ambient and inheritable ones, which would survive execve(2) of any user.
pub(crate) fn capability_sets(capabilities: &Capabilities) -> LinuxCapabilities {
    let mut sets = LinuxCapabilities::default();
    sets.set_bounding(Some(capabilities.clone()));
    sets.set_effective(Some(capabilities.clone()));
    sets.set_permitted(Some(capabilities.clone()));
    sets.set_inheritable(Some(Capabilities::new()));
    sets.set_ambient(Some(Capabilities::new()));
    sets
}

fn working_directory(workload: &Workload, image: &ImageConfig) -> Result<PathBuf, SpecError> {
    let given = workload
        .working_dir
        .as_deref()
        .filter(|path| !path.is_empty())
        .unwrap_or(&image.working_dir);
    match given {
        "" => Ok("/".into()),
        path if path.starts_with('/') => Ok(path.into()),
        path => Err(SpecError::RelativeDirectory(path.to_owned())),
    }
}

fn namespaces(parts: &Parts<'_>) -> Result<Vec<LinuxNamespace>, OciSpecError> {
    let own = [
        LinuxNamespaceType::Pid,
        LinuxNamespaceType::Mount,
        LinuxNamespaceType::Ipc,
        LinuxNamespaceType::Uts,
    ];
    let cgroup = parts.cgroup_namespace.then_some(LinuxNamespaceType::Cgroup);
    let mut namespaces = Vec::new();
    for kind in own.into_iter().chain(cgroup) {
        namespaces.push(LinuxNamespaceBuilder::default().typ(kind).build()?);
    }
    namespaces.push(
        LinuxNamespaceBuilder::default()
            .typ(LinuxNamespaceType::Network)
            .path(parts.network)
            .build()?,
    );
    Ok(namespaces)
}
