//! The store itself: what it keeps and what it forgets, also when processes meet or are killed.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use pinwire_support::skip::is_root;

use super::super::error::ImageError;
use super::super::store::Store;
use super::fixture::{Layer, describe, import, simple_archive, store};
use super::node_image::programs;

/// Tells a child which data directory to work in.
const CHILD: &str = "PINWIRE_TEST_DATA";

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .expect("readdir")
        .map(|entry| {
            entry
                .expect("readdir")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

#[test]
fn many_make_and_import_at_once() {
    if !is_root() {
        return;
    }
    let (directory, store) = store();
    let Some(programs) = programs(directory.path(), true) else {
        return;
    };
    let archive = directory.path().join("image.tar");
    simple_archive(
        &archive,
        "localhost/x:1",
        Layer::new().file("f", &"x".repeat(500_000)).bytes(),
    );
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| store.ensure_node_image_of(&programs).expect("make"));
            scope.spawn(|| import(&store, &archive, None).expect("import"));
            scope.spawn(|| store.prune(&[]).expect("prune"));
        }
    });
    assert_eq!(store.list().expect("list").len(), 2);
    for summary in store.list().expect("list") {
        store
            .resolve(&summary.reference)
            .expect("an image with its layers");
    }
    assert_eq!(names(&store.layers).len(), 2, "nothing but two layers");
}

#[test]
fn removal_keeps_what_others_need() {
    if !is_root() {
        return;
    }
    let (directory, store) = store();
    let archive = directory.path().join("image.tar");
    let stream = Layer::new().file("f", "shared").bytes();
    for name in ["localhost/a:1", "localhost/b:1"] {
        simple_archive(&archive, name, stream.clone());
        import(&store, &archive, None).expect("import");
    }
    let image = store.resolve("localhost/a:1").expect("resolve");
    assert!(
        store
            .remove("localhost/a:1", &image.layers)
            .expect("b has the layer as well")
            .layers
            .is_empty()
    );
    assert!(matches!(
        store.resolve("localhost/a:1"),
        Err(ImageError::NotFound { .. })
    ));
    let used = store
        .remove("localhost/b:1", &image.layers)
        .expect_err("in use");
    assert!(matches!(used, ImageError::InUse { .. }), "{used}");
    store.resolve("localhost/b:1").expect("nothing has changed");
    let digest = format!("localhost/b@{}", image.digest);
    assert_eq!(
        store.resolve(&digest).expect("by its digest").layers,
        image.layers
    );
    assert_eq!(
        store
            .remove("localhost/b:1", &[])
            .expect("remove")
            .layers
            .len(),
        1
    );
    assert!(names(&store.layers).is_empty() && store.list().expect("list").is_empty());
}

#[test]
fn errors_tell_what_to_do() {
    if !is_root() {
        return;
    }
    let (_directory, store) = store();
    let error = store.resolve("alpine").expect_err("not there").to_string();
    for part in [
        "docker.io/library/alpine:latest",
        "docker save",
        "pinwire image import",
    ] {
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
    let index = store.images.join("index.json");
    fs::write(&index, "{").expect("write");
    assert!(matches!(store.list(), Err(ImageError::Index { .. })));
    fs::write(&index, r#"{"version": 2, "images": {}}"#).expect("write");
    assert!(matches!(
        store.list(),
        Err(ImageError::IndexVersion { version: 2, .. })
    ));
}

/// What the processes do that [`killed_processes_leave_nothing`] kills: they are that test, started again.
fn import_and_remove_for_ever(data: &Path) -> ! {
    let store = Store::open(data).expect("open");
    let parent = data.parent().expect("a parent");
    loop {
        for number in 0..3 {
            import(&store, &parent.join(format!("{number}.tar")), None).expect("import");
        }
        for number in 0..3 {
            // Gone already, if the process before this one was killed just there.
            let _ = store.remove(&format!("localhost/x:{number}"), &[]);
        }
    }
}

#[test]
fn killed_processes_leave_nothing() {
    if let Some(data) = std::env::var_os(CHILD) {
        import_and_remove_for_ever(Path::new(&data));
    }
    if !is_root() {
        return;
    }
    let (directory, store) = store();
    let mut expected = Vec::new();
    for number in 0..3 {
        let archive = directory.path().join(format!("{number}.tar"));
        let stream = (0..100).fold(Layer::new(), |layer, file| {
            layer.file(&format!("{file}"), &format!("{number}"))
        });
        simple_archive(&archive, &format!("localhost/x:{number}"), stream.bytes());
        let image = import(&store, &archive, None).expect("import").remove(0);
        expected.push((image.reference.to_string(), describe(&image.layers[0])));
    }
    let mut interrupted = 0;
    for round in 0..20 {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args([
                "--exact",
                "image::tests::store::killed_processes_leave_nothing",
                "--test-threads=1",
            ])
            .env(CHILD, directory.path().join("data"))
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("start a child");
        std::thread::sleep(Duration::from_millis(20 + 7 * round));
        let status = child
            .kill()
            .and_then(|()| child.wait())
            .expect("kill the child");
        assert_eq!(
            status.signal(),
            Some(9),
            "it was at work until it was killed"
        );
        for summary in store.list().expect("a whole index") {
            let image = store
                .resolve(&summary.reference)
                .expect("an image with its layers");
            let (_, tree) = expected
                .iter()
                .find(|(name, _)| *name == summary.reference)
                .expect("a known image");
            assert_eq!(&describe(&image.layers[0]), tree, "{}", summary.reference);
        }
        interrupted += store.prune(&[]).expect("prune").partial;
        let listed = store.list().expect("list").len();
        assert_eq!(
            names(&store.layers).len(),
            listed,
            "a layer for each image and nothing else"
        );
        assert!(
            names(&store.images)
                .iter()
                .all(|name| name.starts_with("index.") || name == "layers.lock")
        );
    }
    eprintln!("{interrupted} unfinished layers were swept");
}
