//! Prints what it costs to make N namespaces, to wire them up as a ring, to tell each its settings and to delete all.
//!
//! `timing [N]`, as root, in namespaces of its own; 1000 nodes unless said otherwise.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use pinwire_cni::identity;
use pinwire_cni::links::{Forwarding, Link};
use pinwire_cni::name::{InterfaceName, TopologyName};
use pinwire_cni::netns::Netns;
use pinwire_cni::observe::observe;
use pinwire_cni::rule::default;
use pinwire_cni::setting::{apply, settings, settle};
use pinwire_cni::wire::{Place, Wire, WireEnd, create_all};

fn main() -> Result<()> {
    let nodes = std::env::args()
        .nth(1)
        .map_or(Ok(1000), |text| text.parse())?;
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET)
        .context("unshare: are you root?")?;
    mount(
        None::<&str>,
        "/",
        None::<&str>,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        None::<&str>,
    )?;
    let directory = tempfile::tempdir()?;
    let measured = measure(directory.path(), nodes);
    let start = Instant::now();
    for node in 0..nodes {
        Netns::remove(&directory.path().join(format!("n{node}")))?;
    }
    print("removed", nodes, start.elapsed());
    measured
}

fn measure(directory: &Path, nodes: usize) -> Result<()> {
    let path = |node: usize| directory.join(format!("n{}", node % nodes));
    let each = |what: &str, step: &dyn Fn(usize) -> Result<()>| {
        let start = Instant::now();
        (0..nodes).try_for_each(step)?;
        print(what, nodes, start.elapsed());
        anyhow::Ok(())
    };
    each("namespaces", &|node| {
        Netns::create(&path(node))?;
        Ok(())
    })?;

    let wires = wires(nodes, path)?;
    let start = Instant::now();
    create_all(&wires)?;
    print("wires", nodes, start.elapsed());

    let tell = |node| {
        let (links, forwarding) = annotations(node)?;
        Ok(apply(
            &Netns::open(&path(node))?,
            &settings(&links, &forwarding),
        )?)
    };
    each("settings", &tell)?;
    each("settings again", &tell)?;
    each("settled", &|node| {
        let (links, forwarding) = annotations(node)?;
        Ok(settle(
            &Netns::open(&path(node))?,
            &settings(&links, &forwarding),
        )?)
    })?;
    each("observations", &|node| {
        observe(&Netns::open(&path(node))?)?;
        Ok(())
    })
}

/// A ring.
fn wires(nodes: usize, path: impl Fn(usize) -> PathBuf) -> Result<Vec<Wire>> {
    let topology: TopologyName = "timing".parse().map_err(anyhow::Error::msg)?;
    let up: InterfaceName = "up".parse().map_err(anyhow::Error::msg)?;
    let down: InterfaceName = "down".parse().map_err(anyhow::Error::msg)?;
    let end = |node: usize, interface: &InterfaceName| {
        let name = format!("n{}", node % nodes);
        WireEnd {
            place: Place::Netns(path(node)),
            interface: interface.clone(),
            mac: identity::mac(&topology, (&name, interface)),
            altname: identity::altname(&topology, (&name, interface)),
            group: None,
            tuning: Box::default(),
        }
    };
    let wire = |node| {
        let group = u32::try_from(node)? + 2;
        Ok(Wire {
            group,
            mtu: default::MTU,
            ends: [end(node, &down), end(node + 1, &up)],
        })
    };
    (0..nodes).map(wire).collect()
}

/// A node of a line: two links, a route.
fn annotations(node: usize) -> Result<(Vec<Link>, Forwarding)> {
    let (high, low) = (node / 250, node % 250);
    let links = serde_json::from_value(serde_json::json!([
        {"interface": "up", "addresses": [format!("10.{high}.{low}.200/32")]},
        {"interface": "down", "addresses": [format!("10.{high}.{}.101/24", low + 1)]},
    ]))?;
    let forwarding = serde_json::from_value(serde_json::json!({
        "routes": [{"to": "192.168.7.20/32", "via": format!("10.{high}.{}.200", low + 1)}],
    }))?;
    Ok((links, forwarding))
}

fn print(what: &str, count: usize, time: Duration) {
    let each = time.as_secs_f64() * 1e3 / count as f64;
    println!(
        "{what:16} {count:6}  {:9.1} ms  {each:.3} ms each",
        time.as_secs_f64() * 1e3
    );
}
