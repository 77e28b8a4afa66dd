//! One call of the CNI plugin that a fuzzer makes up, on a host of its own, and what must hold after any call. Shared by
//! the fuzz target and by its short form among the conformance tests.
//!
//! An input is text: a line each for `CNI_COMMAND`, `CNI_CONTAINERID`, `CNI_IFNAME`, `CNI_NETNS` and `CNI_ARGS`, then
//! standard input. `@` for the namespace stands for one that exists.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use nix::net::if_::if_nameindex;
use pinwire_cni::plugin::protocol::{Answer, serve};
use pinwire_wiring::kernel::netns::Netns;
use serde_json::Value;

/// The host of the calls.
pub(crate) struct Host {
    /// A container's namespace, and where it is mounted.
    pub(crate) container: (Netns, PathBuf),
    /// Directory of the plugin's state.
    pub(crate) state: PathBuf,
    /// `CNI_PATH`.
    pub(crate) path: String,
}

/// Makes a call, and the DEL after it.
///
/// # Panics
/// If the answer is not one that the specification knows, or anything is left.
pub(crate) fn call(host: &Host, input: &[u8]) {
    let answer = answer(host, input, None);
    if let Answer::Done(Some(result)) | Answer::Failed(result) = &answer {
        assert!(result["cniVersion"].is_string(), "{result}");
    }
    if let Answer::Failed(error) = &answer {
        let code = error["code"].as_u64().expect("a code");
        assert!(code > 0, "{error}");
        let message = error["msg"].as_str().expect("a message");
        assert!(!message.is_empty(), "{error}");
        // containerd takes such an error of a DEL for success.
        assert!(!text(error).contains("not found"), "{error}");
        assert_eq!(links(host), LOOPBACK, "a failure left something: {error}");
    }
    if verb(input) == b"ADD" {
        answer_of_del(host, input);
        assert_eq!(links(host), LOOPBACK, "DEL left something");
    }
}

const LOOPBACK: [&str; 2] = ["lo", "lo"];

fn answer_of_del(host: &Host, input: &[u8]) {
    let answer = answer(host, input, Some("DEL"));
    // What a mistyped container or configuration names is refused at ADD as well, and nothing was made.
    assert!(matches!(answer, Answer::Done(_) | Answer::Failed(_)));
}

fn answer(host: &Host, input: &[u8], verb: Option<&str>) -> Answer {
    let mut parts = input.splitn(6, |byte| *byte == b'\n');
    let mut part = || parts.next().unwrap_or_default().to_vec();
    let [
        command,
        container,
        interface,
        netns,
        arguments,
        standard_input,
    ] = std::array::from_fn(|_| part());
    let os =
        |bytes: &[u8]| Some(OsString::from_vec(bytes.to_vec())).filter(|text| !text.is_empty());
    let variable = |name: &str| match name {
        "CNI_COMMAND" => verb.map(OsString::from).or_else(|| os(&command)),
        "CNI_CONTAINERID" => os(&container),
        "CNI_IFNAME" => os(&interface),
        "CNI_NETNS" if netns == b"@" => Some(host.container.1.clone().into_os_string()),
        "CNI_NETNS" => os(&netns),
        "CNI_ARGS" => os(&arguments),
        "CNI_PATH" => Some(host.path.clone().into()),
        "PINWIRE_CNI_STATE" => Some(host.state.clone().into_os_string()),
        _ => None,
    };
    serve(variable, standard_input.as_slice(), |_note| {})
}

fn verb(input: &[u8]) -> &[u8] {
    input
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default()
}

fn text(error: &Value) -> String {
    error.to_string().to_lowercase()
}

/// The links of the host and of the container.
fn links(host: &Host) -> Vec<String> {
    let names = || -> Vec<String> {
        let interfaces = if_nameindex().expect("links");
        let name =
            |interface: &nix::net::if_::Interface| interface.name().to_string_lossy().into_owned();
        interfaces.iter().map(name).collect()
    };
    let mut links = names();
    links.extend(host.container.0.run(names).expect("the container"));
    links
}
