//! Tells a namespace its settings, or takes them back.

use std::collections::BTreeMap;

use netlink_packet_route::RouteNetlinkMessage;
use nix::errno::Errno;

use super::Setting;
use super::error::{ApplyError, SettingError};
use super::message;
use super::message::Way;
use crate::annotation::Route;
use crate::kernel::ethtool::Ethtool;
use crate::kernel::inside::Inside;
use crate::kernel::netlink::{Batch, Netlink, NetlinkError, Refusal};
use crate::kernel::netns::Netns;
use crate::kernel::procfs;
use crate::kernel::sysctl::{SysctlError, Sysctls};
use crate::name::InterfaceName;
use crate::observe;
use crate::plane::{PlaneError, mirror, xdp};
use crate::wire::veth;

/// Index of the loopback interface in every namespace (`LOOPBACK_IFINDEX`, `net/net_namespace.h`).
const LOOPBACK: u32 = 1;

/// Applies settings in order, in as few requests as their order allows. What is there already is left or replaced: the
/// second time changes nothing.
///
/// # Errors
/// The first [`SettingError`]; settings sent together with it may have been applied.
pub fn apply(netns: &Netns, settings: &[Setting]) -> Result<(), SettingError> {
    told(settings, || {
        let inside = || tell(Way::Apply, &mut Netlink::route_here()?, settings);
        netns.run(inside)?
    })
}

/// The same, by a socket that is open already. The namespace is entered only for what no routing socket can tell.
///
/// # Errors
/// As [`apply`].
pub fn apply_by(inside: &mut Inside, settings: &[Setting]) -> Result<(), SettingError> {
    let Inside { netns, socket } = inside;
    told(settings, || {
        if settings.iter().all(Setting::is_routing) {
            return tell(Way::Apply, socket, settings);
        }
        netns.run(|| tell(Way::Apply, socket, settings))?
    })
}

/// The first error of settings that were applied, or of the way to do so.
fn told(
    settings: &[Setting],
    apply: impl FnOnce() -> Result<Vec<SettingError>, ApplyError>,
) -> Result<(), SettingError> {
    let Some(first) = settings.first() else {
        return Ok(());
    };
    let errors = apply().map_err(|source| SettingError {
        setting: Box::new(first.clone()),
        removing: false,
        source,
    })?;
    errors.into_iter().next().map_or(Ok(()), Err)
}

/// Removes settings, the last first. What is gone already is no error. A sysctl keeps its value: what it was before is
/// not known here. Goes on after errors and returns them all.
pub fn remove(netns: &Netns, settings: &[Setting]) -> Vec<SettingError> {
    let Some(first) = settings.first() else {
        return Vec::new();
    };
    let reversed: Vec<Setting> = settings.iter().rev().cloned().collect();
    let inside = netns.run(|| tell(Way::Remove, &mut Netlink::route_here()?, &reversed));
    let failed = |source| {
        vec![SettingError {
            setting: Box::new(first.clone()),
            removing: true,
            source,
        }]
    };
    match inside {
        Ok(Ok(errors)) => errors,
        Ok(Err(error)) => failed(error),
        Err(error) => failed(error.into()),
    }
}

/// Tells the namespace of a socket, in which the thread is, too, unless all settings are of routing. Goes on after errors
/// where it removes.
fn tell(
    way: Way,
    socket: &mut Netlink,
    settings: &[Setting],
) -> Result<Vec<SettingError>, ApplyError> {
    Ok(Teller::new(way, socket)?.tell(settings))
}

/// Tells a namespace.
struct Teller<'a> {
    way: Way,
    socket: &'a mut Netlink,
    sysctls: Sysctls,
    /// Indices of the interfaces that were named so far.
    indices: BTreeMap<InterfaceName, u32>,
    batch: Batch,
    /// The setting of each request in the batch.
    sent: Vec<&'a Setting>,
    errors: Vec<SettingError>,
}

impl<'a> Teller<'a> {
    fn new(way: Way, socket: &'a mut Netlink) -> Result<Self, ApplyError> {
        Ok(Self {
            way,
            socket,
            sysctls: Sysctls::below(procfs::sys().map_err(ApplyError::Procfs)?),
            indices: BTreeMap::new(),
            batch: Batch::default(),
            sent: Vec::new(),
            errors: Vec::new(),
        })
    }

    fn tell(&mut self, settings: &'a [Setting]) -> Vec<SettingError> {
        for setting in settings {
            if let Err(source) = self.tell_one(setting) {
                self.fail(setting, source);
            }
            if self.way == Way::Apply && !self.errors.is_empty() {
                break;
            }
        }
        self.flush();
        std::mem::take(&mut self.errors)
    }

    fn tell_one(&mut self, setting: &'a Setting) -> Result<(), ApplyError> {
        let apply = self.way == Way::Apply;
        match setting {
            // Not by netlink: what waits has to be there first, and the kernel's answer comes at once.
            Setting::Sysctl { .. } if !apply => Ok(()),
            Setting::Sysctl {
                key,
                value,
                if_present,
            } => {
                self.flush();
                match self.sysctls.write(key, value) {
                    Err(SysctlError::Unknown { .. }) if *if_present => Ok(()),
                    result => Ok(result?),
                }
            }
            Setting::Offload {
                interface,
                gro,
                tx_checksum,
            } => {
                self.flush();
                let index = self.index(interface)?;
                let features = [
                    ("rx-gro", *gro == apply),
                    ("tx-checksum-ip-generic", *tx_checksum == apply),
                ];
                Ok(Ethtool::here()?.set_features(index, features)?)
            }
            Setting::Xdp { from, to } => {
                self.flush();
                let (from, to) = (self.index(from)?, self.index(to)?);
                if apply {
                    return Ok(xdp::attach(self.socket, from, to)?);
                }
                Ok(xdp::detach(self.socket, from)?)
            }
            other => self.enqueue(other),
        }
    }

    /// Adds the requests of a setting to those that wait.
    fn enqueue(&mut self, setting: &'a Setting) -> Result<(), ApplyError> {
        for (message, flags) in self.messages(setting)? {
            self.batch.push(message, flags);
            self.sent.push(setting);
        }
        Ok(())
    }

    /// The requests of a setting that is told by routing netlink.
    fn messages(
        &mut self,
        setting: &Setting,
    ) -> Result<Vec<(RouteNetlinkMessage, u16)>, ApplyError> {
        let way = self.way;
        Ok(match setting {
            Setting::LoopbackUp => vec![message::link(LOOPBACK, way)],
            Setting::LinkUp { interface } => vec![message::link(self.index(interface)?, way)],
            Setting::GroupUp { group } => vec![message::group(*group, way)],
            Setting::Address {
                interface,
                address,
                alone,
            } => {
                let index = self.index(interface)?;
                vec![message::address(index, *address, *alone, way)]
            }
            Setting::AltName { interface, name } => vec![message::altname(interface, name, way)],
            Setting::Neighbour(neighbour) => {
                vec![message::neighbour(
                    self.index(&neighbour.interface)?,
                    neighbour,
                    way,
                )]
            }
            Setting::Route(route) => vec![message::route(self.route_index(route)?, route, way)],
            Setting::Rule(rule) => vec![message::rule(rule, way)],
            Setting::Mirror { from, to } => {
                mirror::messages(self.index(from)?, self.index(to)?, way == Way::Apply)
            }
            Setting::Sysctl { .. } | Setting::Offload { .. } | Setting::Xdp { .. } => Vec::new(),
        })
    }

    /// The index of an interface of the namespace.
    fn index(&mut self, interface: &InterfaceName) -> Result<u32, ApplyError> {
        if let Some(index) = self.indices.get(interface) {
            return Ok(*index);
        }
        let index = self.socket.index_of(interface.as_str());
        let index = index.ok_or_else(|| ApplyError::NoInterface(interface.clone()))?;
        self.indices.insert(interface.clone(), index);
        Ok(index)
    }

    /// The index of a link by any of its names.
    fn index_of_any(&mut self, name: &str) -> Result<Option<u32>, ApplyError> {
        Ok(match self.socket.get(veth::by_name(name))? {
            Some(RouteNetlinkMessage::NewLink(found)) => Some(found.header.index),
            _ => None,
        })
    }

    fn route_index(&mut self, route: &Route) -> Result<Option<u32>, ApplyError> {
        route
            .interface
            .as_ref()
            .map(|interface| self.index(interface))
            .transpose()
    }

    /// Sends what is waiting.
    fn flush(&mut self) {
        let sent = std::mem::take(&mut self.sent);
        let Some(first) = sent.first() else { return };
        match self.socket.execute(std::mem::take(&mut self.batch)) {
            Ok(refused) => {
                for refused in refused {
                    let setting = sent[refused.position];
                    if let Err(error) = self.judge(setting, refused.refusal) {
                        self.fail(setting, error);
                    }
                }
            }
            Err(error) => self.fail(first, error.into()),
        }
    }

    /// Whether a refusal means that all is as it should be.
    fn judge(&mut self, setting: &Setting, refusal: Refusal) -> Result<(), ApplyError> {
        let harmless = match (self.way, setting) {
            (Way::Apply, Setting::Route(route)) if refusal.errno == Errno::EEXIST => {
                return self.same_route(route);
            }
            (Way::Apply, Setting::AltName { interface, name })
                if refusal.errno == Errno::EEXIST =>
            {
                self.index_of_any(name)? == Some(self.index(interface)?)
            }
            // A rule with the same selectors, priority and table.
            (Way::Apply, Setting::Rule(_) | Setting::Mirror { .. }) => {
                refusal.errno == Errno::EEXIST
            }
            (Way::Apply, _) => false,
            (Way::Remove, _) => is_gone(setting, refusal.errno),
        };
        if harmless {
            Ok(())
        } else {
            Err(NetlinkError::Refused(refusal).into())
        }
    }

    /// Whether the route that is there is the one that should be.
    fn same_route(&mut self, route: &Route) -> Result<(), ApplyError> {
        let interface = self.route_index(route)?;
        let found = observe::routes(self.socket)?;
        if found.iter().any(|found| found.is(route, interface)) {
            return Ok(());
        }
        Err(ApplyError::RouteExists {
            destination: route.to.to_string(),
            table: route.table.unwrap_or(observe::MAIN_TABLE),
        })
    }

    fn fail(&mut self, setting: &Setting, source: ApplyError) {
        let removing = self.way == Way::Remove;
        let gone = match &source {
            ApplyError::NoInterface(_) => true,
            ApplyError::Netlink(error) | ApplyError::Plane(PlaneError::Netlink(error)) => {
                error.errno() == Some(Errno::ENODEV)
            }
            _ => false,
        };
        if !(removing && gone) {
            self.errors.push(SettingError {
                setting: Box::new(setting.clone()),
                removing,
                source,
            });
        }
    }
}

/// Whether the kernel says of a setting that it is not there.
fn is_gone(setting: &Setting, errno: Errno) -> bool {
    errno == Errno::ENODEV
        || match setting {
            Setting::Address { .. } => errno == Errno::EADDRNOTAVAIL,
            Setting::AltName { .. } => errno == Errno::ENOENT,
            Setting::Route(_) => errno == Errno::ESRCH,
            Setting::Rule(_) | Setting::Neighbour(_) => errno == Errno::ENOENT,
            // No such queueing discipline: EINVAL before Linux 5.12, ENOENT since.
            Setting::Mirror { .. } => matches!(errno, Errno::ENOENT | Errno::EINVAL),
            _ => false,
        }
}
