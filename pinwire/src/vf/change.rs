//! Virtual functions are made, removed and bound, never those that somebody has. All is checked first, so that a rehearsal says
//! what would be refused; the plugin's inventory checks again, under the lock that attaching takes.

use std::thread;
use std::time::{Duration, Instant};

use pinwire_wiring::allocation::inventory;
use pinwire_wiring::annotation::VFIO;
use pinwire_wiring::ledger::Holding;
use pinwire_wiring::machine::{PciAddress, PhysicalFunction, Sysfs, SysfsError, VirtualFunction};

use super::{HostVfs, VfError, title};

/// How long udev may take to load the driver of new virtual functions, and that to make their interfaces.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);

/// What [`HostVfs::create`] made.
#[derive(Debug)]
pub struct Created {
    /// The physical function.
    pub physical: PhysicalFunction,
    /// How many virtual functions it had.
    pub before: u32,
    /// Those that have no driver, and why that may be.
    pub without_driver: Option<String>,
}

impl HostVfs {
    /// Makes `count` virtual functions of a physical function that has none; as many as there are is no error.
    ///
    /// # Errors
    /// [`VfError`].
    pub fn create(&self, name: &str, count: u32, dry_run: bool) -> Result<Created, VfError> {
        let physical = self.find_physical(name)?;
        let before = physical.enabled;
        Sysfs::check_count(&physical, count)?;
        let mut without_driver = None;
        if !dry_run {
            inventory::create(&self.sysfs, &self.state, physical.address, count)?;
            without_driver = self.missing_drivers(&physical)?;
        }
        Ok(Created {
            physical,
            before,
            without_driver,
        })
    }

    /// Removes all virtual functions of a physical function; how many there were. `force` removes those, too, that are not
    /// at home, but none that an attachment has.
    ///
    /// # Errors
    /// [`VfError::InUse`], [`VfError::Away`], and others.
    pub fn free(
        &self,
        name: &str,
        force: bool,
        dry_run: bool,
    ) -> Result<PhysicalFunction, VfError> {
        let physical = self.find_physical(name)?;
        self.check_unheld(&physical)?;
        if !force {
            self.check_at_home(&physical)?;
        }
        if !dry_run {
            inventory::free(&self.sysfs, &self.state, physical.address)?;
        }
        Ok(physical)
    }

    /// Gives a virtual function that nobody has another driver.
    ///
    /// # Errors
    /// [`VfError::Held`], [`VfError::NoIommu`], and others.
    pub fn bind(
        &self,
        name: &str,
        driver: &str,
        dry_run: bool,
    ) -> Result<VirtualFunction, VfError> {
        let vf = self.find_vf(name)?;
        self.check_free(&vf)?;
        if driver == VFIO && vf.iommu_group.is_none() {
            return Err(VfError::NoIommu(vf.address));
        }
        self.sysfs.check_driver(driver)?;
        self.give(vf, Some(driver), dry_run)
    }

    /// Gives a virtual function that nobody has back to the kernel's own driver.
    ///
    /// # Errors
    /// [`VfError::Held`], and others.
    pub fn unbind(&self, name: &str, dry_run: bool) -> Result<VirtualFunction, VfError> {
        let vf = self.find_vf(name)?;
        self.check_free(&vf)?;
        self.give(vf, None, dry_run)
    }

    fn give(
        &self,
        vf: VirtualFunction,
        driver: Option<&str>,
        dry_run: bool,
    ) -> Result<VirtualFunction, VfError> {
        if dry_run {
            return Ok(vf);
        }
        let address = vf.address;
        Ok(inventory::bind(&self.sysfs, &self.state, address, driver)?)
    }

    /// Refuses where an attachment has one of the virtual functions, or will have it as the other end of a wire.
    fn check_unheld(&self, physical: &PhysicalFunction) -> Result<(), VfError> {
        let holdings = self.state.holdings()?;
        let mut users: Vec<String> = holdings
            .iter()
            .filter(|holding| holding.physical == physical.address)
            .map(|holding| format!("{} is held by {}", holding.function, holding.holder))
            .collect();
        users.extend(holdings.iter().filter_map(|holding| {
            let (partner, holder) = partner(holding)?;
            let wire = holding.wire.as_ref()?;
            let here = wire.partner_physical == physical.address;
            let there = holdings.iter().any(|other| other.function == partner);
            (here && !there).then(|| format!("{partner} is kept for {holder}"))
        }));
        if users.is_empty() {
            return Ok(());
        }
        Err(VfError::InUse {
            physical: title(physical),
            users,
        })
    }

    /// Refuses where a virtual function is elsewhere than on this host, or driven by a process.
    fn check_at_home(&self, physical: &PhysicalFunction) -> Result<(), VfError> {
        let vfs = self.sysfs.virtual_functions(physical.address)?;
        let users: Vec<String> = vfs.iter().filter_map(away).collect();
        if users.is_empty() {
            return Ok(());
        }
        Err(VfError::Away {
            physical: title(physical),
            users,
        })
    }

    fn check_free(&self, vf: &VirtualFunction) -> Result<(), VfError> {
        let holdings = self.state.holdings()?;
        let held = holdings
            .iter()
            .find(|holding| holding.function == vf.address);
        let holder = held.map(|holding| holding.holder.clone()).or_else(|| {
            let mut partners = holdings.iter().filter_map(partner);
            let (_, holder) = partners.find(|(partner, _)| *partner == vf.address)?;
            Some(holder)
        });
        match holder {
            None => Ok(()),
            Some(holder) => Err(VfError::Held {
                vf: vf.address,
                holder,
            }),
        }
    }

    /// Waits until new virtual functions have their drivers, and says why some have none.
    fn missing_drivers(&self, physical: &PhysicalFunction) -> Result<Option<String>, VfError> {
        if !self.sysfs.probes(physical.address)? {
            let reason = "their drivers are not to be bound by themselves (`sriov_drivers_autoprobe` is 0): bind each, `pinwire vf bind`";
            return Ok(Some(reason.to_owned()));
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let without = self.without_driver(physical.address)?;
            if without == 0 {
                return Ok(None);
            }
            if Instant::now() > deadline {
                return Ok(Some(format!(
                    "{without} of them have none: is the module of their driver installed? (`modinfo` of igbvf, iavf, ixgbevf, …)"
                )));
            }
            thread::sleep(PAUSE);
        }
    }

    fn without_driver(&self, physical: PciAddress) -> Result<usize, SysfsError> {
        let vfs = self.sysfs.virtual_functions(physical)?;
        let bare = |vf: &&VirtualFunction| vf.driver.is_none();
        Ok(vfs.iter().filter(bare).count())
    }
}

/// The virtual function that is kept for the other end of a wire, and for whom.
fn partner(holding: &Holding) -> Option<(PciAddress, String)> {
    let wire = holding.wire.as_ref()?;
    let (node, interface) = &wire.peer;
    let holder = format!("{node}:{interface}, the other end of {}", holding.holder);
    Some((wire.partner, holder))
}

/// Where a virtual function is that is not at home.
fn away(vf: &VirtualFunction) -> Option<String> {
    let address = vf.address;
    match (&vf.interface, vf.driver.as_deref()) {
        (Some(_), _) | (None, None) => None,
        (None, Some(VFIO)) => Some(format!("{address} has the driver {VFIO}")),
        (None, Some(_)) => Some(format!(
            "the interface of {address} is in another network namespace"
        )),
    }
}
