//! Main-plugin mode: DEL, whatever became of the container.

use pinwire_support::inside::{links, run};
use pinwire_support::wait::eventually;
use pinwire_wiring::kernel::netns::Netns;

use crate::call::{cni, interface};
use crate::lab::lab;

#[test]
fn del_in_any_circumstances() {
    lab(|lab| {
        let configuration = interface(lab, "1.0.0");
        let call = |verb: &str| cni(lab, verb, "c", &configuration);
        lab.netns("c");
        let before = lab.snapshot();
        // Before any ADD, and twice.
        call("DEL").ok();
        call("ADD").ok();
        call("DEL").ok();
        call("DEL").ok();
        lab.assert_same(&before, "afterwards");
        // Without a namespace, with something that is none, with the host's, with another container's.
        lab.netns("other");
        let other = lab.netns_path("other");
        for netns in [
            "",
            "/gone",
            "/etc/passwd",
            "/proc/self/ns/net",
            other.to_str().unwrap(),
        ] {
            let before = lab.snapshot();
            call("ADD").ok();
            call("DEL").set("CNI_NETNS", netns).ok();
            lab.assert_same(&before, netns);
        }
        // After the namespace went.
        call("ADD").ok();
        lab.remove("c");
        call("DEL").ok();
        eventually("the host's end is gone", || {
            links(&Netns::current().unwrap()) == ["lo"]
        });
        // After the container renamed its interface, and somebody took its name.
        let netns = lab.netns("c");
        call("ADD").ok();
        run(&netns, "ip link set eth0 down");
        run(&netns, "ip link set eth0 name mine");
        run(&netns, "ip link add eth0 type bridge");
        call("DEL").ok();
        assert_eq!(links(&netns), ["eth0", "lo"]);
        // After state was lost.
        run(&netns, "ip link delete eth0");
        call("ADD").ok();
        std::fs::remove_dir_all(lab.state()).unwrap();
        call("DEL").ok();
        // After it was damaged.
        call("ADD").ok();
        let files = lab.state().join("attachments").join(&lab.state_files()[0]);
        std::fs::write(files, "{").unwrap();
        call("DEL").ok();
        assert_eq!(links(&netns), ["lo"]);
    });
}

#[test]
fn del_of_one_container_leaves_the_other() {
    lab(|lab| {
        let configuration = interface(lab, "1.0.0");
        for container in ["old", "new"] {
            lab.netns(container);
        }
        cni(lab, "ADD", "new", &configuration).ok();
        let before = lab.snapshot();
        cni(lab, "ADD", "old", &configuration).ok();
        // A runtime may give an old container's DEL the namespace of a new one.
        let netns = lab.netns_path("new").display().to_string();
        cni(lab, "DEL", "old", &configuration)
            .set("CNI_NETNS", &netns)
            .ok();
        lab.assert_same(&before, "afterwards");
        cni(lab, "DEL", "new", &configuration).ok();
    });
}
