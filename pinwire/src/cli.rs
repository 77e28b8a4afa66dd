//! The command line: what can be asked for, and nothing of how it is done.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use pinwire_wiring::annotation::Peer;
use pinwire_wiring::name::TopologyName;

use crate::generate::Kind;
use crate::paths;
use crate::plan::Mode;

mod hardware;

pub use hardware::{CheckOptions, LinkKind, Purpose, Rehearse, VfCommand, VfOptions};

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    something failed while it ran; what `up` had changed is undone
  2    the command line is wrong
  3    a manifest, or the file of pools, is wrong; nothing was changed
  4    there is no such topology, node or container
  125  `exec` itself failed (otherwise its exit code is the command's)";

/// Turns pod manifests into low-latency networks of containers on this host.
#[derive(Debug, Parser)]
#[command(name = "pinwire", version, styles = styles(), after_long_help = EXIT_CODES)]
pub struct Cli {
    /// What is asked for.
    #[command(subcommand)]
    pub command: Command,
    /// Where state is kept: records, mounted namespaces, writable layers
    #[arg(long, global = true, env = "PINWIRE_STATE_DIR", default_value = paths::STATE, value_name = "DIR", hide_default_value = true, hide_env = true, value_hint = ValueHint::DirPath, help_heading = "Global options")]
    pub state_dir: PathBuf,
    /// Where images, logs and volumes are kept
    #[arg(long, global = true, env = "PINWIRE_DATA_DIR", default_value = paths::DATA, value_name = "DIR", hide_default_value = true, hide_env = true, value_hint = ValueHint::DirPath, help_heading = "Global options")]
    pub data_dir: PathBuf,
    /// Say on standard error what is done; twice also how often the kernel is told something
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub verbose: u8,
}

/// A command and its options.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Bring a topology up, or change a running one to what its file says
    Up(UpOptions),
    /// Take topologies down and leave nothing behind
    Down(DownOptions),
    /// Show nodes, interfaces, addresses, peers, state and counters of a running topology
    Inspect(InspectOptions),
    /// Run a command in a node
    Exec(ExecOptions),
    /// Show what a node's container wrote to its standard output and error
    Logs(LogsOptions),
    /// List topologies
    List(ListOptions),
    /// Check manifests without touching anything
    Validate(ValidateOptions),
    /// Draw a topology
    Graph(GraphOptions),
    /// Write the manifest of a regular topology
    Generate(GenerateOptions),
    /// Send packets into one interface of this host, receive them at another, and time them
    Probe(ProbeOptions),
    /// List, import, export and remove images
    #[command(subcommand)]
    Image(ImageCommand),
    /// List, make, remove and bind SR-IOV virtual functions
    Vf(VfOptions),
    /// Say what this host lacks for virtual functions, and why it matters
    Check(CheckOptions),
    /// Remove what killed commands left behind, and nothing that is up
    Gc(GcOptions),
    /// Print the JSON schema of the annotations, for editors
    Schema,
    /// Print a completion script for a shell
    Completion(CompletionOptions),
    /// Write the manual pages into a directory
    #[command(hide = true)]
    Man(ManOptions),
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
}

/// Options of `up`.
#[derive(Debug, Args)]
pub struct UpOptions {
    /// Manifests of one topology; `-` is standard input
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// Call the topology NAME, whatever the manifests say
    #[arg(long)]
    pub name: Option<TopologyName>,
    /// What a node is
    #[arg(long, value_enum, default_value_t)]
    pub nodes: Mode,
    /// What all links are, whatever the manifests say; of virtual functions, links to this host lead out of it instead
    #[arg(long, value_enum)]
    pub links: Option<LinkKind>,
    /// The pools that virtual functions are from; /etc/pinwire/pools.yaml unless given
    #[arg(long, env = "PINWIRE_POOLS", value_name = "FILE", hide_env = true, value_hint = ValueHint::FilePath)]
    pub pools: Option<PathBuf>,
    /// Print what would change and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print how long each step took
    #[arg(long)]
    pub timings: bool,
    /// How to print the result
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

/// Options of `down`.
#[derive(Debug, Args)]
pub struct DownOptions {
    /// Manifests or names of topologies
    #[arg(required_unless_present_any = ["all", "name"], value_name = "FILE|TOPOLOGY", value_hint = ValueHint::FilePath)]
    pub targets: Vec<String>,
    /// A topology by its name, also where its record is damaged
    #[arg(long)]
    pub name: Vec<TopologyName>,
    /// All topologies
    #[arg(long, conflicts_with_all = ["targets", "name"])]
    pub all: bool,
    /// How long containers may take to end by themselves; the pods' own grace periods, or 2s, unless given
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub grace: Option<Duration>,
    /// Print how long each step took
    #[arg(long)]
    pub timings: bool,
}

/// Options of `inspect`.
#[derive(Debug, Args)]
pub struct InspectOptions {
    /// A manifest or the name of a topology; may be left out where only one is up
    #[arg(value_name = "FILE|TOPOLOGY", value_hint = ValueHint::FilePath)]
    pub target: Option<String>,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

/// Options of `exec`.
#[derive(Debug, Args)]
pub struct ExecOptions {
    /// Keep standard input open
    #[arg(short, long)]
    pub interactive: bool,
    /// Give the command a terminal
    #[arg(short, long)]
    pub tty: bool,
    /// The container, where the pod has several
    #[arg(short, long)]
    pub container: Option<String>,
    /// Run a command of this host in the node's network namespace only
    #[arg(long, conflicts_with = "container")]
    pub net: bool,
    /// The node; `TOPOLOGY/NODE` where several topologies have one of that name
    #[arg(value_name = "[TOPOLOGY/]NODE")]
    pub node: String,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub command: Vec<String>,
}

/// Options of `logs`.
#[derive(Debug, Args)]
pub struct LogsOptions {
    /// Go on printing what is written
    #[arg(short, long)]
    pub follow: bool,
    /// Print the last N lines only
    #[arg(long, value_name = "N")]
    pub tail: Option<usize>,
    /// The container, where the pod has several
    #[arg(short, long)]
    pub container: Option<String>,
    /// The node; `TOPOLOGY/NODE` where several topologies have one of that name
    #[arg(value_name = "[TOPOLOGY/]NODE")]
    pub node: String,
}

/// Options of `list`.
#[derive(Debug, Args)]
pub struct ListOptions {
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

/// Options of `validate`.
#[derive(Debug, Args)]
pub struct ValidateOptions {
    /// Manifests of one topology; `-` is standard input
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// How to print the findings
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

/// The notation of a drawing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Notation {
    /// Mermaid, which Git hosts render in Markdown
    #[default]
    Mermaid,
    /// Graphviz
    Dot,
    /// A picture
    Svg,
}

/// Options of `graph`.
#[derive(Debug, Args)]
pub struct GraphOptions {
    /// Manifests of one topology; `-` is standard input
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// The notation of the drawing
    #[arg(long, value_enum, default_value_t)]
    pub format: Notation,
    /// Write to FILE rather than to standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub to: Option<PathBuf>,
}

/// Options of `generate`.
#[derive(Debug, Args)]
pub struct GenerateOptions {
    /// The shape
    #[arg(value_enum)]
    pub kind: Kind,
    /// How many nodes
    #[arg(long, value_name = "N")]
    pub nodes: u32,
}

/// Options of `probe`.
#[derive(Debug, Args)]
pub struct ProbeOptions {
    /// The manifest or name of the topology; may be left out where only one is up
    #[arg(value_name = "FILE|TOPOLOGY", value_hint = ValueHint::FilePath)]
    pub target: Option<String>,
    /// The interface of this host that packets are sent into
    #[arg(long, value_name = "INTERFACE", default_value = "pw-in")]
    pub into: String,
    /// The interface of this host that packets come out of
    #[arg(long, value_name = "INTERFACE", default_value = "pw-out")]
    pub out_of: String,
    /// Destination address and UDP port
    #[arg(long, default_value = "10.0.2.20:23432")]
    pub to: std::net::SocketAddrV4,
    /// The node's interface that packets enter; that which --into leads to, unless given
    #[arg(long, value_name = "NODE:INTERFACE")]
    pub first_hop: Option<Peer>,
    /// Leave the receiving interface's filter of MAC addresses as it is: a physical function gets what is for none of its
    /// virtual functions without promiscuous mode, in which some cards give virtual functions frames for others
    #[arg(long)]
    pub no_promiscuous: bool,
    /// How many packets
    #[arg(long, default_value_t = 10_000)]
    pub count: u32,
    /// Packets per second
    #[arg(long, default_value_t = 5_000)]
    pub rate: u32,
    /// Bytes of a frame, without its checksum
    #[arg(long, default_value_t = 84)]
    pub size: usize,
    /// How to print the result
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

/// What to do with images.
#[derive(Debug, Subcommand)]
pub enum ImageCommand {
    /// List images
    List(ListOptions),
    /// Take the images of an OCI or docker archive
    Import {
        /// The archive, or the directory of an OCI layout
        #[arg(value_name = "FILE", value_hint = ValueHint::AnyPath)]
        file: PathBuf,
        /// Call the image NAME, whatever the archive says
        #[arg(long)]
        name: Option<String>,
    },
    /// Write an image as an OCI archive
    Export {
        /// The image
        #[arg(default_value = crate::image::NODE_IMAGE)]
        reference: String,
        /// The archive to write
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        to: PathBuf,
    },
    /// Remove images
    Remove {
        /// The images
        #[arg(required = true)]
        references: Vec<String>,
    },
}

/// Options of `gc`.
#[derive(Debug, Args)]
pub struct GcOptions {
    /// Print what would be removed and remove nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Options of `completion`.
#[derive(Debug, Args)]
pub struct CompletionOptions {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// Options of `man`.
#[derive(Debug, Args)]
pub struct ManOptions {
    /// The directory
    #[arg(value_hint = ValueHint::DirPath)]
    pub directory: PathBuf,
}

fn styles() -> Styles {
    Styles::styled()
        .header(AnsiColor::Green.on_default().bold())
        .usage(AnsiColor::Green.on_default().bold())
        .literal(AnsiColor::Cyan.on_default().bold())
        .placeholder(AnsiColor::Cyan.on_default())
}
