//! The command line of what concerns this host's hardware: `vf`, `check`, and the kind of links.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use pinwire_wiring::annotation::LinkType;
use pinwire_wiring::annotation::VFIO;
use serde::Serialize;

use super::{ListOptions, Output};

/// Options of `vf`.
#[derive(Debug, Args)]
pub struct VfOptions {
    /// What to do.
    #[command(subcommand)]
    pub command: VfCommand,
    /// A directory that is laid out as /sys, for tests
    #[arg(long, global = true, hide = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub sysfs: Option<PathBuf>,
}

/// What to do with virtual functions.
#[derive(Debug, Subcommand)]
pub enum VfCommand {
    /// List all virtual functions: where each is, what it was told, who has it
    List(ListOptions),
    /// Show a physical function with its virtual ones, or one virtual function
    Show {
        /// Its interface or PCI address; also PF/INDEX for a virtual function
        #[arg(value_name = "PF|VF")]
        device: String,
        /// How to print it
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
    /// Make the virtual functions of a physical function
    Create {
        /// The physical function, by its interface or PCI address
        #[arg(value_name = "PF")]
        physical: String,
        /// How many
        #[arg(value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        count: u32,
        /// Whether to change anything
        #[command(flatten)]
        rehearse: Rehearse,
    },
    /// Remove all virtual functions of a physical function
    Free {
        /// The physical function, by its interface or PCI address
        #[arg(value_name = "PF")]
        physical: String,
        /// Also where their interfaces are in other namespaces, or processes drive them
        #[arg(long)]
        force: bool,
        /// Whether to change anything
        #[command(flatten)]
        rehearse: Rehearse,
    },
    /// Give a virtual function another driver: vfio-pci, by which a process drives it itself
    Bind {
        /// The virtual function, by its PCI address, its interface, or PF/INDEX
        #[arg(value_name = "VF")]
        vf: String,
        /// The driver
        #[arg(default_value = VFIO)]
        driver: String,
        /// Whether to change anything
        #[command(flatten)]
        rehearse: Rehearse,
    },
    /// Give a virtual function back to the kernel's own driver
    Unbind {
        /// The virtual function, by its PCI address or PF/INDEX
        #[arg(value_name = "VF")]
        vf: String,
        /// Whether to change anything
        #[command(flatten)]
        rehearse: Rehearse,
    },
}

/// Whether to change anything.
#[derive(Debug, Args)]
pub struct Rehearse {
    /// Check all, print what would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// What links are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LinkKind {
    /// Pairs of virtual Ethernet devices
    Veth,
    /// SR-IOV virtual functions
    Vf,
}

impl From<LinkKind> for LinkType {
    fn from(kind: LinkKind) -> Self {
        match kind {
            LinkKind::Veth => Self::Veth,
            LinkKind::Vf => Self::Vf,
        }
    }
}

/// Options of `check`.
#[derive(Debug, Args)]
pub struct CheckOptions {
    /// Fail where something is missing that this needs; may be repeated
    #[arg(long = "for", value_enum, value_name = "PURPOSE")]
    pub purposes: Vec<Purpose>,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
    /// A directory that is laid out as /, for tests
    #[arg(long, hide = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub root: Option<PathBuf>,
}

/// What a host is to be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Virtual functions as interfaces of nodes
    Vf,
    /// Virtual functions that processes drive themselves
    Vfio,
}
