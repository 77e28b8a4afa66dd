//! Who the first process of each container is, one small file a container, beside libcontainer's own.

use std::fs;
use std::io;

use pinwire_shim::process::{Started, State};

use crate::paths::TopologyPaths;

const FILE: &str = "process.json";

/// Writes down who the first process of a container is.
///
/// # Errors
/// What open(2) or write(2) said.
pub fn save(paths: &TopologyPaths, id: &str, started: &Started) -> io::Result<()> {
    fs::write(paths.container(id).join(FILE), serde_json::to_vec(started)?)
}

/// The first process of a container, whether it still runs or not; `None` where nothing readable is written down.
pub fn load(paths: &TopologyPaths, id: &str) -> Option<Started> {
    let text = fs::read(paths.container(id).join(FILE)).ok()?;
    serde_json::from_slice(&text).ok()
}

/// The pid of the first process of a container, if it runs.
pub fn running(paths: &TopologyPaths, id: &str) -> Option<i32> {
    load(paths, id)
        .filter(|started| started.state() == State::Running)
        .map(|started| started.pid)
}
