//! The CPUs that serve the interrupt vectors of PCI devices (Documentation/core-api/irq/irq-affinity.rst). Roots are
//! parameters, so that a directory tree can stand for a machine. Not here: who wants which CPUs, and what they were.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use super::cpu::Cpus;
use super::{PciAddress, Sysfs, SysfsError};

/// Affinities by interrupt number, as the kernel writes them.
pub(crate) type Affinities = BTreeMap<u32, Cpus>;

/// What can go wrong with interrupts.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum InterruptError {
    /// Which vectors there are could not be read.
    #[error(transparent)]
    Sysfs(#[from] SysfsError),
    /// A file about CPUs or interrupts could not be read.
    #[error("cannot read {}", path.display())]
    File { path: PathBuf, source: io::Error },
    /// A file does not hold a list of CPUs.
    #[error("{} holds `{text}`, which is no list of CPUs", path.display())]
    List { path: PathBuf, text: String },
    /// An interrupt could not be moved.
    #[error("cannot move interrupt {interrupt} to the CPUs {cpus} ({})", path.display())]
    Move {
        interrupt: u32,
        cpus: Cpus,
        path: PathBuf,
        source: io::Error,
    },
}

/// The interrupts of a machine.
#[derive(Clone, Debug)]
pub struct Interrupts<'a> {
    sysfs: &'a Sysfs,
    proc: PathBuf,
}

impl<'a> Interrupts<'a> {
    /// Those of this machine.
    pub fn here(sysfs: &'a Sysfs) -> Self {
        Self::of(sysfs, "/proc")
    }

    /// By a sysfs and a procfs.
    pub(crate) fn of(sysfs: &'a Sysfs, proc: impl Into<PathBuf>) -> Self {
        let proc = proc.into();
        Self { sysfs, proc }
    }

    /// The CPUs that are online.
    pub(crate) fn online(&self) -> Result<Cpus, InterruptError> {
        let path = self.sysfs.online_cpus();
        list(path.clone())?.ok_or_else(|| InterruptError::File {
            path,
            source: io::ErrorKind::NotFound.into(),
        })
    }

    /// The affinities of a device's vectors. A vector that its driver has never asked for has none yet.
    pub(crate) fn read(&self, device: PciAddress) -> Result<Affinities, InterruptError> {
        let mut affinities = Affinities::new();
        for interrupt in self.sysfs.interrupts(device)? {
            if let Some(cpus) = list(self.path(interrupt))? {
                affinities.insert(interrupt, cpus);
            }
        }
        Ok(affinities)
    }

    /// The affinity of one vector of a device; `None` if it has none, or the device has no such vector any more: the number
    /// is somebody else's by now.
    pub(crate) fn affinity(
        &self,
        device: PciAddress,
        interrupt: u32,
    ) -> Result<Option<Cpus>, InterruptError> {
        if !self.sysfs.interrupts(device)?.contains(&interrupt) {
            return Ok(None);
        }
        list(self.path(interrupt))
    }

    /// Moves one vector of a device to CPUs, if it has others. A vector that [`Self::affinity`] does not find is left alone.
    pub(crate) fn set(
        &self,
        device: PciAddress,
        interrupt: u32,
        cpus: &Cpus,
    ) -> Result<(), InterruptError> {
        let now = self.affinity(device, interrupt)?;
        if now.is_none_or(|found| found == *cpus) {
            return Ok(());
        }
        let path = self.path(interrupt);
        let write = || {
            // Nothing is made that the kernel does not show.
            let options = fs::OpenOptions::new()
                .write(true)
                .truncate(true)
                .open(&path);
            options?.write_all(format!("{cpus}\n").as_bytes())
        };
        write().map_err(|source| InterruptError::Move {
            interrupt,
            cpus: cpus.clone(),
            path: path.clone(),
            source,
        })
    }

    fn path(&self, interrupt: u32) -> PathBuf {
        let directory = self.proc.join("irq").join(interrupt.to_string());
        directory.join("smp_affinity_list")
    }
}

/// The CPUs in a file; `None` if there is no such file.
fn list(path: PathBuf) -> Result<Option<Cpus>, InterruptError> {
    match fs::read_to_string(&path) {
        Ok(text) => match text.parse() {
            Ok(cpus) => Ok(Some(cpus)),
            Err(_) => Err(InterruptError::List {
                path,
                text: text.trim().to_owned(),
            }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(InterruptError::File { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tempfile::TempDir;

    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn cpus(text: &str) -> Cpus {
        text.parse().unwrap()
    }

    /// A device with three vectors, the last of which was never asked for.
    fn machine() -> (TempDir, Sysfs, PciAddress) {
        let root = TempDir::new().unwrap();
        let address = "0000:01:10.0";
        for number in [30, 31, 32] {
            let path = format!("bus/pci/devices/{address}/msi_irqs/{number}");
            write(root.path(), &path, "msix\n");
        }
        write(root.path(), "proc/irq/30/smp_affinity_list", "0-3\n");
        write(root.path(), "proc/irq/31/smp_affinity_list", "2\n");
        write(root.path(), "proc/irq/40/smp_affinity_list", "1\n");
        let sysfs = Sysfs::at(root.path());
        (root, sysfs, address.parse().unwrap())
    }

    #[test]
    fn only_vectors_of_the_device_are_moved() {
        let (root, sysfs, device) = machine();
        let interrupts = Interrupts::of(&sysfs, root.path().join("proc"));
        let before = interrupts.read(device).unwrap();
        assert_eq!(before, [(30, cpus("0-3")), (31, cpus("2"))].into());
        for number in [30, 31, 32, 40] {
            interrupts.set(device, number, &cpus("2-3")).unwrap();
        }
        let now = |number: u32| {
            let path = format!("proc/irq/{number}/smp_affinity_list");
            fs::read_to_string(root.path().join(path)).unwrap_or_default()
        };
        assert_eq!([30, 31, 32, 40].map(now), ["2-3\n", "2-3\n", "", "1\n"]);
        let found = [30, 32, 40].map(|number| interrupts.affinity(device, number).unwrap());
        assert_eq!(found, [Some(cpus("2-3")), None, None]);
    }

    #[test]
    fn what_is_no_list_is_named() {
        let (root, sysfs, address) = machine();
        write(root.path(), "proc/irq/31/smp_affinity_list", "all\n");
        let interrupts = Interrupts::of(&sysfs, root.path().join("proc"));
        let error = interrupts.read(address).unwrap_err().to_string();
        assert!(
            error.ends_with("holds `all`, which is no list of CPUs"),
            "{error}"
        );
    }
}
