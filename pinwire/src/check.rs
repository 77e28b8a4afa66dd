//! What this host has and lacks for virtual functions, and why each thing matters. Pure: from facts to findings;
//! [`facts`] reads them. Nothing is changed, and nothing is said of a topology.

use pinwire_wiring::annotation::VFIO;
use pinwire_wiring::machine::PhysicalFunction;
use serde::Serialize;

use crate::cli::Purpose;
use crate::vf::title;

pub mod facts;

use facts::{ControlGroups, Facts, Module, PhysicalFacts};

/// The first kernel that says which PCI device an interface is of (`IFLA_PARENT_DEV_NAME`), major and minor.
const KERNEL: (u32, u32) = (5, 14);

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What was looked at.
    pub subject: String,
    /// Whether it is there.
    pub status: Status,
    /// What was found.
    pub found: String,
    /// Why it matters, and what to do where it is missing.
    pub reason: String,
    /// What cannot be had without it.
    pub needed_for: Vec<Purpose>,
}

/// Whether something is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is.
    Ok,
    /// It is not.
    Missing,
    /// It is as it is, which is good to know.
    Note,
}

impl Finding {
    fn new(subject: impl Into<String>, status: Status, found: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            status,
            found: found.into(),
            reason: String::new(),
            needed_for: Vec::new(),
        }
    }

    /// Missing unless `there`.
    fn required(subject: impl Into<String>, there: bool, found: impl Into<String>) -> Self {
        let status = if there { Status::Ok } else { Status::Missing };
        Self::new(subject, status, found)
    }

    fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = reason.into();
        self
    }

    fn needed_for(mut self, purposes: &[Purpose]) -> Self {
        self.needed_for = purposes.to_vec();
        self
    }

    /// Whether it is missing, and one of the purposes needs it.
    pub fn fails(&self, purposes: &[Purpose]) -> bool {
        let needed = |purpose: &Purpose| purposes.contains(purpose);
        self.status == Status::Missing && self.needed_for.iter().any(needed)
    }
}

/// All findings, the host's first.
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![
        kernel(facts),
        control_groups(facts),
        iommu(facts),
        vfio(facts),
        physical_functions(facts),
        virtual_functions(facts),
    ];
    findings.extend(facts.physical.iter().flat_map(physical));
    findings
}

fn kernel(facts: &Facts) -> Finding {
    let mut numbers = facts.kernel.split(['.', '-']).map(str::parse::<u32>);
    let version = match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Some((major, minor)),
        _ => None,
    };
    let (major, minor) = KERNEL;
    Finding::required(
        "kernel",
        version.is_none_or(|version| version >= KERNEL),
        &facts.kernel,
    )
    .because(format!(
        "from {major}.{minor} on an interface says which PCI device it is of, by which it is found in any namespace"
    ))
    .needed_for(&[Purpose::Vf])
}

fn control_groups(facts: &Facts) -> Finding {
    let found = match facts.control_groups {
        ControlGroups::None => "none",
        ControlGroups::V1 => "version 1",
        ControlGroups::Hybrid => "hybrid",
        ControlGroups::V2 => "version 2",
    };
    Finding::new("control groups", Status::Note, found)
        .because("containers need some; CPUs can be isolated at run time in version 2 only")
}

fn iommu(facts: &Facts) -> Finding {
    let there = facts.iommu_groups > 0;
    let found = if there {
        format!("on, {} groups", facts.iommu_groups)
    } else if facts.iommus > 0 {
        "there, but no device is in a group".to_owned()
    } else {
        "off, or none".to_owned()
    };
    Finding::required("IOMMU", there, found)
        .because("it keeps a process that drives a virtual function to its own memory: turn it on in the firmware, and boot with intel_iommu=on iommu=pt")
        .needed_for(&[Purpose::Vfio])
}

fn vfio(facts: &Facts) -> Finding {
    let (there, found) = match facts.vfio {
        Module::Loaded => (true, "loaded"),
        Module::Installed => (false, "not loaded"),
        Module::Missing => (false, "not installed"),
    };
    let reason = match facts.vfio {
        Module::Missing => {
            "the driver by which a process drives a device: this kernel comes without it"
        }
        _ => "the driver by which a process drives a device: `modprobe vfio-pci` loads it",
    };
    Finding::required(VFIO, there, found)
        .because(reason)
        .needed_for(&[Purpose::Vfio])
}

fn physical_functions(facts: &Facts) -> Finding {
    let count = facts.physical.len();
    Finding::required("physical functions", count > 0, count.to_string())
        .because("devices that can have virtual functions (sriov_totalvfs): a card that can, SR-IOV turned on in the firmware, and the card's driver")
        .needed_for(&[Purpose::Vf, Purpose::Vfio])
}

fn virtual_functions(facts: &Facts) -> Finding {
    let enabled: u32 = facts.physical.iter().map(|one| one.physical.enabled).sum();
    let total: u32 = facts.physical.iter().map(|one| one.physical.total).sum();
    Finding::required(
        "virtual functions",
        enabled > 0,
        format!("{enabled} of {total}"),
    )
    .because("`pinwire vf create PF N` makes them; they are gone after a reboot")
    .needed_for(&[Purpose::Vf, Purpose::Vfio])
}

/// What is to be said of one physical function.
fn physical(facts: &PhysicalFacts) -> Vec<Finding> {
    let PhysicalFunction {
        enabled,
        total,
        ref driver,
        numa_node,
        ref interface,
        ..
    } = facts.physical;
    let of = |what: &str| format!("{}: {what}", title(&facts.physical));
    let mut findings = vec![
        Finding::required(
            of("driver"),
            driver.is_some(),
            driver.as_deref().unwrap_or("none"),
        )
        .because(
            "virtual functions are told their attributes through the physical function's driver",
        )
        .needed_for(&[Purpose::Vf, Purpose::Vfio]),
        Finding::required(
            of("interface"),
            interface.is_some(),
            interface
                .as_ref()
                .map_or("none here", |interface| &interface.name),
        )
        .because("attributes are told through it: it must be in the host's network namespace")
        .needed_for(&[Purpose::Vf, Purpose::Vfio]),
        carrier(of("carrier"), facts.carrier),
        vlan_filter(of("VLAN filter"), facts.filters_vlans),
        Finding::new(
            of("NUMA node"),
            Status::Note,
            numa_node.map_or_else(
                || "unknown, or only one".to_owned(),
                |node| node.to_string(),
            ),
        )
        .because("CPUs of this node reach the card without crossing to another one"),
        Finding::new(
            of("virtual functions"),
            Status::Note,
            format!("{enabled} of {total}"),
        ),
    ];
    findings.extend((enabled > 0).then(|| drivers(of("drivers of virtual functions"), facts)));
    findings
}

fn carrier(subject: String, carrier: Option<bool>) -> Finding {
    let reason = "without a link nothing leaves the card; a cable between two ports gives both one";
    match carrier {
        Some(true) => Finding::new(subject, Status::Ok, "up").because(reason),
        Some(false) => Finding::new(subject, Status::Missing, "none").because(reason),
        None => Finding::new(subject, Status::Missing, "the interface is down").because(
            "virtual functions need the physical function's interface up: `ip link set … up`",
        ),
    }
}

fn vlan_filter(subject: String, filters: Option<bool>) -> Finding {
    let (status, found) = match filters {
        Some(true) => (Status::Ok, "on"),
        Some(false) => (Status::Missing, "off"),
        None => (Status::Note, "unknown"),
    };
    Finding::new(subject, status, found).because(
        "without it the physical function sees the frames of all wires that arrive: `ethtool -K … rx-vlan-filter on`",
    )
}

fn drivers(subject: String, facts: &PhysicalFacts) -> Finding {
    let mut names: Vec<&str> = facts
        .vfs
        .iter()
        .filter_map(|vf| vf.driver.as_deref())
        .collect();
    let without = facts.vfs.len() - names.len();
    names.sort_unstable();
    names.dedup();
    let found = match (names.is_empty(), without) {
        (true, _) => "none".to_owned(),
        (false, 0) => names.join(", "),
        (false, without) => format!("{}; {without} have none", names.join(", ")),
    };
    let reason = if facts.probes {
        "a virtual function gets its interface from its own driver, such as igbvf or iavf"
    } else {
        "drivers are not bound by themselves (sriov_drivers_autoprobe is 0)"
    };
    Finding::required(subject, without == 0, found)
        .because(reason)
        .needed_for(&[Purpose::Vf])
}
