//! What is to be attached, and where that follows from. Pure.

use std::path::{Path, PathBuf};

use super::error::AttachError;
use super::ipam;
use crate::cni::arguments::Arguments;
use crate::cni::configuration::Configuration;
use crate::cni::delegate::Delegate;
use crate::cni::result::{Address, Dns, ResultRoute};
use pinwire_wiring::annotation::tuning::Tuning;
use pinwire_wiring::ledger::AttachmentName;
use pinwire_wiring::name::MacAddress;

/// An interface to attach.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its name.
    pub name: AttachmentName,
    /// Path of the container's network namespace.
    pub netns: PathBuf,
    /// MAC address; derived from the name if absent.
    pub mac: Option<MacAddress>,
    /// Maximum transmission unit, bytes.
    pub mtu: u32,
    /// What the container's end is tuned to.
    pub tuning: Tuning,
    /// Where its addresses are from.
    pub addressing: Addressing,
    /// Whether what leaves the host gets the host's address.
    pub masquerade: bool,
    /// Name service, for the result; what the IPAM plugin says counts only if this says nothing.
    pub dns: Dns,
}

/// Where addresses are from.
#[derive(Clone, Debug)]
pub enum Addressing {
    /// The caller knows them.
    Given {
        /// Addresses, with gateways.
        addresses: Vec<Address>,
        /// Routes.
        routes: Vec<ResultRoute>,
    },
    /// An IPAM plugin knows them.
    Delegated(Delegate),
}

impl Request {
    /// The IPAM plugin to write down, if there is one. It has to be there: without it there would be nothing to undo, nor
    /// anybody to undo it.
    pub(super) fn recorded_delegate(&self) -> Result<Option<Delegate>, AttachError> {
        let Addressing::Delegated(delegate) = &self.addressing else {
            return Ok(None);
        };
        ipam(delegate).executable()?;
        Ok(Some(delegate.to_record()))
    }

    /// Name service for the result: what was asked for, or else what was reserved.
    pub(super) fn dns_or(&self, reserved: Dns) -> Dns {
        if self.dns == Dns::default() {
            return reserved;
        }
        self.dns.clone()
    }

    /// What a configuration, `CNI_ARGS` and the runtime ask for; the runtime first, the configuration last.
    pub(crate) fn of(
        name: AttachmentName,
        netns: &Path,
        configuration: &Configuration,
        arguments: &Arguments,
        delegate: Option<Delegate>,
    ) -> Self {
        let [runtime_mac, mac] = configuration.mac;
        let [runtime_mtu, mtu] = configuration.mtu;
        let [runtime_addresses, addresses] = &configuration.addresses;
        let lists = [runtime_addresses, &arguments.addresses, addresses];
        let addresses = lists.into_iter().find(|list| !list.is_empty());
        let addresses = addresses.into_iter().flatten().map(|address| Address {
            interface: None,
            address: *address,
            gateway: None,
        });
        Self {
            name,
            netns: netns.to_owned(),
            mac: runtime_mac.or(arguments.mac).or(mac),
            mtu: runtime_mtu
                .or(arguments.mtu)
                .or(mtu)
                .unwrap_or(pinwire_wiring::annotation::rule::default::MTU),
            tuning: configuration.tuning.clone(),
            addressing: match delegate {
                Some(delegate) => Addressing::Delegated(delegate),
                None => Addressing::Given {
                    addresses: addresses.collect(),
                    routes: Vec::new(),
                },
            },
            masquerade: configuration.masquerade,
            dns: configuration.dns.clone(),
        }
    }
}
