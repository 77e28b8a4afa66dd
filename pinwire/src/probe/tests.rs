//! The probe over real links: veth pairs in a network namespace that each test makes for itself, with a forwarder of known
//! faults in between, or nodes that route.

mod nodes;

use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};
use pinwire_support::sandbox::apart;
use pinwire_wiring::name::MacAddress;

use super::batch::Batch;
use super::interface::Interface;
use super::packet_socket::PacketSocket;
use super::{Outcome, Probe, ProbeError, frame};

const DESTINATION: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 2, 20), Probe::PORT);

/// Runs `test` in a thread with a network namespace of its own, which dies with it.
fn in_namespace(test: impl FnOnce() + Send + 'static) {
    apart(|| {
        unshare(CloneFlags::CLONE_NEWNET).expect("unshare the network namespace");
        test();
    });
}

/// Runs an `ip` command in the thread's namespace, or in that of `process`.
fn ip(process: Option<&Child>, arguments: &str) {
    let mut words: Vec<String> = match process {
        Some(child) => vec![
            "nsenter".to_owned(),
            format!("--net=/proc/{}/ns/net", child.id()),
        ],
        None => Vec::new(),
    };
    words.push("ip".to_owned());
    words.extend(arguments.split(' ').map(str::to_owned));
    let output = Command::new(&words[0])
        .args(&words[1..])
        .output()
        .expect("run ip");
    assert!(
        output.status.success(),
        "ip {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Two pairs, in0—entry and exit—out0, all up.
fn two_pairs() {
    for (host, node) in [("in0", "entry"), ("out0", "exit")] {
        ip(None, &format!("link add {host} type veth peer name {node}"));
        ip(None, &format!("link set {host} up"));
        ip(None, &format!("link set {node} up"));
    }
}

fn probe(count: u32, rate_pps: u32, size: usize, destination_mac: MacAddress) -> Probe {
    Probe {
        ingress: "in0".to_owned(),
        egress: "out0".to_owned(),
        destination_mac,
        destination: DESTINATION,
        count,
        rate_pps,
        size,
        warm_up: 50,
        timeout: Duration::from_millis(500),
        promiscuous: true,
    }
}

/// Whether every frame sent arrived exactly once.
fn is_complete(outcome: &Outcome) -> bool {
    outcome.refused == 0 && outcome.received == outcome.sent && outcome.duplicated == 0
}

/// What the forwarder does with a frame.
enum Fate {
    /// So many copies leave at once.
    Copies(usize),
    /// It leaves after the next frame.
    Late,
}

/// Probes through a forwarder in user space, which asks `fate` about each frame by its number, counted from 1 after the
/// warm-up. Frames are of the least size, so that their heads are all of them.
fn through_forwarder(count: u32, fate: fn(u32) -> Fate) -> Outcome {
    two_pairs();
    let probe = probe(
        count,
        20_000,
        frame::SIZE_MIN,
        MacAddress::from_bytes([2, 0, 0, 0, 0, 1]),
    );
    let stop = AtomicBool::new(false);
    let input = Interface::find("entry").expect("entry");
    let receiver =
        PacketSocket::receiver(&input, DESTINATION, 1 << 24).expect("forwarder's receiver");
    receiver
        .accept_any_address(&input)
        .expect("forwarder's receiver takes all");
    let sender =
        PacketSocket::sender(&Interface::find("exit").expect("exit")).expect("forwarder's sender");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut batch = Batch::new();
            let mut late: Option<Vec<u8>> = None;
            while !stop.load(Ordering::Relaxed) {
                for index in 0..receiver.receive(&mut batch).expect("receive") {
                    let (bytes, _, _) = batch.frame(index);
                    let id = frame::id(bytes, DESTINATION).expect("a frame of the probe");
                    match id
                        .checked_sub(probe.warm_up)
                        .filter(|number| *number > 0)
                        .map_or(Fate::Copies(1), fate)
                    {
                        Fate::Late => late = Some(bytes.to_vec()),
                        Fate::Copies(copies) => {
                            for frame in
                                std::iter::repeat_n(bytes, copies).chain(late.take().as_deref())
                            {
                                sender.send(frame).expect("forward");
                            }
                        }
                    }
                }
            }
        });
        let outcome = probe.run();
        stop.store(true, Ordering::Relaxed);
        outcome.expect("probe")
    })
}

#[test]
fn counts_drops_and_duplicates_exactly() {
    in_namespace(|| {
        let fate = |number: u32| match number {
            number if number.is_multiple_of(10) => Fate::Copies(0),
            number if number.is_multiple_of(7) => Fate::Copies(2),
            _ => Fate::Copies(1),
        };
        let outcome = through_forwarder(2100, fate);
        assert_eq!(
            (outcome.sent, outcome.refused, outcome.receiver_drops),
            (2100, 0, 0)
        );
        // Of 2100, a tenth is lost; of the 300 multiples of 7, 30 are multiples of 10 too.
        assert_eq!(
            (
                outcome.received,
                outcome.lost,
                outcome.duplicated,
                outcome.reordered
            ),
            (1890, 210, 270, 0)
        );
        assert_eq!(outcome.bytes, (1890 + 270) * frame::SIZE_MIN as u64);
        assert!(!is_complete(&outcome));
    });
}

#[test]
fn counts_reordered_frames_exactly() {
    in_namespace(|| {
        // Every fifth frame overtakes the one before it.
        let outcome = through_forwarder(1000, |number| {
            if number % 5 == 4 {
                Fate::Late
            } else {
                Fate::Copies(1)
            }
        });
        assert_eq!(
            (outcome.received, outcome.lost, outcome.duplicated),
            (1000, 0, 0)
        );
        assert_eq!(outcome.reordered, 200);
    });
}

#[test]
fn says_why_it_cannot_run() {
    in_namespace(|| {
        two_pairs();
        let mac = MacAddress::from_bytes([2, 0, 0, 0, 0, 1]);
        let probe = probe(1, 10_000, Probe::SIZE, mac);
        let missing = Probe {
            ingress: "absent".to_owned(),
            ..probe.clone()
        };
        assert!(
            matches!(missing.run(), Err(ProbeError::NoSuchInterface { name }) if name == "absent")
        );
        let nothing = Probe {
            count: 0,
            ..probe.clone()
        };
        assert!(matches!(nothing.run(), Err(ProbeError::NothingToSend)));
        let many = Probe {
            count: u32::MAX,
            ..probe.clone()
        };
        assert!(matches!(many.run(), Err(ProbeError::TooMany { .. })));
        let sized = |size| {
            Probe {
                size,
                ..probe.clone()
            }
            .run()
        };
        assert!(matches!(
            sized(frame::SIZE_MIN - 1),
            Err(ProbeError::Short { .. })
        ));
        sized(1514).expect("the longest frame that the link takes");
        for size in [1515, frame::SIZE_MAX + 1] {
            let found = sized(size).expect_err("too long");
            assert!(matches!(found, ProbeError::Long { .. }), "{size}: {found}");
        }
        ip(None, "link set entry down");
        // The kernel tells of a lost carrier late, too.
        let results = std::iter::repeat_with(|| probe.run()).take(10);
        let found = results
            .into_iter()
            .find_map(Result::err)
            .expect("a missing carrier");
        assert!(matches!(found, ProbeError::NoCarrier { name } if name == "in0"));
        ip(None, "link set out0 down");
        ip(None, "link set entry up");
        assert!(matches!(probe.run(), Err(ProbeError::Down { name }) if name == "out0"));
    });
}

#[test]
fn everything_lost_is_an_outcome() {
    in_namespace(|| {
        two_pairs();
        let outcome = probe(
            100,
            10_000,
            Probe::SIZE,
            MacAddress::from_bytes([2, 0, 0, 0, 0, 1]),
        )
        .run()
        .expect("probe");
        assert_eq!(
            (outcome.sent, outcome.received, outcome.lost),
            (100, 0, 100)
        );
        assert_eq!(outcome.latency_ns, None);
    });
}
