//! What can go wrong when a namespace is told its settings.

use super::Setting;
use crate::kernel::netlink::NetlinkError;
use crate::kernel::netns::NetnsError;
use crate::kernel::sysctl::SysctlError;
use crate::name::InterfaceName;
use crate::plane::PlaneError;

/// A setting that could not be applied or removed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {} the setting `{setting}`", if *removing { "remove" } else { "apply" })]
pub struct SettingError {
    /// The setting.
    pub setting: Box<Setting>,
    /// Whether it was to be removed.
    pub removing: bool,
    /// Why.
    pub source: ApplyError,
}

/// Why a setting could not be applied or removed.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The namespace could not be entered.
    #[error(transparent)]
    Netns(#[from] NetnsError),
    /// Netlink failed, or the kernel refused.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// There is no such interface.
    #[error("there is no interface `{0}` in this network namespace")]
    NoInterface(InterfaceName),
    /// The directory of all sysctls could not be opened.
    #[error("cannot open /proc/sys")]
    Procfs(#[source] rustix::io::Errno),
    /// A sysctl was not taken.
    #[error(transparent)]
    Sysctl(#[from] SysctlError),
    /// A route to the same destination, with the same metric and table, is there already and goes elsewhere.
    #[error("another route to {destination} exists with this metric in table {table}")]
    RouteExists {
        /// Destination.
        destination: String,
        /// Table.
        table: u32,
    },
    /// The plane could not be set up.
    #[error(transparent)]
    Plane(#[from] PlaneError),
}
