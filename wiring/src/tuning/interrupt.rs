//! The CPUs that serve the interrupt vectors of a PCI device (Documentation/core-api/irq/irq-affinity.rst). Roots are
//! parameters, so that a directory tree can stand for a machine.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use super::TuningError;
use crate::machine::cpu::Cpus;
use crate::machine::{PciAddress, Sysfs};

/// Affinities by interrupt number, as the kernel writes them.
pub(crate) type Affinities = BTreeMap<u32, Cpus>;

/// The interrupts of a machine.
pub struct Interrupts<'a> {
    sysfs: &'a Sysfs,
    proc: PathBuf,
}

impl<'a> Interrupts<'a> {
    /// By a sysfs and a procfs.
    pub(crate) fn of(sysfs: &'a Sysfs, proc: impl Into<PathBuf>) -> Self {
        let proc = proc.into();
        Self { sysfs, proc }
    }

    /// Whether CPUs are there and online.
    ///
    /// # Errors
    /// [`TuningError::Offline`], and what kept it from being told.
    pub(crate) fn check(&self, cpus: &Cpus) -> Result<(), TuningError> {
        let online = self.online()?;
        match cpus.without(&online) {
            None => Ok(()),
            Some(missing) => Err(TuningError::Offline { missing, online }),
        }
    }

    fn online(&self) -> Result<Cpus, TuningError> {
        let path = self.sysfs.online_cpus();
        list(path.clone())?.ok_or_else(|| TuningError::File {
            path,
            source: io::ErrorKind::NotFound.into(),
        })
    }

    /// The affinities of a device's vectors. A vector that its driver has never asked for has none yet.
    pub(crate) fn read(&self, address: PciAddress) -> Result<Affinities, TuningError> {
        let mut affinities = Affinities::new();
        for interrupt in self.sysfs.interrupts(address)? {
            if let Some(cpus) = list(self.path(interrupt))? {
                affinities.insert(interrupt, cpus);
            }
        }
        Ok(affinities)
    }

    /// Moves a device's vectors to CPUs, those of `affinities` that have others; `step` is called after each. Vectors that
    /// the device does not have any more are somebody else's by now.
    ///
    /// # Errors
    /// [`TuningError::Move`], of the first that cannot be moved.
    pub(crate) fn set(
        &self,
        address: PciAddress,
        affinities: &Affinities,
        step: fn(),
    ) -> Result<(), TuningError> {
        let now = self.read(address)?;
        for (interrupt, cpus) in affinities {
            if now.get(interrupt).is_none_or(|found| found == cpus) {
                continue;
            }
            let path = self.path(*interrupt);
            let file = fs::OpenOptions::new().write(true).open(&path);
            let text = cpus.to_string();
            let written =
                file.and_then(|mut file| io::Write::write_all(&mut file, text.as_bytes()));
            written.map_err(|source| TuningError::Move {
                interrupt: *interrupt,
                cpus: text,
                path,
                source,
            })?;
            step();
        }
        Ok(())
    }

    /// Moves a device's vectors to where they were. Where none of the CPUs is online any more, the kernel takes no such list,
    /// and has long moved them itself.
    ///
    /// # Errors
    /// As [`Self::set`].
    pub(crate) fn restore(
        &self,
        address: PciAddress,
        before: &Affinities,
        step: fn(),
    ) -> Result<(), TuningError> {
        let online = self.online()?;
        let mut before = before.clone();
        before.retain(|_, cpus| cpus.without(&online).as_ref() != Some(cpus));
        self.set(address, &before, step)
    }

    fn path(&self, interrupt: u32) -> PathBuf {
        let directory = self.proc.join("irq").join(interrupt.to_string());
        directory.join("smp_affinity_list")
    }
}

/// The CPUs in a file; `None` if there is no such file.
fn list(path: PathBuf) -> Result<Option<Cpus>, TuningError> {
    match fs::read_to_string(&path) {
        Ok(text) => match text.parse() {
            Ok(cpus) => Ok(Some(cpus)),
            Err(_) => Err(TuningError::List {
                path,
                text: text.trim().to_owned(),
            }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(TuningError::File { path, source }),
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

    /// A device with three vectors, the last of which was never asked for, on a machine with CPUs 0 to 3.
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
        write(root.path(), "devices/system/cpu/online", "0-3\n");
        let sysfs = Sysfs::at(root.path());
        (root, sysfs, address.parse().unwrap())
    }

    #[test]
    fn only_vectors_of_the_device_are_moved() {
        let (root, sysfs, address) = machine();
        let interrupts = Interrupts::of(&sysfs, root.path().join("proc"));
        let before = interrupts.read(address).unwrap();
        assert_eq!(before, [(30, cpus("0-3")), (31, cpus("2"))].into());
        let wanted = [30, 31, 32, 40].map(|number| (number, cpus("2-3"))).into();
        interrupts.set(address, &wanted, || {}).unwrap();
        let now = |number: u32| {
            let path = format!("proc/irq/{number}/smp_affinity_list");
            fs::read_to_string(root.path().join(path)).unwrap()
        };
        assert!(now(30).starts_with("2-3") && now(31).starts_with("2-3"));
        assert_eq!(now(40), "1\n");
        // A CPU that was there is not any more.
        write(root.path(), "devices/system/cpu/online", "0-1,3\n");
        interrupts.restore(address, &before, || {}).unwrap();
        assert!(now(30).starts_with("0-3") && now(31).starts_with("2-3"));
        write(root.path(), "devices/system/cpu/online", "0-3\n");
        interrupts.restore(address, &before, || {}).unwrap();
        assert!(now(30).starts_with("0-3") && now(31).starts_with('2'));
    }

    #[test]
    fn cpus_must_be_online() {
        let (root, sysfs, _) = machine();
        let interrupts = Interrupts::of(&sysfs, root.path().join("proc"));
        interrupts.check(&cpus("0,3")).unwrap();
        let error = interrupts.check(&cpus("3-5")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`tuning.interrupts` names the CPUs 4-5, which are not online: 0-3 are"
        );
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
