//! Links whose virtual function a process drives (vfio-pci): the kernel has no interface there, so that nothing can be said
//! of one.

use super::Link;

impl Link {
    /// Whether the node has an interface for it.
    pub fn has_interface(&self) -> bool {
        self.vf.as_ref().is_none_or(|vf| vf.driver.is_none())
    }
}
