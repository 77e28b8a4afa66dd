//! The result of the plugins before this one in the chain, which goes on to the next: as it came, and ours at its end.

use serde_json::Value;

use super::json;
use super::result::{Interface, Outcome, ResultError};
use super::version::Version;

/// Reads `prevResult`.
pub(crate) fn read(previous: &Value) -> Result<Outcome, ResultError> {
    Outcome::read("prevResult", previous)
}

/// The previous result with more interfaces. Keys that are not ours stay as they are. If it has the shape of another
/// version, it is written anew in that of the configuration's.
///
/// Addresses of the interfaces are not added: runtimes take all addresses of a result for the pod's own, and Kubernetes
/// allows a pod one of each family.
pub(crate) fn extend(previous: &Value, interfaces: &[Interface], version: Version) -> Value {
    let list = |version: Version| version >= Version::V0_3_0;
    let theirs = json::get(previous, "cniVersion").and_then(Value::as_str);
    let theirs = theirs.map_or(Ok(version), str::parse);
    let same = theirs.is_ok_and(|theirs| {
        list(theirs) == list(version) && (theirs < Version::V1_0_0) == (version < Version::V1_0_0)
    });
    let mut result = match read(previous) {
        Ok(outcome) if !same => outcome.write(version),
        _ => previous.clone(),
    };
    let Some(object) = result.as_object_mut() else {
        return result;
    };
    object.retain(|key, _| !key.eq_ignore_ascii_case("cniVersion"));
    object.insert("cniVersion".to_owned(), version.as_str().into());
    if list(version) && !interfaces.is_empty() {
        let key = object
            .keys()
            .find(|key| key.eq_ignore_ascii_case("interfaces"));
        let key = key.cloned().unwrap_or_else(|| "interfaces".to_owned());
        let ours = interfaces.iter().map(|interface| interface.write(version));
        match object.get_mut(&key) {
            Some(Value::Array(all)) => all.extend(ours),
            _ => {
                object.insert(key, ours.collect());
            }
        }
    }
    result
}
