//! Archives that other programs write, and other programs reading ours: umoci and skopeo, where they are installed.

use std::fs;
use std::path::Path;
use std::process::Command;

use pinwire_support::skip::{has, is_root};

use super::fixture::{Layer, describe, gzip, import, simple_archive, store};

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().expect("run");
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn takes_what_umoci_writes() {
    if !is_root() || !has("umoci") {
        return;
    }
    let (directory, store) = store();
    let [layout, bundle] = ["layout", "bundle"].map(|name| directory.path().join(name));
    let image = format!("{}:tag", text(&layout));
    run("umoci", &["init", "--layout", text(&layout)]);
    run("umoci", &["new", "--image", &image]);
    run("umoci", &["unpack", "--image", &image, text(&bundle)]);
    let root = bundle.join("rootfs");
    fs::create_dir_all(root.join("etc/old")).expect("mkdir");
    fs::write(root.join("etc/old/file"), "1").expect("write");
    fs::write(root.join("program"), "2").expect("write");
    fs::hard_link(root.join("program"), root.join("same")).expect("link");
    std::os::unix::fs::chown(root.join("program"), Some(12), Some(34)).expect("chown");
    run("umoci", &["repack", "--image", &image, text(&bundle)]);
    fs::remove_dir_all(&bundle).expect("remove");
    run("umoci", &["unpack", "--image", &image, text(&bundle)]);
    fs::remove_dir_all(root.join("etc/old")).expect("remove");
    run("umoci", &["repack", "--image", &image, text(&bundle)]);
    run(
        "umoci",
        &[
            "config",
            "--image",
            &image,
            "--config.entrypoint",
            "/program",
            "--config.env",
            "A=1",
        ],
    );

    let images = import(&store, &layout, Some("localhost/umoci:1")).expect("import");
    let [upper, lower] = images[0].layers.as_slice() else {
        panic!("two layers, not {images:?}")
    };
    assert!(
        describe(upper)["etc/old"].starts_with("20000"),
        "a whiteout: {:?}",
        describe(upper)
    );
    let lower = describe(lower);
    assert_eq!(lower["program"], lower["same"]);
    assert!(lower["program"].contains(" 12:34 "), "{lower:?}");
    assert_eq!(
        (&images[0].config.entrypoint[..], &images[0].config.env[..]),
        (&["/program".to_owned()][..], &["A=1".to_owned()][..])
    );
}

#[test]
fn skopeo_takes_ours_and_we_take_its() {
    if !is_root() || !has("skopeo") {
        return;
    }
    let (directory, store) = store();
    let path = |name: &str| text(&directory.path().join(name)).to_owned();
    let [first, ours, docker, oci] = ["first.tar", "ours.tar", "docker.tar", "oci.tar"].map(path);
    let stream = Layer::new()
        .directory("etc/")
        .file("etc/f", "content")
        .symlink("l", "etc/f")
        .file(".wh.gone", "")
        .bytes();
    simple_archive(Path::new(&first), "localhost/x:1", stream);
    let [before] = import(&store, Path::new(&first), None)
        .expect("import")
        .try_into()
        .expect("one image");
    store
        .export("localhost/x:1", Path::new(&ours))
        .expect("export");
    // Both of its faces, and then back from both forms.
    let copy = |from: &str, to: &str| {
        run(
            "skopeo",
            &["--insecure-policy", "copy", "--quiet", from, to],
        );
    };
    copy(
        &format!("oci-archive:{ours}"),
        &format!("docker-archive:{docker}:localhost/x:2"),
    );
    copy(
        &format!("docker-archive:{ours}"),
        &format!("oci-archive:{oci}:localhost/x:3"),
    );
    let compressed = format!("{docker}.gz");
    fs::write(&compressed, gzip(&fs::read(&docker).expect("read"))).expect("write");
    for (archive, reference) in [
        (&docker, "localhost/x:2"),
        (&oci, "localhost/x:3"),
        (&compressed, "localhost/x:2"),
    ] {
        let images = import(&store, Path::new(archive), None).expect("import");
        assert_eq!(images[0].reference.to_string(), reference);
        assert_eq!(
            describe(&images[0].layers[0]),
            describe(&before.layers[0]),
            "{reference}"
        );
        assert_eq!(images[0].config, before.config);
    }
}
