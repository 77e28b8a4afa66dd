//! What can go wrong with the virtual function of an attachment.

use super::check::VfDifference;
use crate::annotation::PoolError;
use crate::kernel::netlink::NetlinkError;
use crate::kernel::netns::NetnsError;
use crate::ledger::{JournalError, StateError};
use crate::machine::{InterruptError, PciAddress, SysfsError};
use crate::name::{InterfaceName, MacAddress};
use crate::tuning::TuningError;
use crate::vf::{ChoiceError, DriverError, PhysicalError};
use crate::wire::EndDifference;

/// Why a virtual function could not be attached, checked or given back.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum AllocationError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Netns(#[from] NetnsError),
    /// It is not as it was attached.
    #[error(transparent)]
    Difference(#[from] VfDifference),
    /// Its interface is not as it was attached.
    #[error(transparent)]
    End(#[from] EndDifference),
    #[error(transparent)]
    Sysfs(#[from] SysfsError),
    #[error(transparent)]
    Pool(#[from] PoolError),
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    #[error(transparent)]
    Physical(#[from] PhysicalError),
    #[error(transparent)]
    Driver(#[from] DriverError),
    #[error(transparent)]
    Tuning(#[from] TuningError),
    #[error(transparent)]
    Interrupt(#[from] InterruptError),
    /// Somebody else has it.
    #[error("the virtual function {function} is held by {holder}")]
    Held {
        function: PciAddress,
        holder: String,
    },
    /// It cannot be attached as it is.
    #[error("the virtual function {function} has no interface on the host ({})", driver.as_deref().map_or_else(|| "it has no driver".to_owned(), |driver| format!("its driver is {driver}")))]
    NoInterface {
        function: PciAddress,
        driver: Option<String>,
    },
    /// It cannot be reset, and has to be.
    #[error("the virtual function {function} cannot be reset: sysfs has no `reset` of it")]
    NoReset { function: PciAddress },
    /// A link asks for what the network configuration does not have.
    #[error("the link `{interface}` of pod {pod} cannot be made: {reason}")]
    Link {
        interface: InterfaceName,
        pod: String,
        reason: String,
    },
    /// Its interface could not be told something.
    #[error("cannot {what} the interface `{name}` of the virtual function {function}")]
    Device {
        what: &'static str,
        name: String,
        function: PciAddress,
        source: NetlinkError,
    },
    /// Its interface cannot be looked up.
    #[error("cannot look up the interface of the virtual function {function} (RTM_GETLINK)")]
    Look {
        function: PciAddress,
        source: NetlinkError,
    },
    /// The driver did not take its MAC address.
    #[error(
        "the virtual function {function} keeps the MAC address {found} instead of {wanted}: bind its driver anew"
    )]
    Mac {
        function: PciAddress,
        wanted: MacAddress,
        found: MacAddress,
    },
    /// The interface did not arrive in the container.
    #[error("the virtual function {function} did not arrive as `{interface}`")]
    Missing {
        function: PciAddress,
        interface: InterfaceName,
    },
    /// Its interface is in no namespace that can be seen, and its driver cannot be bound anew.
    #[error(
        "the interface of the virtual function {function} is in no network namespace that can be seen, and binding its driver anew did not bring it back"
    )]
    Lost { function: PciAddress },
}
