//! A host with cnitool, in a lab: the plugins, the library's cache and the configurations are its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use pinwire_support::directory::names;
use pinwire_support::inside::{answers, run};
use pinwire_support::skip::skip;
use pinwire_support::wait::eventually;
use pinwire_wiring::kernel::netns::Netns;
use serde_json::{Value, json};

use crate::lab::{Lab, lab};

/// The plugin.
const PLUGIN: &str = env!("CARGO_BIN_EXE_pinwire-cni");
/// The capability by which a runtime hands annotations over.
pub(crate) const ANNOTATIONS: &str = "io.kubernetes.cri.pod-annotations";

/// A host that runs containers by cnitool.
pub(crate) struct Host<'a> {
    /// Where it is.
    pub(crate) lab: &'a Lab<'a>,
    program: &'static Path,
}

/// What the runtime knows of a container, whose id is cnitool's own.
#[derive(Clone, Debug)]
pub(crate) struct Pod {
    /// Its name, and that of its network namespace.
    pub(crate) name: &'static str,
    capabilities: Value,
}

/// Runs a test on a host, and asserts that it leaves nothing over, the library's cache included.
///
/// Without Go 1.21 there is no cnitool: the test is skipped then.
pub(crate) fn host(test: impl FnOnce(&Host<'_>) + Send + 'static) {
    let Some(program) = cnitool() else {
        return skip("it needs cnitool, whose build says above what it lacks");
    };
    lab(move |lab| {
        let host = Host { lab, program };
        host.set_up();
        test(&host);
        let cached = names(Path::new("/var/lib/cni/results"));
        assert_eq!(cached, [""; 0], "results are left in the library's cache");
    });
}

/// Where cnitool is: built once for all tests.
fn cnitool() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let build = || {
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cnitool");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/cnitool/build");
        let built = Command::new(script).arg(&program).status().unwrap();
        built.success().then_some(program)
    };
    PROGRAM.get_or_init(build).as_deref()
}

impl Host<'_> {
    /// The directories that the library, the plugins and iptables use are the lab's own.
    fn set_up(&self) {
        for directory in ["/run", "/var/lib"] {
            self.lab.hide(directory);
        }
        std::fs::create_dir_all("/var/lib/cni").unwrap();
        // The lab asserts that no lease is left there.
        std::os::unix::fs::symlink(self.lab.path("leases"), "/var/lib/cni/networks").unwrap();
        std::os::unix::fs::symlink(PLUGIN, self.lab.path("bin").join("pinwire-cni")).unwrap();
        std::fs::create_dir(self.lab.path("net.d")).unwrap();
        self.run("ip link set lo up");
    }

    /// The namespace of the host itself.
    pub(crate) fn netns(&self) -> Netns {
        Netns::current().unwrap()
    }

    /// Runs a command on the host; its output, which must be a success's.
    pub(crate) fn run(&self, command: &str) -> String {
        run(&self.netns(), command)
    }

    /// Writes a network configuration list.
    pub(crate) fn list(&self, version: &str, name: &str, plugins: &Value) {
        let list = json!({"cniVersion": version, "name": name, "plugins": plugins});
        self.install(&format!("{name}.conflist"), &list.to_string());
    }

    /// Writes a file of the directory of network configurations.
    pub(crate) fn install(&self, name: &str, text: &str) {
        let path = self.lab.path("net.d").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Runs cnitool.
    fn cnitool(&self, verb: &str, network: &str, pod: &Pod) -> Output {
        let mut command = Command::new(self.program);
        command
            .args([verb, network])
            .arg(self.lab.netns_path(pod.name))
            .env("NETCONFPATH", self.lab.path("net.d"))
            .env("CNI_PATH", self.lab.search_path())
            .env("PINWIRE_CNI_STATE", self.lab.state())
            .env("CAP_ARGS", pod.capabilities.to_string())
            .env("CNI_ARGS", pod.arguments());
        command.output().unwrap()
    }

    /// Runs cnitool, which must succeed; what it printed.
    pub(crate) fn ok(&self, verb: &str, network: &str, pod: &Pod) -> Value {
        let output = self.cnitool(verb, network, pod);
        let text = String::from_utf8_lossy(&output.stdout);
        let error = String::from_utf8_lossy(&output.stderr);
        let name = pod.name;
        assert!(output.status.success(), "{verb} {name}: {text}{error}");
        if text.is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Runs cnitool, which must fail; what it said.
    pub(crate) fn fails(&self, verb: &str, network: &str, pod: &Pod) -> String {
        let output = self.cnitool(verb, network, pod);
        assert!(!output.status.success(), "{verb} {}", pod.name);
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Makes the namespace of a pod and adds it to a network; what cnitool printed.
    pub(crate) fn add(&self, network: &str, pod: &Pod) -> Value {
        self.lab.netns(pod.name);
        self.ok("add", network, pod)
    }

    /// Deletes a pod from a network, and its namespace.
    pub(crate) fn delete(&self, network: &str, pod: &Pod) {
        self.ok("del", network, pod);
        self.lab.remove(pod.name);
    }

    /// The namespace of a pod.
    pub(crate) fn inside(&self, pod: &Pod) -> Netns {
        Netns::open(&self.lab.netns_path(pod.name)).unwrap()
    }
}

impl Pod {
    /// A pod without annotations.
    pub(crate) fn plain(name: &'static str) -> Self {
        Self {
            name,
            capabilities: json!({}),
        }
    }

    /// A pod of the topology `lab`, with one link.
    pub(crate) fn wired(name: &'static str, link: &str) -> Self {
        let annotations = json!({
            "pinwire.dev/topology": "lab",
            "pinwire.dev/links": format!("- {link}"),
        });
        Self::plain(name).capability(ANNOTATIONS, annotations)
    }

    /// Has the runtime hand something over.
    #[must_use]
    pub(crate) fn capability(mut self, name: &str, value: Value) -> Self {
        self.capabilities[name] = value;
        self
    }

    fn arguments(&self) -> String {
        let name = self.name;
        format!("IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME={name}")
    }
}

/// Two pods with a wire between them: 192.0.2.1 and 192.0.2.2.
pub(crate) fn pair() -> [Pod; 2] {
    [
        Pod::wired(
            "left",
            "{interface: wire, peer: right:wire, addresses: [192.0.2.1/30]}",
        ),
        Pod::wired(
            "right",
            "{interface: wire, peer: left:wire, addresses: [192.0.2.2/30]}",
        ),
    ]
}

/// The address of a result, without its prefix.
pub(crate) fn address(result: &Value) -> String {
    let address = result["ips"][0]["address"].as_str().unwrap();
    address.split_once('/').unwrap().0.to_owned()
}

/// The names of the interfaces of a result that are in the container.
pub(crate) fn interfaces(result: &Value) -> Vec<&str> {
    let all = result["interfaces"].as_array().unwrap().iter();
    let inside = all.filter(|interface| interface["sandbox"].is_string());
    inside
        .map(|interface| interface["name"].as_str().unwrap())
        .collect()
}

/// Fails unless an address answers soon: the host's end of a link may take a second to be in operation.
pub(crate) fn reaches(netns: &Netns, address: &str) {
    eventually(address, || answers(netns, address));
}
