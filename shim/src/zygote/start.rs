//! Starts one container, step by step, in the process of a zygote; undoes everything where a step fails.

use std::fs::{self, File};
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use oci_spec::runtime::{Capabilities, Capability, LinuxDevice};
use serde::{Deserialize, Serialize};

use super::error::StartError;
use crate::capability::{self, UnknownCapability};
use crate::cgroup::{Cgroup, CgroupError, DeviceLimit, DeviceNumber};
use crate::container::{self, Plan};
use crate::device;
use crate::diagnosis::Recorder;
use crate::directory::by_descriptor;
use crate::process::Started;
use crate::rootfs::{Names, Rootfs};
use crate::spec::{self, Parts};
use crate::volume::{self, Directories};
use crate::workload::{ImageConfig, Workload};

/// For how long the processes of a container that failed to start are killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// A container to be started. All paths are absolute, and on mounts that the host had when the zygote was forked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartRequest {
    /// Names the container within its topology: letters, digits, `_`, `.` and `-`, not first a `.`. Also the name of its
    /// control group.
    pub id: String,
    /// The pod's name.
    pub hostname: String,
    /// The network namespace to join: a file of nsfs. Opened by whoever asks, so that mounts of the zygote do not matter.
    pub network: PathBuf,
    /// The container's own directory, on any filesystem; made, and removed with the container ([`crate::stop`]).
    pub directory: PathBuf,
    /// Where it writes: a directory on ext4, xfs, btrfs or tmpfs; made, and removed with the container. May lie in
    /// `directory`.
    pub writable: PathBuf,
    /// Where the pod's emptyDir volumes are made; the containers of a pod share it, and whoever removes the pod removes it.
    pub volumes: PathBuf,
    /// The same for volumes in memory: a directory on a tmpfs.
    pub memory_volumes: PathBuf,
    /// Standard output and error of the container are appended to it; made with mode 0640.
    pub log: PathBuf,
    /// The unpacked layers of the image, the lowest first.
    pub layers: Vec<PathBuf>,
    /// What the image says.
    pub image: ImageConfig,
    /// What the pod says.
    pub workload: Workload,
    /// Further names for `/etc/hosts`.
    pub hosts: Vec<(IpAddr, String)>,
}

/// What a zygote starts containers with.
#[derive(Debug)]
pub(super) struct Starter {
    /// The topology's control group.
    topology: Cgroup,
    /// How its containers' devices are limited.
    devices: DeviceLimit,
    /// What this process is capable of.
    available: Capabilities,
    /// A directory that only this process sees, for what is needed until a container runs.
    scratch: PathBuf,
    /// For what libcontainer says of its failures.
    recorder: Recorder,
}

impl Starter {
    /// For containers of a topology.
    ///
    /// # Errors
    /// [`StartError::OwnCapabilities`], [`StartError::Recorder`].
    pub(super) fn new(topology: Cgroup, scratch: &Path) -> Result<Self, StartError> {
        let available = capability::own().map_err(StartError::OwnCapabilities)?;
        let devices = DeviceLimit::detect(&topology);
        let topology = match devices {
            DeviceLimit::Program(_) => topology.without("devices"),
            DeviceLimit::Controller | DeviceLimit::None => topology,
        };
        Ok(Self {
            topology,
            devices,
            available,
            scratch: scratch.to_owned(),
            recorder: Recorder::new().map_err(StartError::Recorder)?,
        })
    }

    /// Makes and starts a container in `network`. Where that fails nothing of it is left: neither directories (if they
    /// were not there before) nor mounts, control groups or processes. The log stays.
    ///
    /// # Errors
    /// [`StartError`].
    pub(super) fn start(
        &self,
        request: &StartRequest,
        network: &OwnedFd,
    ) -> Result<Started, StartError> {
        check_id(&request.id)?;
        if request.workload.locks_memory && !self.available.contains(&Capability::SysResource) {
            return Err(StartError::MemoryLimit);
        }
        let group = self.topology.child(&request.id)?;
        if group.exists() {
            // Not touched, and above all not undone: it may be running.
            return Err(StartError::Exists(request.id.clone()));
        }
        let mut undo = Undo::default();
        let bundle = self.scratch.join(&request.id);
        for path in [&bundle, &request.directory, &request.writable] {
            if make_directory(path)? {
                undo.directories.push(path.clone());
            }
        }
        let names = Names {
            hostname: &request.hostname,
            hosts: &request.hosts,
        };
        let rootfs = Rootfs::mount(
            &request.layers,
            &request.writable,
            &bundle.join("rootfs"),
            names,
        )?;
        undo.group = Some(group.clone());
        group.create()?;
        let devices = device::some(&request.workload.devices)?;
        let numbers = numbers(&devices);
        let created = container::create(
            self.plan(request, network, &rootfs, &bundle, devices)?,
            &self.recorder,
        )?;
        // From here on the root filesystem is mounted in the container's own namespace.
        rootfs.unmount()?;
        self.put_in_group(&group, created.started.pid, &request.workload, &numbers)?;
        let started = created.start()?;
        undo.commit();
        // libcontainer's own records: whoever needs to know of the container later has its process and its group.
        let _ = fs::remove_dir_all(&bundle);
        Ok(started)
    }

    fn plan<'a>(
        &self,
        request: &'a StartRequest,
        network: &OwnedFd,
        rootfs: &Rootfs,
        bundle: &'a Path,
        devices: Vec<LinuxDevice>,
    ) -> Result<Plan<'a>, StartError> {
        let network = by_descriptor(network);
        let parts = self.parts(request, &network, rootfs, devices)?;
        let (spec, confinement) = spec::build(&request.workload, &request.image, parts)?;
        rootfs.make_directory(&confinement.cwd)?;
        confinement
            .save(&request.directory)
            .map_err(|(path, source)| StartError::Confinement { path, source })?;
        let [stdout, stderr] = open_log(&request.log)?;
        let stdin = File::open("/dev/null").map_err(StartError::Null)?.into();
        Ok(Plan {
            id: &request.id,
            bundle,
            spec,
            confinement,
            stdin,
            stdout,
            stderr,
        })
    }

    fn parts<'a>(
        &self,
        request: &'a StartRequest,
        network: &'a Path,
        rootfs: &'a Rootfs,
        devices: Vec<LinuxDevice>,
    ) -> Result<Parts<'a>, StartError> {
        let workload = &request.workload;
        let directories = Directories {
            disk: &request.volumes,
            memory: &request.memory_volumes,
        };
        let volumes = workload
            .mounts
            .iter()
            .map(|mount| volume::prepare(mount, directories));
        Ok(Parts {
            hostname: &request.hostname,
            root: rootfs.path(),
            network,
            cgroup: Path::new(&request.id),
            cgroup_namespace: self.topology.is_unified(),
            identity: rootfs
                .accounts()?
                .resolve(&request.image.user, workload.user.as_ref())?,
            capabilities: self.capabilities(workload)?,
            volumes: volumes.collect::<Result<_, _>>()?,
            devices: if workload.privileged {
                device::all(Path::new("/dev"))?
            } else {
                devices
            },
        })
    }

    /// libcontainer has put the process in the group of version 2, if there is one; the others and the limits are left.
    fn put_in_group(
        &self,
        group: &Cgroup,
        pid: i32,
        workload: &Workload,
        devices: &[DeviceNumber],
    ) -> Result<(), CgroupError> {
        group.add_to_controllers(pid)?;
        // Only now: while the container is being made its process is a copy of this one, which a small limit would kill.
        group.limit(&workload.resources)?;
        if workload.privileged {
            Ok(())
        } else {
            self.devices.apply(group, devices)
        }
    }

    fn capabilities(&self, workload: &Workload) -> Result<Capabilities, UnknownCapability> {
        if workload.privileged {
            return Ok(self.available.clone());
        }
        let (add, drop) = (&workload.add_capabilities, &workload.drop_capabilities);
        let mut granted = capability::resolve(add, drop, &self.available)?;
        // Where opening a device cannot be prevented, making its node is, unless the pod asks for it.
        if matches!(self.devices, DeviceLimit::None)
            && !capability::is_named(add, Capability::Mknod)
        {
            granted.remove(&Capability::Mknod);
        }
        Ok(granted)
    }
}

/// What devices are in the rules of a control group.
fn numbers(devices: &[LinuxDevice]) -> Vec<DeviceNumber> {
    let number = |device: &LinuxDevice| {
        let numbers = i32::try_from(device.major()).ok();
        numbers.zip(i32::try_from(device.minor()).ok())
    };
    devices.iter().filter_map(number).collect()
}

/// Opens the log for standard output and error, to be appended to.
fn open_log(path: &Path) -> Result<[OwnedFd; 2], StartError> {
    let error = |source| StartError::Log {
        path: path.to_owned(),
        source,
    };
    let log = File::options()
        .append(true)
        .create(true)
        .mode(0o640)
        .open(path)
        .map_err(error)?;
    let copy = log.try_clone().map_err(error)?;
    Ok([log.into(), copy.into()])
}

/// What is undone unless the start succeeds.
#[derive(Default)]
struct Undo {
    group: Option<Cgroup>,
    directories: Vec<PathBuf>,
}

impl Undo {
    fn commit(mut self) {
        self.group = None;
        self.directories.clear();
    }
}

impl Drop for Undo {
    fn drop(&mut self) {
        // The error that led here says more than one of these; what stays behind is found by whoever cleans up.
        if let Some(group) = &self.group {
            let _ = group.kill(PATIENCE).and_then(|()| group.remove());
        }
        for path in &self.directories {
            let _ = fs::remove_dir_all(path);
        }
    }
}

/// Ids are names of directories and of control groups; those of zygotes hold an `@`.
fn check_id(id: &str) -> Result<(), StartError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if id.is_empty() || id.len() > 255 || id.starts_with('.') || !id.bytes().all(allowed) {
        return Err(StartError::Id(id.to_owned()));
    }
    Ok(())
}

/// Makes a directory and those above it; tells whether it was not there before.
fn make_directory(path: &Path) -> Result<bool, StartError> {
    let error = |source| StartError::Directory {
        path: path.to_owned(),
        source,
    };
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(error)?;
    }
    match fs::create_dir(path) {
        Ok(()) => Ok(true),
        Err(source) if source.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(source) => Err(error(source)),
    }
}
