//! What CHECK can find.

use ipnet::IpNet;

use crate::annotation::Attribute;
use crate::machine::PciAddress;
use crate::name::MacAddress;
use crate::setting::Setting;
use crate::topology::pod::Pod;
use crate::tuning::Mismatch;
use crate::wire::WireEnd;

/// Something that is not as it was attached.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum Difference {
    /// The namespace is another one.
    #[error("{netns} is not the network namespace that the container was attached in")]
    Namespace { netns: String },
    /// The interface is gone.
    #[error("{end} is gone")]
    Gone { end: Box<WireEnd> },
    /// Another interface has the name.
    #[error("{end} is not the one that was attached")]
    Replaced { end: Box<WireEnd> },
    /// The interface has another name.
    #[error("{end} has been renamed to `{name}`")]
    Renamed { end: Box<WireEnd>, name: String },
    /// The interface is down.
    #[error("{end} is down")]
    Down { end: Box<WireEnd> },
    /// The MAC address changed.
    #[error("{end} has the MAC address {} instead of {expected}", found.map_or_else(|| "none".to_owned(), |mac| mac.to_string()))]
    Mac {
        end: Box<WireEnd>,
        expected: MacAddress,
        found: Option<MacAddress>,
    },
    /// The MTU changed.
    #[error("{end} has an MTU of {found} instead of {expected}")]
    Mtu {
        end: Box<WireEnd>,
        expected: u32,
        found: u32,
    },
    /// The interface belongs to a bridge or the like.
    #[error("{end} has become part of another interface (index {master})")]
    Master { end: Box<WireEnd>, master: u32 },
    /// An address is gone.
    #[error("{end} has lost the address {address}")]
    Address { end: Box<WireEnd>, address: IpNet },
    /// A route is gone, or goes elsewhere.
    #[error("the route to {to} by {end} is gone or has changed")]
    Route { end: Box<WireEnd>, to: IpNet },
    /// A setting of a node does not stand.
    #[error("{pod} has lost the setting `{setting}`")]
    Setting {
        pod: Box<Pod>,
        setting: Box<Setting>,
    },
    /// A virtual function was told something else.
    #[error("the virtual function {function} has {found} instead of {wanted}")]
    Attribute {
        function: PciAddress,
        wanted: Attribute,
        found: Attribute,
    },
    /// A virtual function got another driver.
    #[error("the virtual function {function} has the driver {found} instead of {expected}")]
    Driver {
        function: PciAddress,
        expected: String,
        found: String,
    },
    /// An interface is tuned to something else.
    #[error("{what} has {} instead of {} as `tuning.{}`", mismatch.found, mismatch.wanted, mismatch.key)]
    Tuning { what: String, mismatch: Mismatch },
    /// `prevResult` lacks the interface.
    #[error("prevResult does not have {end}")]
    Result { end: Box<WireEnd> },
}
