//! Which capabilities a container has: the default set, what a pod adds and drops. Decides only; nothing is dropped here.

use caps::CapSet;
use caps::errors::CapsError;
use oci_spec::runtime::{Capabilities, Capability};

/// What every container has unless it drops them (the default of Docker and containerd).
const DEFAULT: [Capability; 14] = [
    Capability::AuditWrite,
    Capability::Chown,
    Capability::DacOverride,
    Capability::Fowner,
    Capability::Fsetid,
    Capability::Kill,
    Capability::Mknod,
    Capability::NetBindService,
    Capability::NetRaw,
    Capability::Setfcap,
    Capability::Setgid,
    Capability::Setpcap,
    Capability::Setuid,
    Capability::SysChroot,
];

/// The name of a capability that does not exist.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a capability (see capabilities(7), without `CAP_`, or `ALL`)")]
pub struct UnknownCapability(pub String);

/// The default set with what a pod adds and drops. As in Kubernetes, names weigh more than `ALL`: `drop: [ALL]` with
/// `add: [NET_RAW]` leaves `NET_RAW`; a name that is both added and dropped is dropped. `ALL` stands for `available`: what
/// this process has itself and can therefore give.
///
/// # Errors
/// [`UnknownCapability`].
pub fn resolve(
    add: &[String],
    drop: &[String],
    available: &Capabilities,
) -> Result<Capabilities, UnknownCapability> {
    let (add, drop) = (Change::parse(add)?, Change::parse(drop)?);
    let mut granted: Capabilities = match (drop.all, add.all) {
        (true, _) => Capabilities::new(),
        (false, true) => available.clone(),
        (false, false) => DEFAULT.into_iter().collect(),
    };
    granted.extend(add.named);
    granted.retain(|capability| !drop.named.contains(capability));
    Ok(granted)
}

/// Whether a list holds this capability by its name.
pub(crate) fn is_named(names: &[String], capability: Capability) -> bool {
    Change::parse(names).is_ok_and(|change| change.named.contains(&capability))
}

/// The permitted capabilities of the calling process.
///
/// # Errors
/// Those of capget(2).
pub(crate) fn own() -> Result<Capabilities, CapsError> {
    let known = |capability: caps::Capability| {
        let name = capability.to_string();
        name.strip_prefix("CAP_")?.parse().ok()
    };
    let held = caps::read(None, CapSet::Permitted)?;
    Ok(held.into_iter().filter_map(known).collect())
}

#[derive(Default)]
struct Change {
    all: bool,
    named: Capabilities,
}

impl Change {
    fn parse(names: &[String]) -> Result<Self, UnknownCapability> {
        let mut change = Self::default();
        for name in names {
            let upper = name.to_ascii_uppercase();
            match upper.strip_prefix("CAP_").unwrap_or(&upper) {
                "ALL" => change.all = true,
                short => {
                    change
                        .named
                        .insert(short.parse().map_err(|_| UnknownCapability(name.clone()))?);
                }
            }
        }
        Ok(change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn additions_and_removals_follow_kubernetes() {
        let available: Capabilities = DEFAULT
            .into_iter()
            .chain([Capability::SysAdmin, Capability::NetAdmin])
            .collect();
        let default: Capabilities = DEFAULT.into_iter().collect();
        let without = |capability| {
            default
                .iter()
                .copied()
                .filter(|&other| other != capability)
                .collect()
        };
        for (name, add, drop, expected) in [
            ("nothing", &[][..], &[][..], default.clone()),
            ("all", &["ALL"], &[], available.clone()),
            (
                "all but one",
                &["all"],
                &["SYS_ADMIN"],
                DEFAULT.into_iter().chain([Capability::NetAdmin]).collect(),
            ),
            ("none", &[], &["ALL"], Capabilities::new()),
            (
                "none but one",
                &["NET_RAW"],
                &["ALL"],
                [Capability::NetRaw].into(),
            ),
            (
                "dropped wins",
                &["KILL"],
                &["CAP_KILL"],
                without(Capability::Kill),
            ),
        ] {
            assert_eq!(
                resolve(&names(add), &names(drop), &available),
                Ok(expected),
                "{name}"
            );
        }
    }

    #[test]
    fn every_capability_has_a_name() {
        let named = |capability: &caps::Capability| {
            let name = capability.to_string();
            name.strip_prefix("CAP_")?.parse::<Capability>().ok()
        };
        for capability in &caps::all() {
            assert!(named(capability).is_some(), "{capability}");
        }
    }

    #[test]
    fn an_unknown_name_is_an_error() {
        let error = resolve(&names(&["NET_ADMIM"]), &[], &Capabilities::new()).unwrap_err();
        assert_eq!(error, UnknownCapability("NET_ADMIM".into()));
    }
}
