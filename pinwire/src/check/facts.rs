//! The facts that findings are made of, read below a root: `/`, or a test's directory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use pinwire_wiring::annotation::VFIO;
use pinwire_wiring::machine::{PhysicalFunction, Sysfs, SysfsError, VirtualFunction};
use pinwire_wiring::vf;

/// What was found on a host.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The kernel's release, `uname -r`.
    pub kernel: String,
    /// Which control groups are mounted.
    pub control_groups: ControlGroups,
    /// How many IOMMUs the kernel uses.
    pub iommus: usize,
    /// How many groups of devices they keep apart.
    pub iommu_groups: usize,
    /// The driver vfio-pci.
    pub vfio: Module,
    /// The physical functions.
    pub physical: Vec<PhysicalFacts>,
}

/// Versions of control groups (cgroups(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlGroups {
    /// None is mounted.
    None,
    /// Version 1.
    V1,
    /// Both are mounted.
    Hybrid,
    /// Version 2.
    V2,
}

/// A driver that may be a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Module {
    /// It is there.
    Loaded,
    /// Its module is.
    Installed,
    /// Neither is.
    Missing,
}

/// What was found of one physical function.
#[derive(Clone, Debug)]
pub struct PhysicalFacts {
    /// It.
    pub physical: PhysicalFunction,
    /// Its virtual functions.
    pub vfs: Vec<VirtualFunction>,
    /// Whether its port has a link; not known while its interface is down.
    pub carrier: Option<bool>,
    /// Whether it drops frames of VLANs that none of its functions is in; not known where the kernel cannot be asked.
    pub filters_vlans: Option<bool>,
    /// Whether virtual functions get their drivers by themselves.
    pub probes: bool,
}

/// What could not be read.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum FactsError {
    /// A file.
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// A device.
    #[error(transparent)]
    Sysfs(#[from] SysfsError),
}

/// Reads the facts below a root.
///
/// # Errors
/// [`FactsError`]; what a kernel may lack is no error.
pub fn read(root: &Path) -> Result<Facts, FactsError> {
    let sys = root.join("sys");
    let kernel = text(&root.join("proc/sys/kernel/osrelease"))?;
    let kernel = kernel.trim().to_owned();
    let sysfs = Sysfs::at(&sys);
    let physical = sysfs.physical_functions()?;
    let physical = physical
        .into_iter()
        .map(|physical| read_physical(&sys, &sysfs, physical));
    Ok(Facts {
        control_groups: control_groups(&text(&root.join("proc/self/mounts"))?),
        iommus: entries(&sys.join("class/iommu")),
        iommu_groups: entries(&sys.join("kernel/iommu_groups")),
        vfio: vfio(root, &sysfs, &kernel),
        physical: physical.collect::<Result<_, _>>()?,
        kernel,
    })
}

fn read_physical(
    sys: &Path,
    sysfs: &Sysfs,
    physical: PhysicalFunction,
) -> Result<PhysicalFacts, FactsError> {
    let carrier = physical.interface.as_ref().and_then(|interface| {
        let path = sys.join("class/net").join(&interface.name).join("carrier");
        // The kernel refuses to say while the interface is down.
        let text = fs::read_to_string(path).ok()?;
        Some(text.trim() == "1")
    });
    Ok(PhysicalFacts {
        vfs: sysfs.virtual_functions(physical.address)?,
        probes: sysfs.probes(physical.address)?,
        filters_vlans: sysfs
            .is_live()
            .then(|| vf::filters_vlans(&physical).ok())
            .flatten(),
        carrier,
        physical,
    })
}

fn vfio(root: &Path, sysfs: &Sysfs, kernel: &str) -> Module {
    if sysfs.check_driver(VFIO).is_ok() {
        return Module::Loaded;
    }
    // Modules that are built in have no file, and their drivers are always there.
    let modules = root.join("lib/modules").join(kernel).join("modules.dep");
    let list = fs::read_to_string(modules).unwrap_or_default();
    let file = format!("/{VFIO}.ko");
    let mut paths = list
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(path, _)| path);
    if paths.any(|path| path.contains(&file)) {
        Module::Installed
    } else {
        Module::Missing
    }
}

fn control_groups(mounts: &str) -> ControlGroups {
    let has = |kind: &str| {
        let mut lines = mounts.lines();
        lines.any(|line| line.split(' ').nth(2) == Some(kind))
    };
    match (has("cgroup"), has("cgroup2")) {
        (false, false) => ControlGroups::None,
        (true, false) => ControlGroups::V1,
        (true, true) => ControlGroups::Hybrid,
        (false, true) => ControlGroups::V2,
    }
}

fn text(path: &Path) -> Result<String, FactsError> {
    fs::read_to_string(path).map_err(|source| FactsError::Read {
        path: path.to_owned(),
        source,
    })
}

/// How many entries a directory has; none if there is no such directory.
fn entries(directory: &Path) -> usize {
    fs::read_dir(directory).map_or(0, Iterator::count)
}
