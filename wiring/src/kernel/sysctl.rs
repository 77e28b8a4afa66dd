//! Sysctls of a network namespace: keys as people write them, values written and read back.
//!
//! Only `net.…`: everything else belongs to the whole machine. What `/proc/sys/net` shows is the namespace of the thread
//! that looks (`net_ctl_root`, `net/sysctl_net.c)`: see [`super::netns::Netns::run`].

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::Path;
use std::str::FromStr;

use crate::name::InterfaceName;

mod writer;

pub(crate) use writer::Sysctls;

/// The key of a sysctl of a network namespace, with `/` between its parts.
///
/// Read as sysctl(8) does: the first `.` or `/` says which of the two separates, and the other one is then a part's own
/// dot: `net.ipv4.conf.eth0/1.forwarding` and `net/ipv4/conf/eth0.1/forwarding` are the same key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SysctlKey(Cow<'static, str>);

impl SysctlKey {
    /// The key as a path below `/proc/sys`.
    pub fn as_path(&self) -> &Path {
        Path::new(&*self.0)
    }

    /// The parts of the key; the first is `net`.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// The key without its first part.
    pub(crate) fn below_net(&self) -> &str {
        self.0.strip_prefix("net/").unwrap_or_default()
    }

    /// The interface that the key is about; none for `all`, `default` and what is the namespace's own.
    pub fn interface(&self) -> Option<&str> {
        let (_family, rest) = self.below_net().split_once('/')?;
        let names = rest
            .strip_prefix("conf/")
            .or_else(|| rest.strip_prefix("neigh/"))?;
        let (name, _) = names.split_once('/')?;
        (!matches!(name, "all" | "default")).then_some(name)
    }

    /// A key from its parts, which the caller knows to be right.
    pub fn from_parts(parts: &[&str]) -> Self {
        Self(Cow::Owned(parts.join("/")))
    }

    /// A key as a path below `/proc/sys`, which the caller knows to be right.
    pub(crate) const fn from_path(path: &'static str) -> Self {
        Self(Cow::Borrowed(path))
    }
}

impl FromStr for SysctlKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let slashes = text
            .find(['.', '/'])
            .is_some_and(|first| text[first..].starts_with('/'));
        let path: String = if slashes {
            text.to_owned()
        } else {
            let swap = |letter| match letter {
                '.' => '/',
                '/' => '.',
                other => other,
            };
            text.chars().map(swap).collect()
        };
        let mut parts = path.split('/');
        if parts.next() != Some("net") || parts.next().is_none() {
            return Err(format!(
                "the sysctl `{text}` is not one of a network namespace: only `net.…` belongs to a node"
            ));
        }
        let plain = |part: &str| {
            let mut bytes = part.bytes();
            !part.is_empty()
                && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        };
        // net, ipv4, conf, NAME
        let is_interface =
            |position, part: &str| position == 3 && part.parse::<InterfaceName>().is_ok();
        let mut parts = path.split('/').enumerate();
        if !parts.all(|(position, part)| plain(part) || is_interface(position, part)) {
            return Err(format!(
                "`{text}` is not the name of a sysctl: write it with dots, such as net.ipv4.ip_forward"
            ));
        }
        Ok(Self(Cow::Owned(path)))
    }
}

impl fmt::Display for SysctlKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let swap = |letter| match letter {
            '.' => '/',
            '/' => '.',
            other => other,
        };
        let dotted: String = self.0.chars().map(swap).collect();
        formatter.pad(&dotted)
    }
}

crate::name::string_serde!(SysctlKey, r"^net[./].+$");

/// What can go wrong with a sysctl.
#[derive(Debug, thiserror::Error)]
pub enum SysctlError {
    /// There is no such sysctl.
    #[error("there is no sysctl `{key}` in this kernel, or its interface does not exist")]
    Unknown {
        /// The key.
        key: SysctlKey,
    },
    /// The sysctl could not be opened or read.
    #[error("cannot open the sysctl `{key}`")]
    Open {
        /// The key.
        key: SysctlKey,
        /// Of open(2) or read(2).
        source: io::Error,
    },
    /// The kernel refused the value.
    #[error("the kernel does not take `{value}` for the sysctl `{key}`")]
    Write {
        /// The key.
        key: SysctlKey,
        /// The value.
        value: String,
        /// Of write(2).
        source: io::Error,
    },
    /// The kernel took the value and made another one of it.
    #[error("the sysctl `{key}` was set to `{value}`, but reads `{reads}`")]
    Differs {
        /// The key.
        key: SysctlKey,
        /// The value written.
        value: String,
        /// The value read back.
        reads: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_separators_are_understood() {
        let cases = [
            ("net.ipv4.ip_forward", "net/ipv4/ip_forward"),
            ("net/ipv4/ip_forward", "net/ipv4/ip_forward"),
            (
                "net.ipv4.conf.eth0/1.forwarding",
                "net/ipv4/conf/eth0.1/forwarding",
            ),
            (
                "net/ipv4/conf/eth0.1/forwarding",
                "net/ipv4/conf/eth0.1/forwarding",
            ),
        ];
        for (text, path) in cases {
            let key: SysctlKey = text.parse().unwrap();
            assert_eq!(key.as_path(), Path::new(path));
            assert_eq!(
                key.to_string().parse(),
                Ok(key),
                "reads back what it writes"
            );
        }
    }
}
