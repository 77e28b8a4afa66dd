//! `pinwire up`: from manifests to a running topology.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use pinwire_wiring::allocation::end::VfEnd;
use pinwire_wiring::annotation::Pools;
use pinwire_wiring::name::TopologyName;

use crate::change::Changes;
use crate::cli::{Output, UpOptions};
use crate::engine::{Progress, Timing, Up, UpReport};
use crate::failure::{self, Failure};
use crate::image::{Image, Store};
use crate::output;
use crate::paths::Roots;
use crate::plan::{Deployment, Mode};
use crate::pools;
use crate::topology::{self, Topology};

/// Brings a topology up.
pub(super) fn run(roots: &Roots, options: &UpOptions) -> anyhow::Result<()> {
    let mut progress = Progress::default();
    let (topology, warnings) = progress
        .step("read manifests", options.files.len(), |_| {
            topology::load(&options.files, options.name.as_ref())
        })
        .map_err(Failure::Manifest)?;
    failure::report_findings(&warnings);
    let topology = match options.links {
        Some(kind) => topology.with_links(kind.into())?,
        None => topology,
    };
    let pools = if topology.has_functions() {
        pools::load(options.pools.as_deref()).map_err(Failure::Pools)?
    } else {
        Pools::new()
    };
    let wanted = plan(roots, &topology, options.nodes, &pools, &mut progress)?;
    let paths = roots.topology(&topology.name);
    let up = Up {
        paths: &paths,
        progress,
    };
    if options.dry_run {
        let changes = up.rehearse(&wanted)?;
        return Ok(print_changes(&changes, options.output)?);
    }
    require_privileges()?;
    let report = up
        .carry_out(&wanted, say_busy(&topology.name))
        .with_context(|| format!("topology `{}` is not up", topology.name))?;
    Ok(print_report(&report, options)?)
}

/// Says that another process changes the topology.
pub(super) fn say_busy(topology: &TopologyName) -> impl FnOnce(u32) {
    move |holder| {
        anstream::eprintln!("topology `{topology}` is being changed by process {holder}; waiting");
    }
}

/// Plans a topology on this host, with the images that it needs.
fn plan(
    roots: &Roots,
    topology: &Topology,
    mode: Mode,
    pools: &Pools,
    progress: &mut Progress,
) -> anyhow::Result<Deployment> {
    let paths = roots.topology(&topology.name);
    let images = match mode {
        Mode::Container => progress.step("find images", 1, |_| images(roots, topology))?,
        Mode::Namespace => BTreeMap::new(),
    };
    Ok(Deployment::of(topology, mode, &paths, &images, pools)?)
}

/// The images that a topology's containers name; the built-in one is made where it is missing.
fn images(roots: &Roots, topology: &Topology) -> anyhow::Result<BTreeMap<String, Image>> {
    let store = Store::open(&roots.data)?;
    let mut images = BTreeMap::new();
    let containers = topology.nodes.iter().flat_map(|node| {
        node.containers
            .iter()
            .map(move |container| (node, container))
    });
    for (node, container) in containers {
        if images.contains_key(&container.image) {
            continue;
        }
        super::image::prepare(&store, &container.image)?;
        let image = store.resolve(&container.image).with_context(|| {
            format!(
                "container `{}` of node `{}` has no image",
                container.name, node.name
            )
        })?;
        images.insert(container.image.clone(), image);
    }
    Ok(images)
}

/// Refuses before anything is touched where the kernel would refuse midway.
fn require_privileges() -> anyhow::Result<()> {
    let needed = [
        caps::Capability::CAP_SYS_ADMIN,
        caps::Capability::CAP_NET_ADMIN,
    ];
    let held = caps::read(None, caps::CapSet::Effective)
        .context("cannot read this process's capabilities")?;
    let missing: Vec<_> = needed
        .iter()
        .filter(|capability| !held.contains(capability))
        .map(ToString::to_string)
        .collect();
    if !missing.is_empty() {
        bail!(
            "pinwire makes network namespaces and links, and this process lacks {}: run it as root",
            missing.join(" and ")
        );
    }
    Ok(())
}

fn print_changes(changes: &Changes, output: Output) -> std::io::Result<()> {
    if output == Output::Json {
        return output::json(&changes.counts());
    }
    if changes.is_empty() {
        println!("nothing would change");
    }
    let end = |end: &pinwire_wiring::wire::WireEnd| format!("{} in {}", end.interface, end.place);
    let wire = |wire: &pinwire_wiring::wire::Wire| {
        format!("{} to {}", end(&wire.ends[0]), end(&wire.ends[1]))
    };
    for container in &changes.stop {
        println!("- container {}", container.id);
    }
    for gone in &changes.disconnect {
        println!("- wire {}", wire(gone));
    }
    for gone in &changes.detach {
        println!("- {}", vf(gone));
    }
    for (place, settings) in &changes.unset {
        settings
            .iter()
            .for_each(|setting| println!("- {setting} in {place}"));
    }
    for node in &changes.remove {
        println!("- node {}", node.name);
    }
    for node in &changes.create {
        println!("+ node {}", node.name);
    }
    for new in &changes.connect {
        println!("+ wire {}", wire(new));
    }
    for new in &changes.attach {
        println!("+ {}", vf(new));
    }
    for (place, settings) in &changes.set {
        println!("~ {} settings in {place}", settings.len());
    }
    for (_, container) in &changes.start {
        println!("+ container {}", container.id);
    }
    Ok(())
}

fn vf(end: &VfEnd) -> String {
    let peer = end.peer.as_ref();
    let peer = peer.map_or_else(String::new, |(node, interface)| {
        format!(", wired to {node}:{interface}")
    });
    let VfEnd {
        pool,
        interface,
        node,
        ..
    } = end;
    format!("virtual function of pool {pool} as {interface} in node {node}{peer}")
}

fn print_report(report: &UpReport, options: &UpOptions) -> std::io::Result<()> {
    if options.output == Output::Json {
        return output::json(report);
    }
    let changes = report.changes;
    let done: Vec<_> = [
        (changes.nodes_created, "node", "created"),
        (changes.nodes_removed, "node", "removed"),
        (changes.wires_created, "wire", "created"),
        (changes.wires_deleted, "wire", "deleted"),
        (changes.vfs_attached, "virtual function", "attached"),
        (changes.vfs_detached, "virtual function", "given back"),
        (changes.namespaces_set, "network", "configured"),
        (changes.containers_started, "container", "started"),
        (changes.containers_stopped, "container", "stopped"),
    ]
    .into_iter()
    .filter(|(count, ..)| *count > 0)
    .map(|(count, what, verb)| format!("{} {verb}", output::counted(count, what)))
    .collect();
    let done = if done.is_empty() {
        "nothing had to change".to_owned()
    } else {
        done.join(", ")
    };
    println!(
        "topology {} is up, {} and {}: {done}",
        report.topology,
        output::counted(report.nodes, "node"),
        output::counted(report.wires, "wire")
    );
    if options.timings {
        print_timings(&report.timings)?;
    }
    Ok(())
}

/// How long each step took, as a table.
pub(super) fn print_timings(timings: &[Timing]) -> std::io::Result<()> {
    let mut total = 0.0;
    let mut rows = Vec::new();
    for Timing {
        step,
        count,
        elapsed,
    } in timings
    {
        // A step of nothing is not listed.
        let milliseconds = elapsed.as_secs_f64() * 1e3;
        let each = milliseconds / *count as f64;
        rows.push([
            (*step).to_owned(),
            count.to_string(),
            format!("{milliseconds:.1}"),
            format!("{each:.3}"),
        ]);
        total += milliseconds;
    }
    rows.push([
        "total".to_owned(),
        String::new(),
        format!("{total:.1}"),
        String::new(),
    ]);
    output::table(["STEP", "COUNT", "MS", "MS EACH"], rows)
}
