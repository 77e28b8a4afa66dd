//! `pinwire vf`: the virtual functions of this host.

use anyhow::Context;
use pinwire_wiring::allocation::inventory::{PhysicalReport, VfReport};
use pinwire_wiring::annotation::{Rate, Vlan, VlanProtocol};
use pinwire_wiring::ledger::State;
use pinwire_wiring::machine::{PhysicalFunction, Sysfs};

use crate::cli::{Output, Rehearse, VfCommand, VfOptions};
use crate::output;
use crate::paths::Roots;
use crate::vf::{HostVfs, VfError, title};

/// Lists, shows, makes, removes or binds virtual functions.
pub(super) fn run(roots: &Roots, options: VfOptions) -> anyhow::Result<()> {
    let vfs = HostVfs {
        sysfs: options.sysfs.map_or_else(Sysfs::default, Sysfs::at),
        state: State::at(roots.plugin()),
    };
    match options.command {
        VfCommand::List(options) => {
            let all = vfs.all()?;
            match options.output {
                Output::Json => output::json(&all)?,
                Output::Table => list(&all)?,
            }
        }
        VfCommand::Show { device, output } => show(&vfs, &device, output)?,
        VfCommand::Create {
            physical,
            count,
            rehearse,
        } => create(&vfs, &physical, count, &rehearse)?,
        VfCommand::Free {
            physical,
            force,
            rehearse,
        } => free(&vfs, &physical, force, &rehearse)?,
        VfCommand::Bind {
            vf,
            driver,
            rehearse,
        } => bind(&vfs, &vf, &driver, &rehearse)?,
        VfCommand::Unbind { vf, rehearse } => unbind(&vfs, &vf, &rehearse)?,
    }
    Ok(())
}

impl Rehearse {
    /// Says what was done, or would be.
    fn say(&self, done: &str, would: &str, rest: &str) {
        let verb = if self.dry_run { would } else { done };
        println!("{verb} {rest}");
    }
}

fn create(vfs: &HostVfs, physical: &str, count: u32, rehearse: &Rehearse) -> anyhow::Result<()> {
    let created = vfs
        .create(physical, count, rehearse.dry_run)
        .with_context(|| format!("cannot make {count} virtual functions of {physical}"))?;
    let what = format!(
        "{} of {}",
        output::counted(count as usize, "virtual function"),
        title(&created.physical)
    );
    if created.before == count {
        println!("there are {what} already");
    } else {
        rehearse.say("made", "would make", &what);
    }
    if let Some(reason) = created.without_driver {
        anstream::eprintln!("note: the virtual functions have no driver: {reason}");
    }
    Ok(())
}

fn free(vfs: &HostVfs, physical: &str, force: bool, rehearse: &Rehearse) -> anyhow::Result<()> {
    let physical = vfs
        .free(physical, force, rehearse.dry_run)
        .with_context(|| format!("cannot remove the virtual functions of {physical}"))?;
    let count = physical.enabled as usize;
    if count == 0 {
        println!("{} has no virtual functions", title(&physical));
        return Ok(());
    }
    let what = output::counted(count, "virtual function");
    rehearse.say(
        "removed",
        "would remove",
        &format!("{what} of {}", title(&physical)),
    );
    Ok(())
}

fn bind(vfs: &HostVfs, vf: &str, driver: &str, rehearse: &Rehearse) -> anyhow::Result<()> {
    let bound = vfs
        .bind(vf, driver, rehearse.dry_run)
        .with_context(|| format!("cannot bind {vf} to {driver}"))?;
    let device = pinwire_wiring::vf::vfio_device(&bound);
    let device = device.map_or_else(String::new, |path| format!(", which is {}", path.display()));
    let what = format!("{} to {driver}{device}", bound.address);
    rehearse.say("bound", "would bind", &what);
    Ok(())
}

fn unbind(vfs: &HostVfs, vf: &str, rehearse: &Rehearse) -> anyhow::Result<()> {
    let unbound = vfs
        .unbind(vf, rehearse.dry_run)
        .with_context(|| format!("cannot give {vf} back"))?;
    let driver = unbound.driver.as_deref().unwrap_or("no driver");
    let now = if rehearse.dry_run { "has" } else { "now has" };
    let what = format!("{}, which {now} {driver}", unbound.address);
    rehearse.say("gave back", "would give back", &what);
    Ok(())
}

fn show(vfs: &HostVfs, device: &str, output: Output) -> anyhow::Result<()> {
    match vfs.physical(device) {
        Ok(physical) if output == Output::Json => output::json(&physical)?,
        Ok(physical) => {
            show_physical(&physical.function)?;
            println!();
            list(std::slice::from_ref(&physical))?;
        }
        // It may be a virtual function.
        Err(VfError::NoPhysical { .. }) => {
            let vf = vfs.vf(device)?;
            match output {
                Output::Json => output::json(&vf)?,
                Output::Table => show_vf(&vf)?,
            }
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn show_physical(physical: &PhysicalFunction) -> std::io::Result<()> {
    let PhysicalFunction { enabled, total, .. } = physical;
    let rows = [
        ["physical function".to_owned(), title(physical)],
        ["vendor and device".to_owned(), physical.device_id.clone()],
        [
            "driver".to_owned(),
            output::or_dash(physical.driver.as_ref()),
        ],
        [
            "NUMA node".to_owned(),
            output::or_dash(physical.numa_node.as_ref()),
        ],
        [
            "virtual functions".to_owned(),
            format!("{enabled} of {total}"),
        ],
    ];
    output::table(["", ""], rows)
}

fn show_vf(view: &VfReport) -> std::io::Result<()> {
    let header = HEADER.map(str::to_lowercase);
    let row = row(&view.function.physical.to_string(), view);
    output::table(
        ["", ""],
        header.into_iter().zip(row).map(|(key, value)| [key, value]),
    )
}

const HEADER: [&str; 13] = [
    "PF",
    "INDEX",
    "ADDRESS",
    "DRIVER",
    "NUMA",
    "IOMMU",
    "INTERFACE",
    "MAC",
    "VLAN",
    "TRUST",
    "SPOOF CHECK",
    "RATE",
    "OWNER",
];

fn list(all: &[PhysicalReport]) -> std::io::Result<()> {
    if all.is_empty() {
        println!(
            "no device of this host can have virtual functions: `pinwire check --for vf` says more"
        );
        return Ok(());
    }
    let rows = all.iter().flat_map(|view| {
        let physical = &view.function;
        let name = physical.interface.as_ref().map_or_else(
            || physical.address.to_string(),
            |interface| interface.name.clone(),
        );
        if view.virtual_functions.is_empty() {
            return vec![without_vfs(name, physical)];
        }
        let vfs = view.virtual_functions.iter();
        vfs.map(|vf| row(&name, vf)).collect()
    });
    output::table(HEADER, rows)
}

/// The row of a physical function that has no virtual ones.
fn without_vfs(name: String, physical: &PhysicalFunction) -> [String; 13] {
    let mut row = output::dashes();
    row[0] = name;
    row[1] = format!("0 of {}", physical.total);
    row
}

fn row(physical: &str, view: &VfReport) -> [String; 13] {
    let vf = &view.function;
    let attributes = view.attributes.as_ref();
    let on = |value: Option<bool>| output::or_dash(value.map(|on| if on { "on" } else { "off" }));
    let home = vf.interface.as_ref();
    let home = home.map(|interface| interface.name.clone());
    let away = view.owner.as_ref().and_then(|owner| {
        let interface = view.inside.as_ref()?;
        Some(format!("{interface} in {}", owner.container))
    });
    [
        physical.to_owned(),
        vf.index.to_string(),
        vf.address.to_string(),
        output::or_dash(vf.driver.as_ref()),
        output::or_dash(vf.numa_node.as_ref()),
        output::or_dash(vf.iommu_group.as_ref()),
        output::or_dash(home.or(away)),
        output::or_dash(attributes.and_then(|attributes| attributes.mac)),
        output::or_dash(attributes.and_then(|attributes| attributes.vlan).map(vlan)),
        on(attributes.and_then(|attributes| attributes.trust)),
        on(attributes.and_then(|attributes| attributes.spoof_check)),
        output::or_dash(attributes.and_then(|attributes| attributes.rate).map(rate)),
        output::or_dash(view.holder.as_ref().map(|holder| holder.replace('`', ""))),
    ]
}

/// The VLAN, its priority after a `p`, and its protocol if that is not the usual one.
fn vlan(vlan: Vlan) -> String {
    let Vlan { id, qos, protocol } = vlan;
    let mut text = if id == 0 {
        "-".to_owned()
    } else {
        id.to_string()
    };
    if qos > 0 {
        text.push_str(&format!(" p{qos}"));
    }
    if id > 0 && protocol == VlanProtocol::Service {
        text.push_str(" 802.1ad");
    }
    text
}

/// Mbit/s, the least and the most.
fn rate(rate: Rate) -> String {
    match (rate.min, rate.max) {
        (0, 0) => "-".to_owned(),
        (0, max) => format!("{max} Mbit/s"),
        (min, 0) => format!("{min}- Mbit/s"),
        (min, max) => format!("{min}-{max} Mbit/s"),
    }
}
