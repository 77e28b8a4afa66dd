//! The forms that images come in, made by hand.

use std::fs;

use indicatif::ProgressBar;
use pinwire_support::skip::is_root;
use serde_json::json;

use super::super::error::ImageError;
use super::super::layer::Limits;
use super::fixture::{Layer, Layout, configuration, gzip, import, store, write_tar, zstandard};

pub(super) fn three_streams() -> [Vec<u8>; 3] {
    [
        Layer::new()
            .directory("./")
            .file("etc/a", "lower")
            .file("etc/b", "lower")
            .bytes(),
        Layer::new()
            .file("etc/a", "upper")
            .file("etc/.wh.b", "")
            .bytes(),
        Layer::new().file("c", "top").bytes(),
    ]
}

#[test]
fn layouts_with_every_compression() {
    if !is_root() {
        return;
    }
    let streams = three_streams();
    let stored = [
        gzip(&streams[0]),
        zstandard(&streams[1]),
        streams[2].clone(),
    ];
    let layers: Vec<_> = streams.iter().cloned().zip(stored).collect();
    let (directory, store) = store();
    let archive = directory.path().join("image.tar");
    let mut layout = Layout::default();
    let image = layout.image(&configuration(&streams), &layers);
    layout.add(image, Some("docker.io/library/three:1"));
    layout.write(&archive);
    let progress = ProgressBar::new(0);
    let images = store
        .import(&archive, None, &Limits::default(), &progress)
        .expect("import");
    let [image] = images.as_slice() else {
        panic!("one image, not {images:?}")
    };
    assert_eq!(image.reference.to_string(), "docker.io/library/three:1");
    assert_eq!(
        store.resolve("three:1").expect("resolve"),
        *image,
        "the short name is the same"
    );
    // Topmost first.
    let read = |layer: usize, path: &str| {
        fs::read_to_string(image.layers[layer].join(path)).expect("read")
    };
    assert_eq!(
        [read(0, "c"), read(1, "etc/a"), read(2, "etc/a")],
        ["top", "upper", "lower"]
    );
    let config = &image.config;
    assert_eq!(
        (config.entrypoint.as_slice(), config.cmd.as_slice()),
        (&["/init".to_owned()][..], &["serve".to_owned()][..])
    );
    assert_eq!(
        (
            config.env[0].as_str(),
            config.working_dir.as_str(),
            config.user.as_str()
        ),
        ("A=1", "/srv", "7:8")
    );
    let total: u64 = layers.iter().map(|(_, stored)| stored.len() as u64).sum();
    assert_eq!(
        (progress.position(), progress.length()),
        (total, Some(total))
    );
}

#[test]
fn docker_archives_old_and_compressed() {
    if !is_root() {
        return;
    }
    let streams = three_streams();
    let (directory, store) = store();
    let archive = directory.path().join("image.tar");
    let configuration = configuration(&streams).to_string().into_bytes();
    let name = format!(
        "{}.json",
        super::super::digest::Digest::of(&configuration).hex()
    );
    let manifest = json!([{
        "Config": name,
        "RepoTags": ["old:1", "quay.io/x/old:2"],
        "Layers": ["1/layer.tar", "2/layer.tar", "3/layer.tar"],
    }]);
    let mut files = vec![
        (name, configuration),
        (
            "manifest.json".to_owned(),
            manifest.to_string().into_bytes(),
        ),
    ];
    for (number, stream) in streams.iter().enumerate() {
        files.push((format!("{}/layer.tar", number + 1), stream.clone()));
    }
    write_tar(&archive, &files);
    let whole = fs::read(&archive).expect("read");
    for bytes in [whole.clone(), gzip(&whole), zstandard(&whole)] {
        fs::write(&archive, bytes).expect("write");
        let images = import(&store, &archive, None).expect("import");
        assert_eq!(images.len(), 2);
        assert_eq!(images[0].layers, images[1].layers);
        assert_eq!(
            fs::read(images[0].layers[1].join("etc/a")).expect("read"),
            b"upper"
        );
        store.resolve("old:1").expect("the first name");
        store.resolve("quay.io/x/old:2").expect("the second name");
    }
    // The configuration's file is named by its digest.
    files[0].1.push(b' ');
    write_tar(&archive, &files);
    assert!(matches!(
        import(&store, &archive, None),
        Err(ImageError::Corrupt { .. })
    ));
}

#[test]
fn docker_archives_link_to_layers_that_occur_twice() {
    if !is_root() {
        return;
    }
    let stream = Layer::new().file("f", "1").bytes();
    let streams = [stream.clone(), stream.clone()];
    let (directory, store) = store();
    let archive = directory.path().join("image.tar");
    let configuration = configuration(&streams).to_string();
    let manifest = json!([{"Config": "c.json", "RepoTags": ["twice:1"], "Layers": ["a/layer.tar", "b/layer.tar"]}]).to_string();
    let outer = Layer::new()
        .file("c.json", &configuration)
        .file("manifest.json", &manifest)
        .entry(tar::EntryType::Regular, "a/layer.tar", "", &stream)
        .symlink("b/layer.tar", "../a/layer.tar");
    fs::write(&archive, outer.bytes()).expect("write");
    let images = import(&store, &archive, None).expect("import");
    assert_eq!(images[0].layers.len(), 2);
}

#[test]
fn the_hosts_platform_is_chosen() {
    if !is_root() {
        return;
    }
    let (directory, store) = store();
    let archive = directory.path().join("image.tar");
    let mut layout = Layout::default();
    let mut descriptors = Vec::new();
    let mut host = String::new();
    for architecture in ["s390x", "host", "riscv64"] {
        let stream = Layer::new().file("arch", architecture).bytes();
        let mut configuration = configuration(std::slice::from_ref(&stream));
        if architecture == "host" {
            host = configuration["architecture"]
                .as_str()
                .expect("text")
                .to_owned();
        } else {
            configuration["architecture"] = json!(architecture);
        }
        let mut descriptor = layout.image(&configuration, &[(stream.clone(), stream)]);
        descriptor["platform"] =
            json!({"os": "linux", "architecture": configuration["architecture"]});
        descriptors.push(descriptor);
    }
    let attestation = json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 2,
        "digest": format!("sha256:{}", "1".repeat(64)), "platform": {"os": "unknown", "architecture": "unknown"}});
    let nested = json!({"schemaVersion": 2, "manifests": [attestation, descriptors[0], descriptors[2], descriptors[1]]});
    let nested = layout.blob(
        "application/vnd.docker.distribution.manifest.list.v2+json",
        nested.to_string().as_bytes(),
    );
    layout.add(nested, Some("localhost/multi:1"));
    // The same, side by side and without platforms in the descriptors.
    for descriptor in &descriptors {
        let mut descriptor = descriptor.clone();
        descriptor
            .as_object_mut()
            .expect("object")
            .remove("platform");
        layout.add(descriptor, Some("localhost/beside:1"));
    }
    layout.write(&archive);
    let images = import(&store, &archive, None).expect("import");
    assert_eq!(images.len(), 2);
    for image in &images {
        assert_eq!(
            fs::read(image.layers[0].join("arch")).expect("read"),
            b"host",
            "{}",
            image.reference
        );
    }

    let mut foreign = Layout::default();
    let stream = Layer::new().bytes();
    let mut configuration = configuration(std::slice::from_ref(&stream));
    configuration["architecture"] = json!("s390x");
    let image = foreign.image(&configuration, &[(stream.clone(), stream)]);
    foreign.add(image, Some("localhost/foreign:1"));
    foreign.write(&archive);
    match import(&store, &archive, None) {
        Err(ImageError::Platform { wanted, offered }) => assert_eq!(
            (wanted, offered),
            (format!("linux/{host}"), "linux/s390x".to_owned())
        ),
        other => panic!("not {other:?}"),
    }
}
