//! Names of imported images, and images that are exported again.

use std::fs;
use std::path::Path;

use pinwire_support::skip::is_root;

use super::super::error::ImageError;
use super::super::store::Store;
use super::archives::three_streams;
use super::fixture::{Layer, Layout, configuration, describe, gzip, import, simple_archive, store};

#[test]
fn names_are_the_archives_or_the_users() {
    if !is_root() {
        return;
    }
    let (directory, store) = store();
    let archive = directory.path().join("image.tar");
    let stream = Layer::new().file("f", "").bytes();
    simple_archive(&archive, "latest", stream.clone());
    assert!(
        matches!(
            import(&store, &archive, None),
            Err(ImageError::Nameless { .. })
        ),
        "a tag is no name"
    );
    let images = import(&store, &archive, Some("mine")).expect("import");
    assert_eq!(
        images[0].reference.to_string(),
        "docker.io/library/mine:latest"
    );
    assert!(matches!(
        import(&store, &archive, Some("NOT A NAME")),
        Err(ImageError::Reference(_))
    ));
    let mut layout = Layout::default();
    for name in ["localhost/a:1", "localhost/b:1"] {
        let stream = Layer::new().file("f", name).bytes();
        let image = layout.image(
            &configuration(std::slice::from_ref(&stream)),
            &[(stream.clone(), stream)],
        );
        layout.add(image, Some(name));
    }
    layout.write(&archive);
    assert!(matches!(
        import(&store, &archive, Some("mine")),
        Err(ImageError::SeveralImages { count: 2, .. })
    ));
    assert_eq!(import(&store, &archive, None).expect("import").len(), 2);
}

/// Exports, imports into another store, and compares files; then exports from there and compares bytes.
pub(super) fn round_trip(store: &Store, reference: &str, scratch: &Path) {
    let [first, second] = ["first.tar", "second.tar"].map(|name| scratch.join(name));
    store.export(reference, &first).expect("export");
    let (_directory, other) = super::fixture::store();
    let image = store.resolve(reference).expect("resolve");
    let [copy] = import(&other, &first, None)
        .expect("import")
        .try_into()
        .expect("one image");
    assert_eq!(
        (&copy.reference, &copy.config),
        (&image.reference, &image.config)
    );
    assert_eq!(copy.layers.len(), image.layers.len());
    for (before, after) in image.layers.iter().zip(&copy.layers) {
        assert_eq!(describe(before), describe(after));
    }
    other.export(reference, &second).expect("export again");
    assert!(
        fs::read(&first).expect("read") == fs::read(&second).expect("read"),
        "the same content, the same bytes"
    );
}

#[test]
fn images_survive_export_and_import() {
    if !is_root() {
        return;
    }
    let streams = three_streams();
    let layers: Vec<_> = streams
        .iter()
        .map(|stream| (stream.clone(), gzip(stream)))
        .collect();
    let (directory, store) = store();
    let archive = directory.path().join("image.tar");
    let mut layout = Layout::default();
    let image = layout.image(&configuration(&streams), &layers);
    layout.add(image, Some("localhost/three:1"));
    layout.write(&archive);
    import(&store, &archive, None).expect("import");
    round_trip(&store, "localhost/three:1", directory.path());
    // A directory of the same files is a layout, too.
    let unpacked = directory.path().join("layout");
    tar::Archive::new(fs::File::open(&archive).expect("open"))
        .unpack(&unpacked)
        .expect("unpack");
    import(&store, &unpacked, None).expect("import a directory");
    assert!(matches!(
        store.export("absent", &archive),
        Err(ImageError::NotFound { .. })
    ));
}
