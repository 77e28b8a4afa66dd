//! The sysctls without which an attached interface carries nothing: forwarding on the host, IPv6 in the container.

use std::path::Path;

use super::{Plan, WireEnd};
use crate::cni::error::PluginError;
use pinwire_wiring::kernel::inside::Inside;
use pinwire_wiring::kernel::netns::{Netns, NetnsError};
use pinwire_wiring::kernel::sysctl::SysctlKey;
use pinwire_wiring::setting;
use pinwire_wiring::setting::Setting;
use pinwire_wiring::wire::Sockets;

/// Turns on what is off, for the families of the container's addresses. A value that is right is not written: the
/// sysctls of the host may be read-only to this process.
pub(super) fn enable(plan: &Plan, sockets: &mut Sockets) -> Result<(), PluginError> {
    let [inside, outside] = &plan.wire.ends;
    let has = |v4| {
        plan.addresses
            .iter()
            .any(|address| address.address.addr().is_ipv4() == v4)
    };
    if has(true) {
        let key = ["net", "ipv4", "ip_forward"];
        ensure(sockets.of(outside)?, &key, "1")?;
    }
    if has(false) {
        let key = ["net", "ipv6", "conf", "all", "forwarding"];
        ensure(sockets.of(outside)?, &key, "1")?;
        // Runtimes make namespaces with IPv6 off where the first network has none.
        let name = inside.interface.as_str();
        let key = ["net", "ipv6", "conf", name, "disable_ipv6"];
        ensure(sockets.of(inside)?, &key, "0")?;
    }
    Ok(())
}

/// Before the host's end is up: its link-local address, without which the host asks for no neighbour behind it
/// (`ndisc_solicit`, net/ipv6/ndisc.c), needs no second for duplicate address detection, as nobody else can have it.
pub(super) fn prepare(host: &mut Inside, outside: &WireEnd) -> Result<(), PluginError> {
    let parts = [
        "net",
        "ipv6",
        "conf",
        outside.interface.as_str(),
        "accept_dad",
    ];
    let setting = Setting::Sysctl {
        key: SysctlKey::from_parts(&parts),
        value: "0".into(),
        if_present: true,
    };
    Ok(setting::apply_by(host, &[setting])?)
}

fn ensure(inside: &mut Inside, parts: &[&str], value: &str) -> Result<(), PluginError> {
    let key = SysctlKey::from_parts(parts);
    if read(&inside.netns, &key)?.is_some_and(|found| found.trim_end() == value) {
        return Ok(());
    }
    let setting = Setting::Sysctl {
        key,
        value: value.to_owned().into(),
        if_present: false,
    };
    Ok(setting::apply_by(inside, &[setting])?)
}

fn read(netns: &Netns, key: &SysctlKey) -> Result<Option<String>, NetnsError> {
    let path = Path::new("/proc/sys").join(key.as_path());
    netns.run(|| std::fs::read_to_string(path).ok())
}
