//! What unpacking makes of a layer's entries, and that packing and unpacking are each other's inverse.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use pinwire_support::skip::is_root;
use rustix::fs::{FileType, Mode, XattrFlags, lsetxattr, mknodat};
use tar::EntryType;

use super::super::layer;
use super::fixture::{Layer, describe, unpack};

/// A tree with one of everything.
fn everything(root: &Path) {
    use std::os::unix::fs::{chown, lchown, symlink};
    let long = "long-".repeat(30);
    let set = |path: &Path, mode: u32| {
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
    };
    fs::create_dir(root.join("etc")).expect("mkdir");
    fs::create_dir_all(root.join(&long).join(&long)).expect("mkdir");
    fs::create_dir(root.join("empty")).expect("mkdir");
    fs::write(root.join("etc/file"), "content").expect("write");
    fs::write(
        root.join(&long).join(&long).join("ü file"),
        vec![7; 100_000],
    )
    .expect("write");
    fs::write(root.join("setuid"), "program").expect("write");
    chown(root.join("setuid"), Some(1000), Some(3_000_000_000)).expect("chown");
    set(&root.join("setuid"), 0o6755).expect("chmod");
    set(&root.join("empty"), 0o1777).expect("chmod");
    fs::hard_link(root.join("etc/file"), root.join("hard")).expect("link");
    symlink(format!("/{long}/{long}"), root.join("soft")).expect("symlink");
    lchown(root.join("soft"), Some(5), Some(6)).expect("lchown");
    fs::hard_link(root.join("soft"), root.join("soft-too")).expect("link");
    let device = rustix::fs::makedev(7, 300_000);
    for (name, kind, device) in [
        ("char", FileType::CharacterDevice, device),
        ("block", FileType::BlockDevice, rustix::fs::makedev(8, 1)),
        ("fifo", FileType::Fifo, 0),
        ("etc/deleted", FileType::CharacterDevice, 0),
    ] {
        mknodat(
            rustix::fs::CWD,
            root.join(name),
            kind,
            Mode::from_raw_mode(0o620),
            device,
        )
        .expect("mknod");
    }
    set(&root.join("etc/deleted"), 0).expect("chmod");
    let attribute = |path: &str, name: &str, value: &[u8]| {
        lsetxattr(root.join(path), name, value, XattrFlags::empty()).expect("lsetxattr");
    };
    attribute("etc/file", "user.note", b"a\0b\nc");
    attribute("soft", "trusted.note", b"on a link");
    attribute("etc", "trusted.overlay.opaque", b"y");
    // cap_net_raw+ep, version 2 (linux/capability.h).
    attribute(
        "setuid",
        "security.capability",
        &[1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    );
    for (path, seconds, nanoseconds) in [
        ("etc/file", -2, 500_000_000),
        ("soft", 1, 1),
        ("setuid", 1_700_000_000, 0),
        ("empty", 0, 0),
        ("etc", 9_999_999_999, 999_999_999),
        ("etc/deleted", 0, 0),
        ("", 5, 0),
    ] {
        let time = rustix::fs::Timespec {
            tv_sec: seconds,
            tv_nsec: nanoseconds,
        };
        let times = rustix::fs::Timestamps {
            last_access: time,
            last_modification: time,
        };
        let path = root.join(path);
        rustix::fs::utimensat(
            rustix::fs::CWD,
            &path,
            &times,
            rustix::fs::AtFlags::SYMLINK_NOFOLLOW,
        )
        .expect("utimensat");
    }
}

fn packed(root: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    layer::pack(root, &mut bytes).expect("pack");
    bytes
}

#[test]
fn a_tree_survives_packing() {
    if !is_root() {
        return;
    }
    let directory = tempfile::tempdir().expect("make a directory");
    everything(directory.path());
    let bytes = packed(directory.path());
    let again = unpack(&bytes).expect("unpack");
    let (before, after) = (describe(directory.path()), describe(again.path()));
    assert_eq!(before.len(), 15);
    for (path, description) in &before {
        assert_eq!(after.get(path), Some(description), "{path}");
    }
    assert_eq!(after.len(), before.len());
    assert_eq!(
        packed(again.path()),
        bytes,
        "packing depends on nothing but the content"
    );
    assert_eq!(bytes.len() % 512, 0);
}

#[test]
fn deletions_become_those_of_overlayfs() {
    if !is_root() {
        return;
    }
    let stream = Layer::new()
        .file("a/.wh.gone", "")
        .directory("b/")
        .file("b/.wh..wh..opq", "")
        .file("b/new", "n")
        .file(".wh..wh.plnk", "aufs")
        .directory("c/")
        .file("c/own", "")
        .file(".wh.c", "")
        .file(".wh.d", "")
        .directory("d/")
        .file("e", "first")
        .file(".wh.e", "")
        .bytes();
    let tree = unpack(&stream).expect("unpack");
    let gone = fs::symlink_metadata(tree.path().join("a/gone")).expect("lstat");
    assert!(gone.file_type().is_char_device() && gone.rdev() == 0);
    for opaque in ["b", "c", "d"] {
        let mut value = [0; 8];
        let length = rustix::fs::lgetxattr(
            tree.path().join(opaque),
            "trusted.overlay.opaque",
            &mut value[..],
        );
        assert_eq!(
            &value[..length.expect("an opaque directory")],
            b"y",
            "{opaque}"
        );
    }
    assert!(
        tree.path().join("c/own").exists(),
        "a whiteout is about lower layers only"
    );
    assert_eq!(fs::read(tree.path().join("e")).expect("read"), b"first");
    let names: Vec<_> = describe(tree.path()).into_keys().collect();
    assert_eq!(
        names,
        ["", "a", "a/gone", "b", "b/new", "c", "c/own", "d", "e"]
    );
}

#[test]
fn later_entries_replace_earlier_ones() {
    if !is_root() {
        return;
    }
    let stream = Layer::new()
        .file("x", "one")
        .hard_link("y", "x")
        .file("x", "two")
        .directory("z")
        .file("z/inner", "")
        .file("z", "a file now")
        .symlink("s", "x")
        .directory("s")
        .file("s/inner", "")
        .bytes();
    let tree = unpack(&stream).expect("unpack");
    let read = |path: &str| fs::read_to_string(tree.path().join(path)).expect("read");
    assert_eq!(
        [read("x"), read("y"), read("z")],
        ["two", "one", "a file now"]
    );
    assert!(
        fs::symlink_metadata(tree.path().join("s"))
            .expect("lstat")
            .is_dir()
    );
}

#[test]
fn links_inside_the_layer_are_followed() {
    if !is_root() {
        return;
    }
    let stream = Layer::new()
        .directory("usr/lib")
        .symlink("lib", "usr/lib")
        .file("lib/libc", "c")
        .bytes();
    let tree = unpack(&stream).expect("unpack");
    assert_eq!(
        fs::read(tree.path().join("usr/lib/libc")).expect("read"),
        b"c"
    );
}

#[test]
fn attributes_of_overlayfs_are_not_a_layers_to_set() {
    if !is_root() {
        return;
    }
    let stream = Layer::new()
        .pax(&[
            ("SCHILY.xattr.trusted.overlay.redirect", b"/etc"),
            ("SCHILY.xattr.user.overlay.opaque", b"y"),
            ("SCHILY.xattr.user.kept", b"1"),
        ])
        .entry(EntryType::Directory, "d", "", b"")
        .bytes();
    let tree = unpack(&stream).expect("unpack");
    let description = &describe(tree.path())["d"];
    assert!(
        description.contains("user.kept") && !description.contains("overlay"),
        "{description}"
    );
}

#[test]
fn implied_directories_are_roots_and_have_fixed_times() {
    if !is_root() {
        return;
    }
    let tree = unpack(&Layer::new().file("a/b/c", "").bytes()).expect("unpack");
    for path in ["", "a", "a/b"] {
        let metadata = fs::metadata(tree.path().join(path)).expect("stat");
        assert_eq!(
            (metadata.mode() & 0o7777, metadata.uid(), metadata.mtime()),
            (0o755, 0, 0),
            "`{path}`"
        );
    }
}
