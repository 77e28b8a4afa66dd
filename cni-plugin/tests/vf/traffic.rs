//! What crosses a wire, and what does not: other wires hear nothing of it, and forged addresses are dropped where asked.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use pinwire_support::command::run;
use pinwire_support::inside;
use pinwire_support::wait::eventually;
use pinwire_wiring::kernel::netns::Netns;
use serde_json::{Value, json};

use crate::call::{cni, configuration};
use crate::machine::{Machine, functions, machine};
use crate::wire::{attach, line};

/// A capture of frames of one MAC address on an interface.
struct Capture {
    process: Child,
    path: PathBuf,
}

impl Capture {
    fn start(machine: &Machine, netns: &Netns, name: &str, filter: &[&str]) -> Self {
        let path = machine.path(&format!("capture-{}-{name}", netns.id().inode));
        let mut command = Command::new("tcpdump");
        command
            .args([
                "--immediate-mode",
                "-Z",
                "root",
                "-U",
                "-n",
                "-i",
                name,
                "-w",
            ])
            .arg(&path)
            .args(filter)
            .stderr(Stdio::null());
        let process = netns.run(|| command.spawn()).unwrap().unwrap();
        eventually("the capture has begun", || {
            std::fs::metadata(&path).is_ok_and(|file| file.len() >= 24)
        });
        Self { process, path }
    }

    /// Bytes of frames that were captured.
    fn stop(mut self) -> u64 {
        let id = nix::unistd::Pid::from_raw(self.process.id().try_into().unwrap());
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM).unwrap();
        self.process.wait().unwrap();
        std::fs::metadata(&self.path).unwrap().len() - 24
    }
}

#[test]
fn a_wire_is_heard_by_nobody_else() {
    machine(|machine| {
        let nodes = line(machine, 4);
        for node in &nodes {
            attach(machine, node);
        }
        let open = |name: &str| Netns::open(&machine.netns_path(name)).unwrap();
        let [first, second, third, fourth] = ["h1", "h2", "h3", "h4"].map(open);
        let mac = "ether host 02:00:00:00:ee:01";
        let filter: Vec<&str> = mac.split(' ').collect();
        // Promiscuous: a capture asks for all that the card would let through.
        let heard = Capture::start(machine, &second, "up", &filter);
        let others = [
            Capture::start(machine, &second, "down", &filter),
            Capture::start(machine, &third, "up", &filter),
            Capture::start(machine, &third, "down", &filter),
            Capture::start(machine, &fourth, "up", &filter),
        ];
        // A broadcast with a foreign source, which a wire lets pass.
        inside::run(&first, "ip link set dev down address 02:00:00:00:ee:01");
        for _ in 0..5 {
            inside::attempt(&first, "ping -c1 -W1 -q -b 10.0.1.255");
        }
        std::thread::sleep(Duration::from_secs(1));
        assert!(heard.stop() > 0, "the wire itself carries nothing");
        for other in others {
            assert_eq!(other.stop(), 0, "another wire has heard it");
        }
        for (name, asked) in &nodes {
            cni(machine, "DEL", name, asked).ok();
        }
    });
}

/// Two containers, one on each card, in one VLAN; what the first is told besides.
fn pair(card: usize, more: &Value) -> Value {
    let mut asked = configuration(&json!({
        "deviceID": functions(card)[0].address,
        "vlan": 77,
        "mac": format!("02:00:00:00:dd:0{card}"),
        "ips": [format!("10.8.0.{}/24", card + 1)],
    }));
    if card == 0 {
        for (key, value) in more.as_object().unwrap() {
            asked[key] = value.clone();
        }
    }
    asked
}

/// What became of frames with a forged sender.
struct Forgery {
    /// Whether the card was told to drop them.
    guarded: bool,
    /// Whether they reached the second container.
    passed: bool,
}

/// Has the first container send from a MAC address that is not its own.
fn forge(machine: &Machine, more: &Value) -> Forgery {
    let names = ["sender", "receiver"];
    let [sender, receiver] = names.map(|name| machine.netns(name));
    for (card, name) in names.into_iter().enumerate() {
        cni(machine, "ADD", name, &pair(card, more)).ok();
    }
    let guarded = guards(0) & 1 == 1;
    inside::run(&sender, "ping -c1 -W5 -q 10.8.0.2");
    let heard = Capture::start(machine, &receiver, "net1", &["ether", "src", FORGED]);
    // A macvlan sends from an address of its own.
    inside::run(
        &sender,
        &format!("ip link add forged link net1 address {FORGED} type macvlan mode bridge"),
    );
    inside::run(&sender, "ip address add 10.8.0.3/24 dev forged");
    inside::run(&sender, "ip link set forged up");
    for _ in 0..5 {
        inside::attempt(&sender, "ping -c1 -W1 -q -b -I forged 10.8.0.255");
    }
    std::thread::sleep(Duration::from_secs(1));
    let passed = heard.stop() > 0;
    for (card, name) in names.into_iter().enumerate() {
        cni(machine, "DEL", name, &pair(card, more)).ok();
    }
    drop((sender, receiver));
    for name in names {
        machine.remove(name);
    }
    machine.assert_restored("forged addresses");
    Forgery { guarded, passed }
}

/// A MAC address that no interface here was given.
const FORGED: &str = "02:00:00:00:ee:02";

/// Whose addresses a card checks, as the card itself says: bit N is virtual function N, in the register DTXSWC of an Intel
/// 82576 (`igb_ndo_set_vf_spoofchk`, `E1000_DTXSWC_MAC_SPOOF_MASK` of the kernel's igb).
fn guards(card: usize) -> u32 {
    const DTXSWC: u64 = 0x3500;
    const MAC_SPOOF_MASK: u32 = 0xff;
    let device = device(card);
    let resources = std::fs::read_to_string(device.join("resource")).unwrap();
    let registers = resources.split_whitespace().next().unwrap();
    let registers = u64::from_str_radix(registers.trim_start_matches("0x"), 16).unwrap();
    // It makes one load of 32 bits, as the registers ask for. The kernel lets it where the driver has them, too, with
    // iomem=relaxed on its command line.
    let text = run(&format!("busybox devmem {} 32", registers + DTXSWC));
    let value = u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).unwrap();
    value & MAC_SPOOF_MASK
}

/// The directory of a physical function in sysfs.
fn device(card: usize) -> PathBuf {
    let address = functions(card)[0].physical.to_string();
    Path::new("/sys/bus/pci/devices").join(address)
}

/// Whether a card is QEMU's, which does not look at what its register says.
fn is_emulated(card: usize) -> bool {
    let number = |file: &str| std::fs::read_to_string(device(card).join(file)).unwrap();
    // What QEMU's devices bear unless told otherwise (docs/specs/pci-ids.rst of QEMU).
    ["subsystem_vendor", "subsystem_device"].map(|file| number(file).trim().to_owned())
        == ["0x1af4", "0x1100"]
}

/// Told or not, the drivers have the spoof check on unless it is turned off.
#[test]
fn forged_addresses() {
    machine(|machine| {
        let before = guards(0);
        for (asked, guarded) in [
            (json!({"spoofchk": "off"}), false),
            (json!({"spoofchk": "on"}), true),
            (json!({}), true),
        ] {
            let forgery = forge(machine, &asked);
            assert_eq!(forgery.guarded, guarded, "{asked}: the card's register");
            assert_eq!(guards(0), before, "{asked}: the card's register after DEL");
            if guarded && forgery.passed && is_emulated(0) {
                eprintln!("{asked}: QEMU's card passes what its register says it drops");
            } else {
                assert_eq!(forgery.passed, !guarded, "{asked}: forged frames");
            }
        }
    });
}
