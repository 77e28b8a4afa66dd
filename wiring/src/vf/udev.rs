//! Whether udev is done with a new interface: until then it gives it a name, and a MAC address of its own where the driver chose
//! one at random (`MACAddressPolicy`, systemd.link(5)), whatever somebody else has told it meanwhile.

use std::path::Path;

/// The socket of a running udevd.
const CONTROL: &str = "/run/udev/control";
/// What udev has found out, by device: written when it is done with an event.
const DATABASE: &str = "/run/udev/data";

/// Whether an interface of the host is left alone from now on. It is, too, where no udev can be seen.
pub(super) fn is_done(index: u32) -> bool {
    !Path::new(CONTROL).exists() || Path::new(DATABASE).join(format!("n{index}")).exists()
}
