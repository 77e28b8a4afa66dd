//! Carries out a list of changes, step by step, and stops at the first that fails. Undo is not done here: whoever called
//! compares what exists then with what is wanted instead, and carries that out.

use std::fs;
use std::path::Path;
use std::time::Duration;

use indicatif::ProgressBar;
use pinwire_shim::zygote::{StartRequest, Zygote, ZygoteError};
use pinwire_wiring::allocation::AllocationError;
use pinwire_wiring::allocation::end::VfEnd;
use pinwire_wiring::kernel::netlink::NetlinkError;
use pinwire_wiring::kernel::netns::{Netns, NetnsError};
use pinwire_wiring::name::NodeName;
use pinwire_wiring::setting::{Setting, SettingError};
use pinwire_wiring::wire::{Place, Wire, WireError};
use pinwire_wiring::{setting, wire};

use super::devices::Devices;
use super::down::{self, LeftBehind};
use super::parallel;
use super::process;
use super::progress::Progress;
use super::vf::{self, AttachError, DetachError};
use crate::change::Changes;
use crate::error::FileError;
use crate::interrupt::Interrupt;
use crate::paths::TopologyPaths;
use crate::plan::{ContainerPlan, NodePlan};

/// Wires that are made between two looks at the clock.
const WIRES_AT_ONCE: usize = 32;

/// A step that failed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum StepError {
    /// Somebody asked for an end.
    #[error("interrupted")]
    Interrupted,
    /// A network namespace cannot be made or removed.
    #[error("node `{node}` cannot get its network namespace")]
    Netns { node: NodeName, source: NetnsError },
    /// A namespace that is to be configured cannot be opened.
    #[error("cannot reach the network of {place}")]
    Reach { place: Place, source: NetnsError },
    /// A wire cannot be made or deleted.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A virtual function cannot be attached.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// A virtual function cannot be given back.
    #[error(transparent)]
    Detach(#[from] DetachError),
    /// A namespace does not take a setting.
    #[error("the network of {place} does not take its settings")]
    Setting { place: Place, source: SettingError },
    /// Links cannot be looked at.
    #[error("cannot see whether the links of {place} are in operation")]
    Settle { place: Place, source: NetlinkError },
    /// A directory of a container cannot be made or written to.
    #[error(transparent)]
    File(#[from] FileError),
    /// Nobody knows what a container drives itself.
    #[error("container `{container}` of node `{node}` cannot be given its virtual functions")]
    Devices {
        node: NodeName,
        container: String,
        source: Box<AllocationError>,
    },
    /// A container does not start.
    #[error("container `{container}` of node `{node}` does not start")]
    Start {
        node: NodeName,
        container: String,
        source: Box<ZygoteError>,
    },
    /// A container does not stop.
    #[error(transparent)]
    Stop(#[from] LeftBehind),
}

/// Carries changes of one topology out.
#[derive(Debug)]
pub(super) struct Executor<'a> {
    /// Where the topology's things are.
    pub(super) paths: &'a TopologyPaths,
    /// Who makes containers; each is used by one thread.
    pub(super) zygotes: &'a mut [Zygote],
    /// Asked between two steps whether to go on.
    pub(super) interrupt: Option<&'a Interrupt>,
    /// Told how far the work is.
    pub(super) progress: &'a mut Progress,
    /// How long containers may take to end by themselves.
    pub(super) grace: Duration,
}

impl Executor<'_> {
    /// Does all the work, in its order.
    ///
    /// # Errors
    /// The first step that failed; steps before it are done, the failed one possibly in part.
    pub(super) fn carry_out(&mut self, changes: &Changes) -> Result<(), StepError> {
        self.stop(&changes.stop)?;
        self.disconnect(&changes.disconnect)?;
        self.detach(&changes.detach)?;
        self.unset(&changes.unset)?;
        self.remove(&changes.remove)?;
        self.create(&changes.create)?;
        self.connect(&changes.connect)?;
        self.attach(&changes.attach)?;
        self.set(&changes.set)?;
        self.settle(&changes.set)?;
        self.start(&changes.start)
    }

    fn stop(&mut self, containers: &[ContainerPlan]) -> Result<(), StepError> {
        let (paths, grace) = (self.paths, self.grace);
        self.progress
            .step("stop containers", containers.len(), |_| {
                let ids = containers.iter().map(|container| container.id.as_str());
                Ok(first_error(down::stop(paths, ids, grace))?)
            })
    }

    fn disconnect(&mut self, wires: &[Wire]) -> Result<(), StepError> {
        self.progress.step("delete wires", wires.len(), |_| {
            Ok(first_error(wire::delete_all(wires))?)
        })
    }

    fn detach(&mut self, ends: &[VfEnd]) -> Result<(), StepError> {
        let paths = self.paths;
        self.progress
            .step("give functions back", ends.len(), |bar| {
                let names = ends.iter().map(VfEnd::name);
                Ok(first_error(vf::detach(paths, names, bar))?)
            })
    }

    fn attach(&mut self, ends: &[VfEnd]) -> Result<(), StepError> {
        let (paths, interrupt) = (self.paths, self.interrupt);
        self.progress.step("attach functions", ends.len(), |bar| {
            for end in ends {
                go_on(interrupt, bar)?;
                vf::attach(paths, end)?;
            }
            Ok(())
        })
    }

    fn unset(&mut self, places: &[(Place, Vec<Setting>)]) -> Result<(), StepError> {
        self.progress.step("take settings back", places.len(), |_| {
            for (place, settings) in places {
                let netns = reach(place)?;
                first_error(setting::remove(&netns, settings)).map_err(refused(place))?;
            }
            Ok(())
        })
    }

    fn remove(&mut self, nodes: &[NodePlan]) -> Result<(), StepError> {
        self.progress.step("remove nodes", nodes.len(), |_| {
            for node in nodes {
                Netns::remove(&node.netns).map_err(netns_of(node))?;
            }
            Ok(())
        })
    }

    fn create(&mut self, nodes: &[NodePlan]) -> Result<(), StepError> {
        let (paths, interrupt) = (self.paths, self.interrupt);
        self.progress.step("create nodes", nodes.len(), |bar| {
            if nodes.is_empty() {
                return Ok(());
            }
            make_directory(&paths.namespaces())?;
            parallel::each(nodes, |node| {
                go_on(interrupt, bar)?;
                // One that is there and not in the record, or no namespace any more, is a remnant.
                Netns::remove(&node.netns).map_err(netns_of(node))?;
                Netns::create(&node.netns).map_err(netns_of(node))?;
                Ok(())
            })
        })
    }

    fn connect(&mut self, wires: &[Wire]) -> Result<(), StepError> {
        let interrupt = self.interrupt;
        self.progress.step("create wires", wires.len(), |bar| {
            for some in wires.chunks(WIRES_AT_ONCE) {
                go_on(interrupt, bar)?;
                wire::create_all(some)?;
                bar.inc(some.len() as u64 - 1);
            }
            Ok(())
        })
    }

    fn set(&mut self, places: &[(Place, Vec<Setting>)]) -> Result<(), StepError> {
        let interrupt = self.interrupt;
        self.progress
            .step("configure networks", places.len(), |bar| {
                parallel::each(places, |(place, settings)| {
                    go_on(interrupt, bar)?;
                    setting::apply(&reach(place)?, settings).map_err(refused(place))
                })
            })
    }

    /// Waits until links are in operation, which they are some time after both of their ends are up.
    fn settle(&mut self, places: &[(Place, Vec<Setting>)]) -> Result<(), StepError> {
        self.progress.step("settle links", places.len(), |bar| {
            parallel::each(places, |(place, settings)| {
                bar.inc(1);
                let settle = match place {
                    Place::Host => setting::settle_host,
                    Place::Netns(_) => setting::settle,
                };
                settle(&reach(place)?, settings).map_err(|source| StepError::Settle {
                    place: place.clone(),
                    source,
                })
            })
        })
    }

    fn start(&mut self, containers: &[(NodePlan, ContainerPlan)]) -> Result<(), StepError> {
        let (paths, interrupt) = (self.paths, self.interrupt);
        let zygotes: Vec<_> = self.zygotes.iter_mut().collect();
        self.progress
            .step("start containers", containers.len(), |bar| {
                if containers.is_empty() {
                    return Ok(());
                }
                make_directory(&paths.data.join("logs"))?;
                parallel::each_by(containers, zygotes, |zygote, (node, container)| {
                    go_on(interrupt, bar)?;
                    let devices =
                        Devices::of(paths, &node.name).map_err(|source| StepError::Devices {
                            node: node.name.clone(),
                            container: container.name.clone(),
                            source: Box::new(source),
                        })?;
                    let started = zygote
                        .start(&request(paths, node, container, &devices))
                        .map_err(|source| StepError::Start {
                            node: node.name.clone(),
                            container: container.name.clone(),
                            source: Box::new(source),
                        })?;
                    let directory = paths.container(&container.id);
                    process::save(paths, &container.id, &started)
                        .map_err(FileError::on("write to", &directory))?;
                    Ok(())
                })
            })
    }
}

fn request(
    paths: &TopologyPaths,
    node: &NodePlan,
    container: &ContainerPlan,
    devices: &Devices,
) -> StartRequest {
    StartRequest {
        id: container.id.clone(),
        hostname: container.hostname.clone(),
        network: node.netns.clone(),
        directory: paths.container(&container.id),
        writable: paths.writable(&container.id),
        volumes: paths.disk_volumes(&node.name),
        memory_volumes: paths.memory_volumes(&node.name),
        log: paths.log(&container.id),
        layers: container.image.layers.iter().rev().cloned().collect(),
        image: container.image.config.clone(),
        workload: devices.give_to(&container.workload),
        hosts: Vec::new(),
    }
}

fn go_on(interrupt: Option<&Interrupt>, bar: &ProgressBar) -> Result<(), StepError> {
    if interrupt.is_some_and(Interrupt::is_pending) {
        return Err(StepError::Interrupted);
    }
    bar.inc(1);
    Ok(())
}

fn reach(place: &Place) -> Result<Netns, StepError> {
    place.open().map_err(|source| StepError::Reach {
        place: place.clone(),
        source,
    })
}

fn refused(place: &Place) -> impl FnOnce(SettingError) -> StepError {
    let place = place.clone();
    move |source| StepError::Setting { place, source }
}

fn netns_of(node: &NodePlan) -> impl FnOnce(NetnsError) -> StepError {
    let node = node.name.clone();
    move |source| StepError::Netns { node, source }
}

fn make_directory(path: &Path) -> Result<(), FileError> {
    fs::create_dir_all(path).map_err(FileError::on("write to", path))
}

/// The first of several errors, as the one that is reported.
fn first_error<E>(errors: Vec<E>) -> Result<(), E> {
    errors.into_iter().next().map_or(Ok(()), Err)
}
