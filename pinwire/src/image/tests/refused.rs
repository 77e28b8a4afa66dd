//! Archives that are too large, or none at all.

use std::fs;
use std::io::Write;

use pinwire_support::skip::is_root;
use serde_json::json;

use super::super::error::ImageError;
use super::super::layer::{self, Limits};
use super::fixture::{Layer, Layout, gzip, import, store, write_tar};
use super::hostile::assert_empty;

#[test]
fn bombs_are_refused() {
    if !is_root() {
        return;
    }
    let limits = Limits {
        layer_bytes: 1 << 20,
        layer_entries: 100,
        document_bytes: 1 << 16,
    };
    let refused = |name: &str, stream: &[u8]| {
        let directory = tempfile::tempdir().expect("make a directory");
        let error = layer::unpack(stream, directory.path(), &limits).expect_err(name);
        let text = format!(
            "{error}: {:?}",
            std::error::Error::source(&error).map(ToString::to_string)
        );
        assert!(
            matches!(error, ImageError::Limit { .. })
                || text.contains("more data than is allowed")
                || text.contains("are too long"),
            "{name}: {text}"
        );
    };
    refused(
        "a large file",
        &Layer::new().file("f", &"x".repeat(2 << 20)).bytes(),
    );
    let half = "x".repeat(600_000);
    refused(
        "two large files",
        &Layer::new().file("a", &half).file("b", &half).bytes(),
    );
    let many = (0..200).fold(Layer::new(), |layer, number| {
        layer.file(&format!("f{number}"), "")
    });
    refused("many files", &many.bytes());
    let value = vec![b'x'; 3 << 20];
    refused(
        "a large pax record",
        &Layer::new()
            .pax(&[("comment", &value)])
            .file("f", "")
            .bytes(),
    );
    let mut endless = Layer::new().file("f", "").bytes();
    endless.write_all(&vec![0; 4 << 20]).expect("write");
    refused("a long end", &endless);

    let (directory, store) = store();
    let archive = directory.path().join("image.tar");
    write_tar(&archive, &[("index.json".to_owned(), vec![b' '; 1 << 17])]);
    let error = store
        .import(&archive, None, &limits, &indicatif::ProgressBar::hidden())
        .expect_err("a large document");
    assert!(matches!(error, ImageError::Limit { .. }), "{error}");
}

#[test]
fn what_is_no_image_is_told_so() {
    if !is_root() {
        return;
    }
    let (directory, store) = store();
    let archive = directory.path().join("image.tar");
    let check = |name: &str, expected: fn(&ImageError) -> bool| {
        let error = import(&store, &archive, None).expect_err(name);
        assert!(expected(&error), "{name}: {error:?}");
    };
    check("absent", |error| {
        matches!(error, ImageError::Io { call: "open", .. })
    });
    fs::write(&archive, "#!/bin/sh\n".repeat(200)).expect("write");
    check("text", |error| {
        matches!(error, ImageError::NotAnImage { .. })
    });
    fs::write(&archive, "").expect("write");
    check("empty", |error| {
        matches!(error, ImageError::NotAnImage { .. })
    });
    fs::write(&archive, gzip(b"not a tar archive")).expect("write");
    check("compressed text", |error| {
        matches!(error, ImageError::NotAnImage { .. })
    });
    write_tar(&archive, &[("readme".to_owned(), b"hello".to_vec())]);
    check("another archive", |error| {
        matches!(error, ImageError::NotAnImage { .. })
    });
    write_tar(&archive, &[("index.json".to_owned(), b"{".to_vec())]);
    check("broken JSON", |error| {
        matches!(error, ImageError::Document { .. })
    });
    write_tar(
        &archive,
        &[(
            "manifest.json".to_owned(),
            br#"[{"Config":"../c","Layers":[]}]"#.to_vec(),
        )],
    );
    check("a file outside", |error| {
        matches!(error, ImageError::BlobMissing { .. })
    });
    let digest = format!("sha256:{}", "0".repeat(64));
    let manifest = json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 2});
    Layout {
        files: Vec::new(),
        manifests: vec![manifest],
    }
    .write(&archive);
    check("a missing blob", |error| {
        matches!(error, ImageError::BlobMissing { .. })
    });
    let empty = directory.path().join("directory");
    fs::create_dir(&empty).expect("mkdir");
    assert!(matches!(
        import(&store, &empty, None),
        Err(ImageError::NotAnImage { .. })
    ));
    assert_empty(&store, "what is no image");
}
