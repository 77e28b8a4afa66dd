//! `pinwire exec`: a command in a node's container, or a command of the host in a node's network.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use anyhow::{Context, anyhow, bail};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use pinwire_shim::cgroup::Cgroup;
use pinwire_shim::exec::{ExecRequest, exec};
use pinwire_wiring::kernel::netns::Netns;

use crate::cli::ExecOptions;
use crate::engine::process;
use crate::failure::Failure;
use crate::paths::Roots;
use crate::target::{self, NodeTarget};

/// The control group of the host's commands that run in a node's network; no container's id has an `@`.
const HOST_COMMANDS: &str = "exec@host";

/// Runs a command and ends with its exit code.
pub(super) fn run(roots: &Roots, options: &ExecOptions) -> anyhow::Result<ExitCode> {
    let target = target::node(roots, &options.node)?;
    if options.net || target.node.containers.is_empty() {
        let Err(error) = run_on_host(&target, &options.command);
        return Err(Failure::Exec(error).into());
    }
    let container = target.container(options.container.as_deref())?;
    Ok(run_in_container(&target, &container.id, options).map_err(Failure::Exec)?)
}

fn run_in_container(
    target: &NodeTarget,
    id: &str,
    options: &ExecOptions,
) -> anyhow::Result<ExitCode> {
    let node = &target.node.name;
    let started = process::load(&target.paths, id)
        .with_context(|| format!("the container of node `{node}` was never started"))?;
    let request = ExecRequest {
        started,
        directory: target.paths.container(id),
        cgroup: Cgroup::at(&target.paths.cgroup)?.child(id)?,
        command: options.command.clone(),
        env: Vec::new(),
        working_dir: None,
        user: None,
        terminal: options.tty,
        stdin: options.interactive,
    };
    let code = exec(&request)
        .with_context(|| format!("cannot run `{}` in node `{node}`", options.command[0]))?;
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)))
}

/// Becomes a command of the host within the node's network namespace, as `ip netns exec` does it: `/sys` shows that
/// network, too. The process is in the topology's control group, so that `down` ends it and the namespace with it.
fn run_on_host(
    target: &NodeTarget,
    command: &[String],
) -> anyhow::Result<std::convert::Infallible> {
    let node = &target.node.name;
    let netns = Netns::open(&target.node.netns)
        .with_context(|| format!("node `{node}` has no network namespace"))?;
    join_topology(target)?;
    let [program, arguments @ ..] = command else {
        bail!("there is no command")
    };
    let error = netns.run(|| {
        show_network_in_sys()?;
        Err(anyhow!(Command::new(program).args(arguments).exec()))
    });
    error
        .with_context(|| format!("cannot enter the network of node `{node}`"))?
        .with_context(|| format!("cannot run `{program}` of this host"))
}

fn join_topology(target: &NodeTarget) -> anyhow::Result<()> {
    let topology = Cgroup::at(&target.paths.cgroup)?;
    topology.create_inner()?;
    let group = topology.child(HOST_COMMANDS)?;
    group.create()?;
    Ok(group.add(i32::try_from(std::process::id())?)?)
}

fn show_network_in_sys() -> anyhow::Result<()> {
    let none = None::<&str>;
    unshare(CloneFlags::CLONE_NEWNS).context("cannot leave the mount namespace (unshare)")?;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SLAVE, none)
        .context("cannot detach mounts from the host's (mount)")?;
    umount2("/sys", MntFlags::MNT_DETACH).context("cannot unmount /sys (umount2)")?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("sysfs"), "/sys", Some("sysfs"), flags, none).context("cannot mount /sys (mount)")
}
