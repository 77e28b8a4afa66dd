//! Archives that are damaged or mean harm: each is refused with a reason, and leaves nothing.

use std::fs;

use pinwire_support::skip::is_root;
use tar::EntryType;

use super::super::digest::Digest;
use super::super::error::ImageError;
use super::super::store::Store;
use super::fixture::{Layer, Layout, configuration, gzip, import, simple_archive, store, unpack};

#[test]
fn nothing_leaves_the_layer() {
    if !is_root() {
        return;
    }
    let outside = tempfile::tempdir().expect("make a directory");
    let out = outside.path().to_str().expect("UTF-8");
    let depth = "../".repeat(out.matches('/').count() + 8);
    let up = format!("{depth}{}", &out[1..]);
    for (name, stream) in [
        ("..", Layer::new().file("../evil", "")),
        (
            "hidden ..",
            Layer::new().directory("a").file("a/../../evil", ""),
        ),
        ("absolute", Layer::new().file(&format!("{out}/evil"), "")),
        (
            "through an absolute link",
            Layer::new().symlink("l", out).file("l/evil", ""),
        ),
        (
            "through a relative link",
            Layer::new().symlink("l", &up).file("l/evil", ""),
        ),
        (
            "through two links",
            Layer::new()
                .symlink("a", "b")
                .symlink("b", out)
                .file("a/evil", ""),
        ),
        (
            "through a link to what is missing",
            Layer::new()
                .symlink("l", &format!("{out}/new"))
                .file("l/evil", ""),
        ),
        (
            "a directory through a link",
            Layer::new().symlink("l", out).directory("l/evil/deep"),
        ),
        (
            "a deletion through a link",
            Layer::new().symlink("l", out).file("l/.wh.evil", ""),
        ),
        (
            "an opaque mark through a link",
            Layer::new().symlink("l", out).file("l/.wh..wh..opq", ""),
        ),
        (
            "a hard link from outside",
            Layer::new().hard_link("h", "../../etc/passwd"),
        ),
        (
            "a hard link to an absolute path",
            Layer::new().hard_link("h", "/etc/passwd"),
        ),
        (
            "a hard link through a link",
            Layer::new().symlink("l", "/etc").hard_link("h", "l/passwd"),
        ),
        ("a deletion of ..", Layer::new().file(".wh...", "")),
        ("a deletion of .", Layer::new().file("a/.wh..", "")),
        ("a deletion of nothing", Layer::new().file(".wh.", "")),
        (
            "a whiteout in disguise",
            Layer::new().entry(EntryType::Char, "etc", "", b""),
        ),
        (
            "a long name",
            Layer::new()
                .pax(&[("path", format!("{out}/evil").as_bytes())])
                .file("x", ""),
        ),
        (
            "proc's magic links",
            Layer::new()
                .symlink("l", "/proc/self/root")
                .file(&format!("l{out}/evil"), ""),
        ),
    ] {
        let error = unpack(&stream.bytes()).expect_err(name);
        assert!(matches!(error, ImageError::Entry { .. }), "{name}: {error}");
        assert_eq!(
            fs::read_dir(outside.path()).expect("readdir").count(),
            0,
            "{name} wrote outside"
        );
    }
}

/// A store holds nothing but its locks and perhaps its index.
pub(super) fn assert_empty(store: &Store, name: &str) {
    assert_eq!(
        fs::read_dir(&store.layers).expect("readdir").count(),
        0,
        "{name} left something in layers"
    );
    assert!(store.list().expect("list").is_empty(), "{name}");
}

#[test]
fn damaged_archives_are_refused() {
    if !is_root() {
        return;
    }
    let stream = Layer::new().file("f", &"x".repeat(100_000)).bytes();
    let (directory, store) = store();
    let archive = directory.path().join("image.tar");
    simple_archive(&archive, "localhost/x:1", stream);
    let good = fs::read(&archive).expect("read");
    import(&store, &archive, None).expect("the undamaged archive");
    store.remove("localhost/x:1", &[]).expect("remove");
    // A byte at every place that matters, and every length: an error each time, never a panic, never an image.
    let blob = good
        .windows(2)
        .position(|bytes| bytes == [0x1F, 0x8B])
        .expect("the layer");
    for position in [blob, blob + 3, blob + 20, blob + 100] {
        let mut bad = good.clone();
        bad[position] ^= 0x10;
        fs::write(&archive, bad).expect("write");
        let error = import(&store, &archive, None).expect_err("a damaged layer");
        assert!(
            matches!(error, ImageError::Corrupt { .. } | ImageError::Io { .. }),
            "{position}: {error}"
        );
        assert_empty(&store, "a damaged layer");
    }
    // What follows index.json, its padding and `oci-layout`, tells nothing that is needed.
    let last = good
        .windows(10)
        .position(|bytes| bytes == b"index.json")
        .expect("the index")
        + 512;
    let needed = last
        + good[last..]
            .iter()
            .position(|byte| *byte == 0)
            .expect("the index's end");
    for length in (0..needed).step_by(97) {
        fs::write(&archive, &good[..length]).expect("write");
        import(&store, &archive, None).expect_err("an archive that is cut off");
    }
    assert_empty(&store, "archives that are cut off");
}

#[test]
fn digests_are_checked_everywhere() {
    if !is_root() {
        return;
    }
    let stream = Layer::new().file("f", "1").bytes();
    let other = Layer::new().file("f", "2").bytes();
    let (directory, store) = store();
    let archive = directory.path().join("image.tar");
    for (name, replaced) in [("configuration", 1), ("manifest", 2)] {
        let mut layout = Layout::default();
        let image = layout.image(
            &configuration(std::slice::from_ref(&stream)),
            &[(stream.clone(), gzip(&stream))],
        );
        layout.add(image, Some("localhost/x:1"));
        let last = layout.files[replaced].1.len() - 1;
        // Still valid JSON of the same length.
        assert_eq!(layout.files[replaced].1[last], b'}');
        layout.files[replaced].1[0] = b' ';
        layout.write(&archive);
        let error = import(&store, &archive, None).expect_err(name);
        assert!(
            matches!(error, ImageError::Corrupt { .. }),
            "{name}: {error}"
        );
    }
    // The compressed layer is what the manifest promises, but not what the configuration does.
    let mut layout = Layout::default();
    let image = layout.image(
        &configuration(std::slice::from_ref(&stream)),
        &[(other.clone(), gzip(&other))],
    );
    layout.add(image, Some("localhost/x:1"));
    layout.write(&archive);
    let error = import(&store, &archive, None).expect_err("another layer");
    assert!(
        matches!(error, ImageError::Corrupt { expected, .. } if expected == Digest::of(&stream)),
        "{error}"
    );
    assert_empty(&store, "digests");
}
