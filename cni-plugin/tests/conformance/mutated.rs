//! Calls that nobody would make: the seeds of the fuzz target (`make fuzz`), each changed a few hundred times in the same
//! way at every run. The variable `PINWIRE_MUTATIONS` says how many times.

use std::path::Path;

use nix::mount::{MsFlags, mount};

use crate::call_of_fuzzer::{Host, call};
use crate::lab::{Lab, lab};

const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fuzz/corpus");
const DICTIONARY: &str = include_str!("../../../tests/fuzz/plugin.dictionary");

/// Numbers that look random (xorshift64, Marsaglia 2003).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit.max(1) as u64).unwrap()
    }
}

fn mutate(input: &mut Vec<u8>, numbers: &mut Numbers, words: &[&str]) {
    let from = numbers.below(input.len());
    let to = (from + 1 + numbers.below(12)).min(input.len());
    match numbers.below(5) {
        0 => drop(input.drain(from..to)),
        1 => input[from] ^= 1 << numbers.below(8),
        2 => input[from] = b"0129-./:@{}[],\"\\\n"[numbers.below(17)],
        3 => {
            let copy = input[from..to].to_vec();
            let at = numbers.below(input.len());
            input.splice(at..at, copy);
        }
        _ => {
            let word = words[numbers.below(words.len())].trim_matches('"');
            input.splice(from..to, word.bytes());
        }
    }
}

/// An input may name any file: all but the lab's own and `/run`, which it gets anew, is read-only.
fn confine(lab: &Lab<'_>) {
    let none = None::<&str>;
    let read_only = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
    lab.keep_mounts_of(|| mount(none, "/", none, read_only, none).unwrap());
    lab.hide("/run");
    // The thread's own, since its mounts are.
    nix::unistd::chdir(&lab.path("bin")).unwrap();
}

#[test]
fn made_up_calls_are_answered_and_leave_nothing() {
    lab(|lab| {
        let rounds =
            std::env::var("PINWIRE_MUTATIONS").map_or(300, |rounds| rounds.parse().unwrap());
        confine(lab);
        let host = Host {
            container: (lab.netns("web"), lab.netns_path("web")),
            state: lab.state(),
            path: lab.search_path(),
        };
        let words: Vec<&str> = DICTIONARY.lines().collect();
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
        let seeds = std::fs::read_dir(Path::new(SEEDS)).unwrap();
        for seed in seeds.map(|seed| std::fs::read(seed.unwrap().path()).unwrap()) {
            call(&host, &seed);
            for _ in 0..rounds {
                let mut input = seed.clone();
                for _ in 0..=numbers.below(3) {
                    if !input.is_empty() {
                        mutate(&mut input, &mut numbers, &words);
                    }
                }
                call(&host, &input);
            }
        }
        // Where the IPAM plugin refuses its configuration at DEL, too, the attachment stays written down.
        let attachments = std::fs::read_dir(lab.state().join("attachments")).unwrap();
        for attachment in attachments {
            std::fs::remove_file(attachment.unwrap().path()).unwrap();
        }
    });
}
