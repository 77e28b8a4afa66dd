//! Measures how long containers take to start and to stop: `start [COUNT [ZYGOTES]]`, as root, with a static BusyBox at
//! `/bin/busybox`. Each container has a network namespace of its own, as a node of a topology has.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use nix::sched::{CloneFlags, unshare};
use pinwire_shim::cgroup::Cgroup;
use pinwire_shim::stop::{Target, stop};
use pinwire_shim::workload::{ImageConfig, Workload};
use pinwire_shim::zygote::{StartRequest, Started, Zygote};

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse::<usize>());
    let count = args
        .next()
        .transpose()
        .context("COUNT is a number")?
        .unwrap_or(100);
    let zygotes = args
        .next()
        .transpose()
        .context("ZYGOTES is a number")?
        .unwrap_or(2)
        .max(1);
    let directory = tempfile::tempdir()?;
    let topology = Cgroup::topology(&format!("measure-{}", std::process::id()))?;
    let layer = image(directory.path())?;
    // Before any thread.
    let begin = Instant::now();
    let zygotes: Vec<Zygote> = (0..zygotes)
        .map(|index| Zygote::fork(&topology, index))
        .collect::<Result<_, _>>()?;
    let forked = begin.elapsed();
    let result = measure(directory.path(), &layer, zygotes, count, &topology);
    topology.kill(Duration::from_secs(10))?;
    topology.remove()?;
    let (started, stopped) = result?;
    let each = |total: Duration| total.as_secs_f64() * 1e3 / count as f64;
    println!(
        "{count} containers: zygotes {:.1} ms, start {:.3} s ({:.2} ms each), stop {:.3} s ({:.2} ms each)",
        forked.as_secs_f64() * 1e3,
        started.as_secs_f64(),
        each(started),
        stopped.as_secs_f64(),
        each(stopped),
    );
    Ok(())
}

/// How long it takes to start all, and to stop all.
fn measure(
    directory: &Path,
    layer: &Path,
    mut zygotes: Vec<Zygote>,
    count: usize,
    topology: &Cgroup,
) -> Result<(Duration, Duration)> {
    let begin = Instant::now();
    let requests: Vec<_> = (0..count).map(|id| request(directory, layer, id)).collect();
    let shares = requests.chunks(count.div_ceil(zygotes.len()));
    let started = thread::scope(|scope| {
        let work = zygotes.iter_mut().zip(shares);
        let threads: Vec<_> = work
            .map(|(zygote, share)| scope.spawn(|| start(zygote, share)))
            .collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().map_err(|_| anyhow!("a thread panicked"))?
        };
        threads.into_iter().map(join).collect::<Result<Vec<_>>>()
    })?;
    let took = begin.elapsed();
    drop(zygotes);
    // The last ones have yet to set their traps.
    thread::sleep(Duration::from_millis(100));
    let begin = Instant::now();
    let target = |(request, started): (&StartRequest, Started)| {
        let cgroup = topology.child(&request.id)?;
        let directories = vec![request.writable.clone(), request.directory.clone()];
        Ok(Target {
            id: request.id.clone(),
            started: Some(started),
            cgroup,
            directories,
        })
    };
    let targets = requests
        .iter()
        .zip(started.into_iter().flatten())
        .map(target)
        .collect::<Result<Vec<_>>>()?;
    match stop(&targets, Duration::from_secs(2)).into_iter().next() {
        Some(error) => bail!(error),
        None => Ok((took, begin.elapsed())),
    }
}

fn start(zygote: &mut Zygote, requests: &[StartRequest]) -> Result<Vec<Started>> {
    let start = |request| {
        unshare(CloneFlags::CLONE_NEWNET)?;
        Ok(zygote.start(request)?)
    };
    requests.iter().map(start).collect()
}

fn request(directory: &Path, layer: &Path, id: usize) -> StartRequest {
    let own = directory.join("containers").join(id.to_string());
    StartRequest {
        id: format!("c{id}"),
        hostname: format!("c{id}"),
        network: PathBuf::from("/proc/thread-self/ns/net"),
        writable: own.join("writable"),
        volumes: own.join("volumes"),
        memory_volumes: own.join("memory"),
        log: directory.join("log"),
        directory: own,
        layers: vec![layer.to_owned()],
        image: ImageConfig {
            entrypoint: ["/bin/sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"]
                .map(str::to_owned)
                .to_vec(),
            ..ImageConfig::default()
        },
        workload: Workload::default(),
        hosts: Vec::new(),
    }
}

fn image(directory: &Path) -> Result<PathBuf> {
    let layer = directory.join("layer");
    fs::create_dir_all(layer.join("bin"))?;
    fs::copy("/bin/busybox", layer.join("bin/busybox"))
        .context("BusyBox is missing: install busybox-static")?;
    fs::set_permissions(layer.join("bin/busybox"), fs::Permissions::from_mode(0o755))?;
    for applet in ["sh", "sleep"] {
        symlink("busybox", layer.join("bin").join(applet))?;
    }
    Ok(layer)
}
