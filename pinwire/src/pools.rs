//! The pools of virtual functions of this host, as its administrator wrote them down: the key `pools` of a CNI
//! configuration, as a file of its own. Whether the host has what they name is for whoever takes from them.

use std::collections::BTreeMap;
use std::path::Path;

use pinwire_wiring::annotation::{Pool, Pools, RawPool};
use serde::Deserialize;

use crate::diagnostic::Diagnostic;
use crate::manifest::parse;
use crate::manifest::read::{self, Dialect};
use crate::manifest::report::Report;
use crate::manifest::source::{Place, Source};
use crate::manifest::tree::Tree;

/// Where the file is unless an option says otherwise.
pub const FILE: &str = "/etc/pinwire/pools.yaml";

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPools {
    pools: BTreeMap<String, RawPool>,
}

/// Reads a file of pools. Without one at [`FILE`] there are no pools.
///
/// # Errors
/// All that is wrong with it.
pub fn load(file: Option<&Path>) -> Result<Pools, Vec<Diagnostic>> {
    let path = match file {
        Some(path) => path,
        None if !Path::new(FILE).exists() => return Ok(Pools::new()),
        None => Path::new(FILE),
    };
    read(Source::read(path))
}

/// Like [`load`], from memory.
///
/// # Errors
/// As [`load`].
pub fn parse(name: &str, text: &str) -> Result<Pools, Vec<Diagnostic>> {
    read(Source::new(name.to_owned(), text.into()))
}

fn read(source: Result<Source, Box<Diagnostic>>) -> Result<Pools, Vec<Diagnostic>> {
    let mut report = Report::default();
    match source {
        Err(error) => report.file_error(*error),
        Ok(source) => {
            let number = report.add_source(source);
            if let Some(tree) = document(number, &mut report)
                && let Some(pools) = pools(&tree, &mut report)
            {
                return Ok(pools);
            }
        }
    }
    Err(report.finish())
}

/// The one document of the file.
fn document(number: u32, report: &mut Report) -> Option<Tree> {
    let documents = parse::parse(report.sources().text(number), number);
    let at = |range| Place::new(number, range);
    let document = report.only(documents, "pools are", at)?;
    if document.is_none() {
        report
            .error(at(0..0), "the file is empty")
            .hint("write `pools:`, and below it each pool by its name");
    }
    document
}

fn pools(tree: &Tree, report: &mut Report) -> Option<Pools> {
    let raw: RawPools = read::read(tree, Dialect::Pinwire, report)?;
    let mut pools = Pools::new();
    for (name, raw) in raw.pools {
        match Pool::try_from(raw) {
            Ok(pool) => {
                pools.insert(name, pool);
            }
            Err(reason) => {
                report.error(tree.value("pools").place_of(&name), reason);
            }
        }
    }
    (report.errors() == 0).then_some(pools)
}
