//! `pinwire inspect`: shows a running topology.

use pinwire_wiring::observe::Counters;

use crate::cli::{InspectOptions, Output};
use crate::inspect::{
    self, ContainerView, InterfaceView, LinkState, NodeView, TopologyView, VfView,
};
use crate::output;
use crate::paths::Roots;
use crate::plan::Mode;
use crate::record::State;
use crate::target;

/// Shows a topology.
pub(super) fn run(roots: &Roots, options: &InspectOptions) -> anyhow::Result<()> {
    let (paths, record) = target::topology(roots, options.target.as_deref())?;
    let view = inspect::view(&record, &paths)?;
    match options.output {
        Output::Json => output::json(&view)?,
        Output::Table => print(&view)?,
    }
    Ok(())
}

fn print(view: &TopologyView) -> std::io::Result<()> {
    let state = match view.state {
        State::Up => "up",
        State::Changing => "being changed, or left by a command that was killed",
    };
    println!(
        "topology {}: {state}, {}\n",
        view.name,
        output::counted(view.nodes.len(), "node")
    );
    let host = view.host.iter().map(|interface| {
        row(
            ["host".to_owned(), "-".to_owned(), "-".to_owned()],
            interface,
        )
    });
    let nodes = view.nodes.iter().flat_map(|node| {
        let mut head = [
            node.name.clone(),
            state_of(node, view.mode),
            memory_of(node),
        ];
        let mut rows = Vec::new();
        for interface in &node.interfaces {
            rows.push(row(head, interface));
            head = [const { String::new() }; 3];
        }
        if node.interfaces.is_empty() {
            let [name, state, memory] = head;
            let mut row = output::dashes();
            [row[0], row[1], row[2]] = [name, state, memory];
            rows.push(row);
        }
        rows
    });
    let rows = nodes.chain(host);
    let has_functions = view.nodes.iter().any(|node| {
        let mut interfaces = node.interfaces.iter();
        interfaces.any(|interface| interface.vf.is_some())
    });
    if has_functions {
        return output::table(HEADER, rows);
    }
    let [rest @ .., _, _, _] = HEADER;
    output::table(
        rest,
        rows.map(|row| {
            let [rest @ .., _, _, _] = row;
            rest
        }),
    )
}

const COLUMNS: usize = 13;

/// The last three only where there are virtual functions.
const HEADER: [&str; COLUMNS] = [
    "NODE",
    "STATE",
    "MEMORY",
    "INTERFACE",
    "PEER",
    "LINK",
    "MAC",
    "ADDRESSES",
    "RX",
    "TX",
    "VF",
    "VLAN",
    "PF",
];

fn row([node, state, memory]: [String; 3], interface: &InterfaceView) -> [String; COLUMNS] {
    let addresses: Vec<_> = interface
        .addresses
        .iter()
        .filter(|address| !is_link_local(address))
        .map(ToString::to_string)
        .collect();
    let counted = |pick: fn(&Counters) -> (u64, u64)| {
        let counted = interface.counters.as_ref().map(pick);
        output::or_dash(counted.map(|counted| match counted {
            (packets, 0) => packets.to_string(),
            (packets, lost) => format!("{packets} ({lost} lost)"),
        }))
    };
    let of_vf =
        |pick: fn(&VfView) -> Option<String>| output::or_dash(interface.vf.as_ref().and_then(pick));
    [
        node,
        state,
        memory,
        interface.name.clone(),
        interface.peer.clone(),
        match interface.state {
            LinkState::Up => "up",
            LinkState::Down => "down",
            LinkState::NoCarrier => "no carrier",
            LinkState::Vfio => "vfio",
            LinkState::Missing => "missing",
        }
        .to_owned(),
        output::or_dash(interface.mac),
        addresses.join(" "),
        counted(|counters| {
            (
                counters.rx_packets,
                counters.rx_dropped + counters.rx_errors,
            )
        }),
        counted(|counters| {
            (
                counters.tx_packets,
                counters.tx_dropped + counters.tx_errors,
            )
        }),
        of_vf(|vf| Some(format!("{} ({})", vf.index, vf.address))),
        of_vf(|vf| vf.vlan.map(|vlan| vlan.to_string())),
        of_vf(|vf| {
            let interface = vf.physical_interface.clone();
            Some(interface.unwrap_or_else(|| vf.physical.to_string()))
        }),
    ]
}

/// What every interface with IPv6 has and nobody asked for.
fn is_link_local(address: &ipnet::IpNet) -> bool {
    matches!(address, ipnet::IpNet::V6(address) if address.addr().is_unicast_link_local())
}

fn state_of(node: &NodeView, mode: Mode) -> String {
    if !node.exists {
        return "gone".to_owned();
    }
    if mode == Mode::Namespace {
        return "namespace".to_owned();
    }
    let states: Vec<_> = node.containers.iter().map(container_state).collect();
    states.join(", ")
}

fn container_state(container: &ContainerView) -> String {
    match (container.pid, container.oom_kills) {
        (Some(pid), _) => format!("pid {pid}"),
        (None, Some(1..)) => format!("{} out of memory", container.name),
        (None, _) => format!("{} ended", container.name),
    }
}

fn memory_of(node: &NodeView) -> String {
    let known: Vec<u64> = node
        .containers
        .iter()
        .filter_map(|container| container.memory_bytes)
        .collect();
    output::or_dash((!known.is_empty()).then(|| output::bytes(known.iter().sum())))
}
