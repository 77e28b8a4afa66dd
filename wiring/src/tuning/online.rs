//! Whether the CPUs that interrupts are to go to are there.

use super::TuningError;
use crate::machine::Interrupts;
use crate::machine::cpu::Cpus;

/// Fails unless all CPUs are online.
///
/// # Errors
/// [`TuningError::Offline`], and what kept it from being told.
pub(crate) fn check_online(interrupts: &Interrupts<'_>, cpus: &Cpus) -> Result<(), TuningError> {
    let online = interrupts.online()?;
    match cpus.without(&online) {
        None => Ok(()),
        Some(missing) => Err(TuningError::Offline { missing, online }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::machine::Sysfs;

    #[test]
    fn cpus_must_be_online() {
        let root = TempDir::new().unwrap();
        let directory = root.path().join("devices/system/cpu");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("online"), "0-3\n").unwrap();
        let sysfs = Sysfs::at(root.path());
        let interrupts = Interrupts::of(&sysfs, root.path().join("proc"));
        let check = |text: &str| check_online(&interrupts, &text.parse().unwrap());
        check("0,3").unwrap();
        assert_eq!(
            check("3-5").unwrap_err().to_string(),
            "`tuning.interrupts` names the CPUs 4-5, which are not online: 0-3 are"
        );
    }
}
