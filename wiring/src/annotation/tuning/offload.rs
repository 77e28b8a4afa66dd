//! Names of offloads: ethtool(8)'s, as keys are written here, or the kernel's own. Pure.

use std::fmt;
use std::str::FromStr;

/// Names for people, and the features of the kernel that each stands for, where `*` is anything (`off_flag_def`, ethtool.c).
const NAMES: [(&str, &str); 13] = [
    ("rxChecksum", "rx-checksum"),
    ("txChecksum", "tx-checksum-*"),
    ("sg", "tx-scatter-gather*"),
    ("tso", "tx-tcp*-segmentation"),
    ("gso", "tx-generic-segmentation"),
    ("gro", "rx-gro"),
    ("lro", "rx-lro"),
    ("rxVlan", "rx-vlan-hw-parse"),
    ("txVlan", "tx-vlan-hw-insert"),
    ("ntuple", "rx-ntuple-filter"),
    ("rxHash", "rx-hashing"),
    ("hwTcOffload", "hw-tc-offload"),
    ("udpSegmentation", "tx-udp-segmentation"),
];
/// The kernel's names without a hyphen (`netdev_features_strings`, net/ethtool/common.c).
const PLAIN: [&str; 2] = ["highdma", "loopback"];

/// The name of an offload.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offload(String);

impl Offload {
    /// Those of the kernel's features that it stands for.
    pub(crate) fn of<'a>(&self, known: impl Iterator<Item = &'a String>) -> Vec<&'a String> {
        let names = NAMES.iter();
        let found = names.into_iter().find(|(name, _)| *name == self.0);
        let pattern = found.map_or(self.0.as_str(), |(_, pattern)| pattern);
        let (start, end) = pattern.split_once('*').unwrap_or((pattern, ""));
        let exact = !pattern.contains('*');
        let fits = |name: &&String| match exact {
            true => name.as_str() == pattern,
            false => {
                name.len() >= start.len() + end.len()
                    && name.starts_with(start)
                    && name.ends_with(end)
            }
        };
        known.filter(fits).collect()
    }
}

impl FromStr for Offload {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let kernel = text.contains('-')
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if kernel || PLAIN.contains(&text) || NAMES.iter().any(|(name, _)| *name == text) {
            return Ok(Self(text.to_owned()));
        }
        let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
        Err(format!(
            "`{text}` is no offload: write one of {}, or a name of the kernel's such as rx-gro-list",
            names.join(", ")
        ))
    }
}

impl fmt::Display for Offload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

crate::name::string_serde!(Offload, "");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_for_features() {
        let known = [
            "rx-gro",
            "rx-gro-hw",
            "tx-tcp-segmentation",
            "tx-tcp6-segmentation",
            "tx-udp-segmentation",
            "tx-checksum-ipv4",
            "tx-checksum-sctp",
        ]
        .map(str::to_owned);
        let cases: [(&str, Option<&[usize]>); 8] = [
            ("gro", Some(&[0])),
            ("rx-gro-hw", Some(&[1])),
            ("tso", Some(&[2, 3])),
            ("txChecksum", Some(&[5, 6])),
            ("lro", Some(&[])),
            ("rx-nothing", Some(&[])),
            ("groo", None),
            ("rx-GRO", None),
        ];
        for (name, expected) in cases {
            let offload = name.parse::<Offload>().ok();
            let found =
                offload.map(|offload| offload.of(known.iter()).into_iter().collect::<Vec<_>>());
            let expected = expected.map(|list| list.iter().map(|at| &known[*at]).collect());
            assert_eq!(found, expected, "{name}");
        }
    }
}
