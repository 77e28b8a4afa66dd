//! The node image, made of stand-ins for its programs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use pinwire_support::skip::{is_root, skip};

use super::super::error::ImageError;
use super::super::node::{NODE_IMAGE, Programs, is_static};
use super::fixture::store;
use super::names::round_trip;

/// Programs for the node image. BusyBox is static and lists its names, so that it also stands in for `pinwire-node`, which
/// another package builds; none where the host has no such BusyBox.
pub(super) fn programs(directory: &Path, shell: bool) -> Option<Programs> {
    let busybox = Path::new("/bin/busybox");
    if !is_static(busybox).unwrap_or(false) {
        skip("/bin/busybox is not there or not static: apt-get install busybox-static");
        return None;
    }
    let node = directory.join("busybox");
    fs::copy(busybox, &node).expect("copy");
    Some(Programs {
        node,
        busybox: shell.then(|| busybox.to_owned()),
    })
}

#[test]
fn the_node_image_is_made_once_and_anew_when_a_program_changes() {
    if !is_root() {
        return;
    }
    let (directory, store) = store();
    let Some(programs) = programs(directory.path(), true) else {
        return;
    };
    let first = store.ensure_node_image_of(&programs).expect("make");
    assert!(first.made && first.shell);
    assert_eq!(first.image.config.entrypoint, ["/bin/pinwire-node", "init"]);
    let root = &first.image.layers[0];
    assert_eq!(
        fs::read_link(root.join("bin/sh"))
            .expect("a shell")
            .to_str(),
        Some("pinwire-node"),
        "the first program wins"
    );
    assert!(root.join("bin/busybox").is_file() && root.join("etc/passwd").is_file());
    assert_eq!(
        fs::metadata(root.join("tmp"))
            .expect("stat")
            .permissions()
            .mode()
            & 0o7777,
        0o1777
    );
    let second = store.ensure_node_image_of(&programs).expect("find");
    assert!(!second.made && second.image == first.image);
    assert_eq!(
        store.resolve("localhost/pinwire-node").expect("resolve"),
        first.image
    );

    // Touched, but the same: made anew with the same result.
    fs::copy("/bin/busybox", &programs.node).expect("copy");
    let touched = store.ensure_node_image_of(&programs).expect("make");
    assert!(touched.made && touched.image == first.image);
    let mut changed = fs::read(&programs.node).expect("read");
    changed.push(0);
    fs::write(&programs.node, changed).expect("write");
    let third = store.ensure_node_image_of(&programs).expect("make");
    assert!(third.made && third.image.layers != first.image.layers);
    // Containers may still run on the old layer.
    assert!(
        store
            .prune(&first.image.layers)
            .expect("prune")
            .layers
            .is_empty()
    );
    assert_eq!(store.prune(&[]).expect("prune").layers.len(), 1);
    assert!(!first.image.layers[0].exists());
    round_trip(&store, NODE_IMAGE, directory.path());
}

#[test]
fn without_busybox_there_is_no_shell() {
    if !is_root() {
        return;
    }
    let (directory, store) = store();
    let Some(programs) = programs(directory.path(), false) else {
        return;
    };
    let made = store.ensure_node_image_of(&programs).expect("make");
    let busybox = made.image.layers[0].join("bin/busybox");
    assert!(
        !made.shell && fs::symlink_metadata(busybox).is_ok_and(|metadata| metadata.is_symlink()),
        "a name only"
    );
    // A script is no program for an image without libraries.
    fs::write(&programs.node, "#!/bin/sh\n").expect("write");
    let error = store.ensure_node_image_of(&programs).expect_err("a script");
    assert!(
        matches!(error, ImageError::NodeProgramDynamic { .. }),
        "{error}"
    );
    let missing =
        Programs::find_node(directory.path(), Some(PathBuf::from("/absent"))).expect_err("absent");
    assert!(missing.to_string().contains("/absent"), "{missing}");
}
