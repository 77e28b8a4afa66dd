//! Volumes of a pod and where its containers mount them. The container itself is in [`super::container`].

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use pinwire_shim::workload::{HostPath, Mount, MountSource};
use pinwire_wiring::name::NodeName;

use crate::manifest::pod::{Container, HostPathType, HostPathVolume, Medium, Spec, Volume};
use crate::manifest::report::Report;
use crate::manifest::suggest;
use crate::manifest::tree::Tree;

/// Paths that the container's own file systems take; a mount over them breaks every process.
const RESERVED: [&str; 4] = ["/", "/proc", "/sys", "/dev"];

/// The volumes of a pod by name; those that are wrong hold no source.
pub(super) type Volumes<'a> = HashMap<&'a str, Option<MountSource>>;

/// Checks the volumes of a pod.
pub(super) fn check<'a>(spec: &'a Spec, tree: &Tree, report: &mut Report) -> Volumes<'a> {
    let list = tree.value("volumes");
    let mut volumes = Volumes::new();
    let mut places = HashMap::new();
    for (index, volume) in spec.volumes.iter().enumerate() {
        let tree = list.item(index);
        let place = tree.place_of("name");
        if volume.name.parse::<NodeName>().is_err() {
            report.error(
                place,
                format!(
                    "`{}` is not a volume name: write a DNS label (RFC 1123)",
                    volume.name
                ),
            );
        }
        if let Some(first) = places.insert(&volume.name, place) {
            report
                .error(place, format!("two volumes are named `{}`", volume.name))
                .related(first, "the first one");
        }
        volumes.insert(&volume.name, source(volume, tree, report));
    }
    volumes
}

/// The mounts of a container, in order.
pub(super) fn mounts(
    volumes: &Volumes<'_>,
    container: &Container,
    tree: &Tree,
    report: &mut Report,
) -> Vec<Mount> {
    let list = tree.value("volumeMounts");
    let mut mounts: Vec<Mount> = Vec::new();
    let mut places = HashMap::new();
    for (index, mount) in container.volume_mounts.iter().enumerate() {
        let tree = list.item(index);
        let place = tree.place_of("mountPath");
        let destination = PathBuf::from(&mount.mount_path);
        if let Err(reason) = check_path(&mount.mount_path) {
            report.error(
                place,
                format!("`{}` is not a path to mount at: {reason}", mount.mount_path),
            );
        } else if RESERVED
            .iter()
            .any(|reserved| destination == Path::new(reserved))
        {
            report
                .error(
                    place,
                    format!("`{}` cannot be mounted over", mount.mount_path),
                )
                .hint("mount a directory below it");
        } else if let Some(first) = places.insert(destination.clone(), place) {
            report
                .error(
                    place,
                    format!("two volumes are mounted at `{}`", mount.mount_path),
                )
                .related(first, "the first one");
        }
        match volumes.get(mount.name.as_str()) {
            Some(Some(source)) => {
                mounts.push(Mount {
                    destination,
                    read_only: mount.read_only,
                    source: source.clone(),
                });
            }
            Some(None) => {}
            None => {
                let hint = suggest::hint(&mount.name, volumes.keys().copied());
                let hint = hint.unwrap_or_else(|| "add it to `volumes` of the pod".to_owned());
                report
                    .error(
                        tree.place_of("name"),
                        format!("the pod has no volume `{}`", mount.name),
                    )
                    .hint(hint);
            }
        }
    }
    mounts
}

fn source(volume: &Volume, tree: &Tree, report: &mut Report) -> Option<MountSource> {
    match (&volume.host_path, &volume.empty_dir) {
        (Some(host), None) => host_path(host, tree.value("hostPath"), report),
        (None, Some(empty)) => {
            if empty.size_limit.is_some() {
                let place = tree.value("emptyDir").place_of("sizeLimit");
                report.warning(
                    place,
                    "`sizeLimit` has no effect here: disk space is not limited",
                );
            }
            let memory = empty.medium == Some(Medium::Memory);
            Some(MountSource::Empty {
                volume: volume.name.clone(),
                memory,
            })
        }
        // `emptyDir:` with nothing after it, which Kubernetes reads as absent, as it does here.
        (None, None) => {
            report
                .error(
                    tree.place,
                    format!("the volume `{}` says not what it is", volume.name),
                )
                .hint("add `hostPath: {path: …}` or `emptyDir: {}`");
            None
        }
        (Some(_), Some(_)) => {
            report.error(
                tree.place_of("emptyDir"),
                "a volume is either `hostPath` or `emptyDir`",
            );
            None
        }
    }
}

fn host_path(host: &HostPathVolume, tree: &Tree, report: &mut Report) -> Option<MountSource> {
    if let Err(reason) = check_path(&host.path) {
        report.error(
            tree.place_of("path"),
            format!("`{}` is not a path of the host: {reason}", host.path),
        );
        return None;
    }
    let kind = match host.kind {
        None | Some(HostPathType::Any) => HostPath::Any,
        Some(HostPathType::DirectoryOrCreate) => HostPath::DirectoryOrCreate,
        Some(HostPathType::Directory) => HostPath::Directory,
        Some(HostPathType::FileOrCreate) => HostPath::FileOrCreate,
        Some(HostPathType::File) => HostPath::File,
        Some(HostPathType::Socket) => HostPath::Socket,
        Some(HostPathType::CharDevice) => HostPath::CharDevice,
        Some(HostPathType::BlockDevice) => HostPath::BlockDevice,
    };
    Some(MountSource::Host {
        path: PathBuf::from(&host.path),
        kind,
    })
}

fn check_path(path: &str) -> Result<(), &'static str> {
    if !path.starts_with('/') {
        return Err("it is not absolute");
    }
    if path.contains([':', '\0']) {
        return Err("it holds `:` or NUL");
    }
    if Path::new(path)
        .components()
        .any(|component| component == Component::ParentDir)
    {
        return Err("it holds `..`");
    }
    Ok(())
}
